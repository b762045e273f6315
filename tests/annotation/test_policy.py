"""When a question may be put: only at a pause, within the budget, less often after dismissals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from assistant.annotation.policy import Asked, AskPolicy, Budget, Moment, current_rate
from assistant.annotation.value import Candidate
from tests.annotation.conftest import NOON, PAUSE
from tests.selection.turns import unit

POLICY = AskPolicy(Budget(per_session=1, per_day=3, pause_s=20))


def asked(outcome: str = "fine", *, session: int | None = 1, days_ago: float = 0) -> Asked:
    return Asked(NOON - timedelta(days=days_ago), session, outcome)


def may_ask(*past: Asked, moment: Moment = PAUSE, session: int = 9, policy: AskPolicy = POLICY) -> bool:
    return policy.may_ask(moment, past, now=NOON, session=session)


def test_a_first_question_may_be_put_at_a_pause() -> None:
    assert may_ask()


@pytest.mark.parametrize(
    "moment",
    [
        replace(PAUSE, idle_s=19.9),
        replace(PAUSE, is_private=True),
        replace(PAUSE, is_busy=True),
        replace(PAUSE, is_typing=True),
    ],
)
def test_never_elsewhere_than_at_a_pause(moment: Moment) -> None:
    assert not may_ask(moment=moment)


def test_one_question_per_session() -> None:
    assert not may_ask(asked(session=9))
    assert may_ask(asked(session=8))


def test_three_questions_per_day_of_the_owner() -> None:
    today = [asked(session=n) for n in (1, 2, 3)]
    assert may_ask(*today[:2]) and not may_ask(*today)
    assert may_ask(*(asked(session=n, days_ago=1) for n in (1, 2, 3)))
    assert POLICY.left_today(today[:2], NOON) == 1


def test_a_day_begins_at_the_owners_midnight() -> None:
    east = timezone(timedelta(hours=10))
    past = [Asked(datetime(2031, 5, 14, 13, 59, tzinfo=UTC), 1, "fine")]
    just_before, just_after = (
        datetime(2031, 5, day, hour, 59, tzinfo=east) for day, hour in ((14, 23), (15, 0))
    )
    assert [POLICY.left_today(past, now) for now in (just_before, just_after)] == [2, 3]


def test_a_clock_that_was_set_back_gives_nothing_back() -> None:
    assert POLICY.left_today([asked(days_ago=-2)], NOON) == 2


@pytest.mark.parametrize("budget", [Budget(per_session=0), Budget(per_day=0)])
def test_zero_switches_questions_off(budget: Budget) -> None:
    policy = AskPolicy(budget)
    assert not policy.is_on and not may_ask(policy=policy)
    assert policy.left_today([], NOON) == 0


def test_judgements_of_the_review_spend_no_budget() -> None:
    assert may_ask(*(asked("fine", session=None) for _ in range(9)))


@pytest.mark.parametrize(
    ("outcomes", "rate"),
    [
        ("dismissed", 1),
        ("dismissed dismissed", 1 / 2),
        ("dismissed fine dismissed", 1),
        ("dismissed dismissed dismissed", 1 / 2),
        ("dismissed dismissed dismissed dismissed", 1 / 4),
        ("dismissed dismissed corrected", 1),
        ("dismissed dismissed bad dismissed", 1),
        ("dismissed open dismissed", 1 / 2),
        ("dismissed never dismissed", 1 / 2),
        ("dismissed dismissed never", 1 / 2),
        (" ".join(["dismissed"] * 20), 1 / 8),
    ],
)
def test_two_dismissals_in_a_row_halve_the_rate_until_one_is_answered(outcomes: str, rate: float) -> None:
    assert current_rate([asked(outcome) for outcome in outcomes.split()]) == rate


def test_half_the_rate_is_one_question_in_two_sessions() -> None:
    past = [asked("dismissed", session=1, days_ago=9), asked("dismissed", session=2, days_ago=9)]
    assert not may_ask(*past, session=3)
    assert may_ask(*past, session=4)


def test_half_the_rate_is_three_questions_in_two_days() -> None:
    past = [asked("dismissed", session=n, days_ago=days) for n, days in ((1, 2), (2, 1), (3, 1))]
    assert POLICY.left_today(past, NOON) == 1
    assert POLICY.left_today([*past, asked("open", session=5)], NOON) == 0


def test_an_answer_in_the_review_brings_the_rate_back() -> None:
    past = [asked("dismissed"), asked("dismissed"), asked("corrected", session=None)]
    assert current_rate(past) == 1


def test_the_reply_most_worth_it_is_chosen_or_none() -> None:
    sure, unsure = Candidate(1, unit(1, 0), 0.2), Candidate(2, unit(0, 1), 2.0)
    best = POLICY.choose([sure, unsure], [])
    assert best is not None and best.turn_id == 2
    assert POLICY.choose([sure], [unit(1, 0)]) is None
    assert POLICY.choose([], []) is None


def test_the_policy_knows_neither_screen_nor_database() -> None:
    code = (
        "import sys, assistant.annotation.policy;"
        "sys.exit(bool({'textual', 'sqlite3', 'assistant.store'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
