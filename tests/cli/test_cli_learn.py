from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.errors import Cancelled
from assistant.learning_report import LearnReport
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import NewWording, Store, Version
from tests.doubles import STEPS, ScriptedLearner

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]

# Adds a file, but the process is killed while the pair number argv[2] is being written.
KILLED_WHILE_ADDING = """
import os, signal, sys
from assistant.cli.app import main
from assistant.store.pairs import Pairs
file, last, add, count = sys.argv[1], int(sys.argv[2]), Pairs.add, 0
def counting(self, *args, **kwargs):
    global count
    pair = add(self, *args, **kwargs)
    count += 1
    if count == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return pair
Pairs.add = counting
main(["learn", "add", "--file", file])
"""

CAT = ("What is my cat called?", "Your cat is called Mo.")


def report(state: str) -> LearnReport:
    version = None if state == "nothing" else "v0001"
    return LearnReport(
        version,
        state,
        f"It ended as {state}.",
        pairs=1,
        seconds={"tune": 2.0},
        reasons=("Loss 3.10 → 0.42.",),
    )


@pytest.fixture
def learner(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedLearner]:
    """Puts a scripted learner in place of the real one; tuning itself is tested elsewhere."""

    def place(state: str = "active", **script: Any) -> ScriptedLearner:
        scripted = ScriptedLearner(None, report=report(state), **script)  # type: ignore[arg-type]
        services = SimpleNamespace(learner=scripted, problems=[], close=lambda: None)

        def open_services(paths: Paths, settings: Settings) -> SimpleNamespace:
            services.settings = settings
            return services

        monkeypatch.setattr("assistant.services.open_services", open_services)
        scripted.services = services  # type: ignore[attr-defined]
        return scripted

    return place


def teach(run: Run, question: str = CAT[0], answer: str = CAT[1]) -> None:
    assert run("learn", "add", "--question", question, "--answer", answer)[:2] == (0, "")


def learned(paths: Paths, *pair_ids: int) -> None:
    with Store.open(paths) as store:
        store.versions.add(
            Version(
                "v0001", None, "personal", "active", 1.0, "layer-chain", "x", "v0001.gguf", pair_ids=pair_ids
            )
        )


def test_an_added_pair_waits_to_be_learned(run: Run, run_json: RunJson) -> None:
    added = run_json("learn", "add", "--question", CAT[0], "--answer", CAT[1])
    (pair,) = added["pairs"]
    assert (pair["question"], pair["answer"], pair["source"], added["waiting"]) == (*CAT, "added", 1)
    assert run("learn", "add", "-q", "Who am I?", "-a", "You are Ann.")[2].startswith("Kept 1 pair. 2 pairs")


def test_another_answer_supersedes_the_former(run: Run, run_json: RunJson) -> None:
    teach(run)
    teach(run, answer="Your cat is called Tib.")
    assert [pair["answer"] for pair in run_json("learn", "pairs")] == ["Your cat is called Tib."]
    assert [pair["state"] for pair in run_json("learn", "pairs", "--all")] == ["superseded", "active"]


def test_pairs_are_read_from_a_file_and_from_stdin(
    run_json: RunJson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pairs.jsonl"
    lines = [json.dumps({"question": f"Question {n}?", "answer": f"Answer {n}."}) for n in (1, 2)]
    file.write_text("\ufeff" + "\n\n".join(lines) + "\n", encoding="utf-8")
    assert run_json("learn", "add", "--file", str(file))["waiting"] == 2
    monkeypatch.setattr(sys, "stdin", StringIO('{"question": "Three?", "answer": "3"}\n'))
    assert run_json("learn", "add", "--file", "-")["waiting"] == 3


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        "[1]",
        '{"question": "Why?"}',
        '{"question": " ", "answer": "x"}',
        '{"question": 1, "answer": "x"}',
    ],
)
def test_a_bad_line_is_named_and_nothing_is_added(
    run: Run, run_json: RunJson, tmp_path: Path, bad: str
) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps({"question": CAT[0], "answer": CAT[1]}) + f"\n\n{bad}\n")
    code, out, err = run("learn", "add", "--file", str(file))
    assert (code, out) == (2, "")
    assert f"Line 3 of {file}" in err
    assert run_json("learn", "pairs") == []


def pairs_file(folder: Path, count: int) -> Path:
    file = folder / "pairs.jsonl"
    pairs = [{"question": f"Question {n}?", "answer": f"Answer {n}."} for n in range(1, count + 1)]
    file.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return file


def test_one_bad_line_among_many_adds_nothing(run: Run, run_json: RunJson, tmp_path: Path) -> None:
    file = pairs_file(tmp_path, 9)
    lines = file.read_text().splitlines()
    lines[6] = '{"question": "Question 7?", "answer": null}'
    file.write_text("\n".join(lines))
    code, out, err = run("learn", "add", "--file", str(file))
    assert (code, out) == (2, "")
    assert f"Line 7 of {file} needs a text as answer." in err
    assert "nothing was added" in err
    assert run_json("learn", "pairs", "--all") == []


