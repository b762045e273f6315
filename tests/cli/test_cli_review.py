"""`learn review`: the same answers as on the screen, line by line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from assistant.marks import apply_mark
from assistant.paths import Paths
from assistant.store import Store
from selection.buffer import SelectionBuffer
from tests.kept import keep

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]
Typed = Callable[..., None]


@pytest.fixture
def kept(paths: Paths) -> list[int]:
    """Three kept replies, the second the least certain."""
    with Store.open(paths) as store:
        buffer = SelectionBuffer(store.db, paths.index)
        return [
            keep(store, buffer, f"Question {number}?", f"Answer {number}.", loss=loss).id
            for number, loss in enumerate((0.5, 2.0, 1.0))
        ]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    return lambda *lines: monkeypatch.setattr(sys, "stdin", StringIO("".join(f"{line}\n" for line in lines)))


def pairs(paths: Paths) -> list[tuple[str, str, str]]:
    with Store.open(paths, write=False) as store:
        return [(pair.question, pair.answer, pair.source) for pair in store.pairs.list()]


def test_json_lists_what_would_be_asked_best_first(run_json: RunJson, kept: list[int], paths: Paths) -> None:
    listed = run_json("learn", "review")
    assert [each["turn_id"] for each in listed] == [kept[1], kept[2], kept[0]]
    assert (listed[0]["question"], listed[0]["answer"]) == ("Question 1?", "Answer 1.")
    assert (listed[0]["novelty"], listed[0]["uncertainty"], listed[0]["value"]) == (1.0, 1.7143, 1.7143)
    assert len(run_json("learn", "review", "--limit", "2")) == 2
    with Store.open(paths) as store:
        assert store.questions.history() == []


def test_json_works_while_another_process_writes(run_json: RunJson, kept: list[int], paths: Paths) -> None:
    with Store.open(paths):
        assert len(run_json("learn", "review")) == 3


def test_plus_e_and_n_judge_the_replies_in_order(
    run: Run, run_json: RunJson, kept: list[int], paths: Paths, typed: Typed
) -> None:
    typed("+", "e", "It should have said this.", "n")
    code, out, err = run("learn", "review")
    assert (code, out) == (0, "")
    assert "1 of 3, chat 2\nYou: Question 1?\nAssistant: Answer 1." in err
    assert "Judged 3: fine 1, corrected 1, never 1." in err
    assert pairs(paths) == [
        ("Question 1?", "Answer 1.", "good"),
        ("Question 2?", "It should have said this.", "edit"),
    ]
    assert run_json("learn", "review") == []


def test_minus_teaches_nothing_and_enter_leaves_for_later(
    run: Run, run_json: RunJson, kept: list[int], paths: Paths, typed: Typed
) -> None:
    typed("-", "", "q")
    assert "Judged 1: bad 1." in run("learn", "review")[2]
    assert pairs(paths) == []
    assert {each["turn_id"] for each in run_json("learn", "review")} == {kept[0], kept[2]}


def test_u_takes_the_last_answer_back(run: Run, kept: list[int], paths: Paths, typed: Typed) -> None:
    typed("+", "u", "-", "q")
    err = run("learn", "review")[2]
    assert "Took back “good”" in err and "Judged 1: bad 1." in err
    assert pairs(paths) == []
    typed("u", "q")
    assert "nothing to take back" in run("learn", "review")[2]


def test_an_empty_correction_and_an_unknown_key_change_nothing(
    run: Run, run_json: RunJson, kept: list[int], typed: Typed
) -> None:
    typed("e", "", "z", "q")
    err = run("learn", "review")[2]
    assert "Nothing written" in err and err.count("u undo") == 2
    assert "Nothing was judged." in err
    assert len(run_json("learn", "review")) == 3


def test_the_end_of_the_input_ends_the_review(run: Run, kept: list[int], paths: Paths, typed: Typed) -> None:
    typed("+", "e")
    code, _, err = run("learn", "review")
    assert code == 0 and "Judged 1: fine 1." in err
    assert len(pairs(paths)) == 1


def test_on_a_terminal_one_key_is_enough(
    run: Run, kept: list[int], paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter(["+", "\x1b[A", "\r", "\x1b"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("click.getchar", lambda: next(keys))
    assert "Judged 1: fine 1." in run("learn", "review")[2]
    assert pairs(paths) == [("Question 1?", "Answer 1.", "good")]


def test_nothing_to_review_is_no_error(
    run: Run, run_json: RunJson, kept: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_LEARN", "false")
    assert run("learn", "review")[::2] == (0, "Learning is off in the settings.\n")
    assert run_json("learn", "review") == []


def test_a_new_home_has_nothing_to_review(run: Run) -> None:
    assert run("learn", "review")[::2] == (0, "There is nothing to review.\n")


def test_status_reports_questions_and_what_the_budget_allows(
    run: Run, run_json: RunJson, kept: list[int], paths: Paths, typed: Typed
) -> None:
    assert run_json("learn", "status")["questions"] == {
        "asked": 0, "answered": 0, "dismissed": 0, "never": 0, "ignored": 0, "reviewed": 0,
        "asked_today": 0, "left_today": 3, "rate": 1.0, "per_session": 1, "per_day": 3, "open": 3,
    }  # fmt: skip
    with Store.open(paths) as store:
        for turn_id in kept[:2]:
            session = store.questions.begin_session()
            store.questions.add(turn_id, place="pause", session=session, outcome="dismissed")
    questions = run_json("learn", "status")["questions"]
    assert (questions["asked"], questions["dismissed"], questions["left_today"]) == (2, 2, 1)
    out = run("learn", "status")[1]
    assert "questions  asked 2, answered 0, dismissed 2, never 0, ignored 0, reviewed 0\n" in out
    assert "today      asked 2, 1 more allowed, 0.5 as often after dismissals\n" in out
    typed("+", "q")
    run("learn", "review")
    assert "today      asked 2, 1 more allowed\nto review  2 kept replies\n" in run("learn", "status")[1]


def test_a_removed_own_pair_does_not_come_back(run: Run, kept: list[int], paths: Paths) -> None:
    from assistant.annotation.own_replies import OwnReplies

    with Store.open(paths) as store:
        OwnReplies(store, SelectionBuffer(store.db, paths.index), is_allowed=True).refresh()
        apply_mark(store, kept[2], "bad")
        first = store.pairs.list()[0]
    run("learn", "remove", str(first.id), "--yes")
    with Store.open(paths) as store:
        OwnReplies(store, SelectionBuffer(store.db, paths.index), is_allowed=True).refresh()
        assert [pair.source for pair in store.pairs.list()] == ["own"]
        assert first.turn_id not in [pair.turn_id for pair in store.pairs.list()]
