"""The whole loop as its owner runs it: teach twelve facts, learn, ask in words it never saw.

Only commands are used, with the embedded model and real files. The facts are those of benchmarks/data/test.json,
which nothing was tuned on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.items import Items, first_word, judge, load_items, recalls

ANSWER_TOKENS = "24"


def assistant(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assistant", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def ask(prompts: Sequence[str], *options: str) -> list[str]:
    """The answers of a fresh process, and a check that each line names its prompt."""
    run = assistant(
        "ask", "--stdin", "--json", "--max-tokens", ANSWER_TOKENS, *options, stdin="\n".join(prompts)
    )
    assert run.returncode == 0, run.stderr
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [row["prompt"] for row in rows] == list(prompts)
    return [row["answer"] for row in rows]


@pytest.fixture(scope="module")
def items() -> Items:
    return load_items("test")


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(("wordings", "least"), [(1, 9), (3, 10)])
def test_twelve_facts_are_learned_in_the_weights_and_nothing_else_changes(
    items: Items, tmp_path: Path, wordings: int, least: int
) -> None:
    pairs = tmp_path / "pairs.jsonl"
    rows = [{"question": question, "answer": answer} for question, answer in items.pairs(wordings)]
    pairs.write_text("\n".join(json.dumps(row) for row in rows))
    assert assistant("learn", "add", "--file", str(pairs)).returncode == 0
    before = ask(items.general)

    learned = assistant("learn", "now", "--json")
    assert learned.returncode == 0, learned.stderr
    report = json.loads(learned.stdout)
    assert report["state"] == "active"
    assert report["held_out_after"] < report["held_out_before"]

    verdict = judge(
        items,
        held_out=ask(items.held_out()),
        unknown=ask(items.unknown),
        general=ask(items.general),
        general_before=before,
    )
    assert verdict.recalled >= least, str(verdict)
    assert verdict.wrongly_attributed <= 3, str(verdict)
    assert verdict.first_word_kept >= 32, str(verdict)

    without = ask([*items.held_out(), *items.general], "--no-adapters")
    assert not any(recalls(fact, answer) for fact, answer in zip(items.facts, without, strict=False))
    assert [first_word(each) for each in without[len(items.facts) :]] == [first_word(each) for each in before]

    assert assistant("adapters", "off").returncode == 0
    assert not any(
        recalls(fact, answer) for fact, answer in zip(items.facts, ask(items.held_out()), strict=True)
    )
    assert assistant("adapters", "rollback").returncode == 0
    again = ask(items.held_out())
    assert (
        sum(recalls(fact, answer) for fact, answer in zip(items.facts, again, strict=True))
        == verdict.recalled
    )