def test_a_crash_half_way_through_a_file_adds_nothing(
    run_json: RunJson, tmp_path: Path, paths: Paths
) -> None:
    file = pairs_file(tmp_path, 9)
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_ADDING, str(file), "5"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert paths.database.exists()
    assert run_json("learn", "pairs", "--all") == []
    assert run_json("learn", "add", "--file", str(file))["waiting"] == 9


def test_files_that_cannot_be_used_exit_with_2(run: Run, tmp_path: Path) -> None:
    latin, empty = tmp_path / "latin.jsonl", tmp_path / "empty.jsonl"
    latin.write_bytes(b'{"question": "caf\xe9", "answer": "x"}\n')
    empty.touch()
    assert "not UTF-8" in run("learn", "add", "--file", str(latin))[2]
    for file in (latin, empty, tmp_path / "none.jsonl"):
        assert run("learn", "add", "--file", str(file))[0] == 2


@pytest.mark.parametrize(
    "arguments", [(), ("-q", "Only a question?"), ("-q", "Q?", "-a", " "), ("-q", "Q?", "-a", "A", "-f", "x")]
)
def test_half_a_pair_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("learn", "add", *arguments)[:2] == (2, "")


def test_pairs_show_wordings_with_origin_and_split(run: Run, run_json: RunJson, paths: Paths) -> None:
    assert "no pairs yet" in run("learn", "pairs")[2]
    teach(run)
    with Store.open(paths) as store:
        store.pairs.replace_wordings(
            1, [NewWording("Who is my cat?", "model"), NewWording("Name my cat.", "rules", "held-out")]
        )
        store.pairs.add_reject(1, "What is my dog called?", "something else")
    (pair,) = run_json("learn", "pairs")
    assert [(each["origin"], each["split"]) for each in pair["wordings"]] == [
        ("model", "train"),
        ("rules", "held-out"),
    ]
    assert pair["rejected"] == {"something else": 1}
    assert run("learn", "pairs")[1] == (
        "1  added, active, not learned yet\n   Q: What is my cat called?\n   A: Your cat is called Mo.\n"
        "   - Who is my cat? (model, train)\n   - Name my cat. (rules, held-out)\n"
        "   rejected: something else 1\n"
    )


def test_status_counts_what_waits_and_what_is_known(run: Run, run_json: RunJson, paths: Paths) -> None:
    empty = run_json("learn", "status")
    assert (empty["pairs"]["waiting"], empty["active"], empty["buffer"]["held"]) == (0, [], 0)
    assert not paths.home.exists()
    teach(run)
    teach(run, "Who am I?", "You are Ann.")
    teach(run, "Who are you?", "Nobody.")
    run("learn", "off", "3")
    learned(paths, 1)
    status = run_json("learn", "status")
    states = {"waiting": 1, "learned": 1, "off": 1, "superseded": 0, "unconfirmed": 0, "rejected": 0}
    assert status["pairs"] == states
    assert (status["sources"], status["active"]) == ({"added": 2}, ["v0001"])
    assert "waiting 1, learned 1" in run("learn", "status")[1]


def test_status_works_while_another_process_writes(run_json: RunJson, paths: Paths) -> None:
    with Store.open(paths):
        assert run_json("learn", "status")["versions"] == 0


def test_the_buffer_of_a_new_home_is_empty(run: Run, run_json: RunJson) -> None:
    assert run_json("learn", "buffer")["items"] == []
    assert "No turn has been kept yet." in run("learn", "buffer")[2]
    assert run("learn", "buffer", "--why", "4")[0] == 2


def test_pairs_are_switched_off_and_on(run: Run, run_json: RunJson) -> None:
    teach(run)
    assert run_json("learn", "off", "1")["state"] == "off"
    assert run_json("learn", "on", "1")["state"] == "active"
    assert run("learn", "off", "9")[0] == 2


def test_a_removed_pair_is_gone_and_versions_that_know_it_are_named(
    run: Run, run_json: RunJson, paths: Paths
) -> None:
    teach(run)
    learned(paths, 1)
    assert run("learn", "remove", "1")[0] == 2
    code, _, err = run("learn", "remove", "1", "--yes")
    assert code == 0
    assert "v0001" in err
    assert run_json("learn", "pairs", "--all") == []
    assert run("learn", "remove", "1", "--yes")[0] == 2


def test_learn_now_tells_each_stage_once_and_then_the_report(run: Run, learner: Any) -> None:
    learner()
    code, out, err = run("learn", "now")
    assert code == 0
    assert len(err.splitlines()) == len({step.stage for step in STEPS})
    assert out.startswith("version    v0001, in force\n")
    assert "check      Loss 3.10 → 0.42." in out


