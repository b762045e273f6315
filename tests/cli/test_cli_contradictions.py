"""What the commands say when an answer contradicts an older one; the embedding model is the real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assistant.paths import Paths
from assistant.store import Store

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]
REX = ("What is my dog called?", "Your dog is called Rex.")
BISCUIT = ("What's the name of my dog?", "Your dog is called Biscuit.")


def teach(run: Run, pair: tuple[str, str]) -> str:
    code, out, err = run("learn", "add", "--question", pair[0], "--answer", pair[1])
    assert (code, out) == (0, "")
    return err


def test_adding_says_which_older_answer_is_replaced(run: Run, run_json: RunJson) -> None:
    assert "older" not in teach(run, REX)
    said = teach(run, BISCUIT)
    assert (
        "Pair 2 replaces the older answer in pair 1: What is my dog called? → Your dog is called Rex." in said
    )
    assert "`assistant learn on PAIR` goes back to it" in said
    added = run_json("learn", "add", "-q", REX[0], "-a", "Your dog is called Bello.")
    assert [(pair["id"], pair["state"], pair["superseded_by"]) for pair in added["replaced"]] == [
        (2, "superseded", 3)
    ]


def test_the_pairs_are_marked_with_what_they_replace(run: Run, run_json: RunJson) -> None:
    teach(run, REX)
    teach(run, BISCUIT)
    (pair,) = run_json("learn", "pairs")
    assert [older["answer"] for older in pair["replaces"]] == ["Your dog is called Rex."]
    assert "   replaces 1: What is my dog called? → Your dog is called Rex." in run("learn", "pairs")[1]
    assert "1  added, superseded by 2, not learned yet" in run("learn", "pairs", "--all")[1]


def test_the_older_answer_can_be_switched_on_again(run: Run, run_json: RunJson) -> None:
    teach(run, REX)
    teach(run, BISCUIT)
    assert "Pair 1 replaces the older answer in pair 2" in run("learn", "on", "1")[2]
    assert [pair["answer"] for pair in run_json("learn", "pairs")] == [REX[1]]


def test_switching_off_or_removing_the_newer_points_to_the_older(run: Run, run_json: RunJson) -> None:
    teach(run, REX)
    teach(run, BISCUIT)
    for command in (("off", "2"), ("remove", "2", "--yes")):
        said = run("learn", *command)[2]
        assert f"It had replaced pair 1, the older answer: {REX[1]}" in said
        assert "`assistant learn on 1`" in said
    assert [pair["state"] for pair in run_json("learn", "pairs", "--all")] == ["superseded"]


def test_contradictions_inside_one_file_are_said_too(run: Run, tmp_path: Path, run_json: RunJson) -> None:
    teach(run, REX)
    file = tmp_path / "pairs.jsonl"
    pairs = [BISCUIT, ("What is my cat called?", "Your cat is called Mo.")]
    file.write_text("\n".join(json.dumps({"question": q, "answer": a}) for q, a in pairs))
    assert "replaces the older answer in pair 1" in run("learn", "add", "--file", str(file))[2]
    assert [pair["answer"] for pair in run_json("learn", "pairs")] == [BISCUIT[1], "Your cat is called Mo."]


def test_statements_that_were_not_confirmed_are_counted_and_listed(
    run: Run, run_json: RunJson, paths: Paths
) -> None:
    with Store.open(paths) as store:
        for question in ("Where is my bus?", "Where is my train?"):
            pair = store.pairs.add(question, "It is at 8.", source="statement", state="unconfirmed")
        store.pairs.set_state(pair.id, "rejected")
        store.pairs.add_reject(pair.id, "", "other kind of answer")
    states = run_json("learn", "status")["pairs"]
    assert (states["waiting"], states["unconfirmed"], states["rejected"]) == (0, 1, 1)
    shown = run("learn", "pairs", "--all")[1]
    assert "2  statement, rejected, not learned yet" in shown and "rejected: other kind of answer 1" in shown
    assert run("learn", "on", "2")[0] == 0
    assert [pair["id"] for pair in run_json("learn", "pairs")] == [2]