def test_learn_now_redraws_one_line_on_a_terminal(
    run: Run, learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    err = run("learn", "now", "--json")[2]
    assert err.count("\r\x1b[K") == len(STEPS) + 1
    assert "\n" not in err
    assert "loss 0.30" in err


def test_the_json_of_learn_now_is_the_report(run_json: RunJson, learner: Any) -> None:
    learner()
    assert run_json("learn", "now") == json.loads(json.dumps(report("active").as_dict()))


def test_a_draft_is_reported_and_exits_with_8(run: Run, learner: Any) -> None:
    learner("draft")
    code, out, err = run("learn", "now", "--json")
    assert (code, json.loads(out)["state"]) == (8, "draft")
    assert "stays a draft" in err
    assert run("learn", "now")[1].startswith("version    v0001, a draft\n")


def test_nothing_to_learn_is_no_error(run: Run, learner: Any) -> None:
    learner("nothing", steps=())
    assert run("learn", "now") == (0, "", "It ended as nothing.\n")


def test_a_cancelled_run_exits_with_130(run: Run, learner: Any) -> None:
    learner(error=Cancelled("Learning was cancelled."))
    assert run("learn", "now", "--json")[:2] == (130, "")


def test_ctrl_c_asks_the_run_to_stop(run: Run, learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = learner(hold_at=2)
    monkeypatch.setattr(scripted.holding, "set", lambda: os.kill(os.getpid(), signal.SIGINT))
    assert run("learn", "now")[:2] == (130, "")


def test_learn_now_learns_on_the_model_it_is_given(run: Run, learner: Any) -> None:
    scripted = learner()
    assert run("learn", "now", "--model", "other.gguf")[0] == 0
    assert scripted.services.settings.model == "other.gguf"


def test_learn_now_without_that_model_exits_with_4(run: Run, tmp_path: Path) -> None:
    code, out, err = run("learn", "now", "--model", str(tmp_path / "none.gguf"))
    assert (code, out) == (4, "")
    assert "none.gguf does not exist" in err


def test_an_unknown_method_exits_with_2(run: Run) -> None:
    assert run("learn", "now", "--method", "magic")[:2] == (2, "")


LOG = [
    ("My dog Biscuit chases squirrels in the garden.", "That sounds like a lively dog."),
    ("How do I bake sourdough bread at home?", "Feed the starter, mix flour and water, and bake it hot."),
    ("Which train goes to Lisbon from Madrid at night?", "There is no direct night train at present."),
]


def import_log(run_json: RunJson, tmp_path: Path) -> None:
    lines = [
        json.dumps({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": told}]})
        for asked, told in LOG
    ]
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(lines))
    run_json("chats", "import", str(file))


@pytest.mark.timeout(300)
def test_imported_chats_are_scanned_and_each_kept_turn_is_explained(
    run: Run, run_json: RunJson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_log(run_json, tmp_path)
    monkeypatch.setenv("ASSISTANT_SELECTION_POLICY", "diverse")
    report = run_json("learn", "scan")
    assert (report["considered"], report["kept"], report["held"], report["mark"]) == (3, 3, 3, 6)
    assert "nothing new" in run("learn", "scan")[2]

    found = run_json("learn", "buffer")
    assert found["policy"] == "diverse"
    assert [item["rank"] for item in found["items"]] == sorted(item["rank"] for item in found["items"])
    why = run_json("learn", "buffer", "--why", "2")
    assert (why["held"], why["of"], why["item"]["domain"]) == (True, 3, "pets and animals")
    assert 1 <= why["rank"] <= 3 and why["topic_size"] >= 1
    assert [decision["action"] for decision in why["decisions"]] == ["keep"]
    told = run("learn", "buffer", "--why", "2")[1]
    assert "rank       " in told and "of 3 under the policy diverse" in told
    assert "(pets and animals)" in told and "places were taken" in told
    # Prompts are not judged, and turns that are not there are not explained.
    assert run("learn", "buffer", "--why", "1")[:2] == (2, "")
    assert run("learn", "buffer", "--why", "99")[:2] == (2, "")


@pytest.mark.timeout(300)
def test_a_turn_that_a_scan_dropped_is_said_to_have_been_looked_at(
    run: Run, run_json: RunJson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_log(run_json, tmp_path)
    monkeypatch.setenv("ASSISTANT_BUFFER_SIZE", "1")
    run_json("learn", "scan")
    # Each is alone in its domain, so none is newer than the first under the default policy.
    for turn, held in ((2, True), (4, False), (6, False)):
        why = run_json("learn", "buffer", "--why", str(turn))
        assert (why["held"], why["swept"], bool(why["decisions"])) == (held, not held, held)
    assert "looked at in a scan and not kept" in run("learn", "buffer", "--why", "4")[1]


def test_scan_needs_learning_to_be_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_LEARN", "false")
    code, out, err = run("learn", "scan")
    assert (code, out) == (2, "")
    assert "Learning is off." in err


def test_a_bad_word_list_is_a_settings_error_with_file_and_line(run: Run, paths: Paths) -> None:
    paths.lexicons.mkdir(parents=True)
    (paths.lexicons / "tea.txt").write_text("# domain: tea\noolong\nearl-grey\n")
    code, _, err = run("learn", "scan", "--json")
    assert code == 3
    assert "tea.txt, line 3" in err and "docs/lexicons.md" in err


def test_an_unknown_policy_is_a_settings_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_SELECTION_POLICY", "magic")
    assert run("learn", "buffer")[0] == 3
