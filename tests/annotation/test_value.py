"""What a judgement is worth: novel and uncertain first, nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.annotation.value import Candidate, rank
from tests.selection.turns import unit

EAST, NORTH = unit(1, 0), unit(0, 1)
NEARLY_EAST = unit(1, 0.1)


def ranked(
    *candidates: Candidate, judged: tuple[np.ndarray, ...] = (), limit: int | None = None
) -> list[int]:
    return [each.turn_id for each in rank(candidates, judged, limit)]


def test_without_candidates_there_is_nothing_to_ask() -> None:
    assert rank([], [EAST]) == []


def test_of_equally_new_replies_the_least_certain_comes_first() -> None:
    sure, unsure = Candidate(1, EAST, 0.4), Candidate(2, NORTH, 1.6)
    assert ranked(sure, unsure) == [2, 1]
    best = rank([sure, unsure], [])[0]
    assert (best.novelty, best.uncertainty, best.value) == (1.0, pytest.approx(1.6), pytest.approx(1.6))


def test_of_equally_uncertain_replies_the_newest_subject_comes_first() -> None:
    assert ranked(Candidate(1, NORTH, 1.0), Candidate(2, NEARLY_EAST, 1.0), judged=(unit(1, 0.5),)) == [1, 2]


def test_a_reply_like_a_judged_one_is_not_asked_about() -> None:
    assert ranked(Candidate(1, NEARLY_EAST, 9.0), Candidate(2, NORTH, 0.1), judged=(EAST,)) == [2]


def test_a_batch_does_not_ask_one_thing_twice() -> None:
    alike, other = Candidate(2, NEARLY_EAST, 2.0), Candidate(3, NORTH, 0.1)
    assert ranked(Candidate(1, EAST, 2.1), alike, other) == [1, 3]


def test_opposite_vectors_are_no_newer_than_unrelated_ones() -> None:
    (only,) = rank([Candidate(1, unit(-1, 0), 1.0)], [EAST])
    assert only.novelty == 1.0


def test_an_unknown_loss_counts_as_usual() -> None:
    known, unknown, sure = (
        Candidate(1, EAST, 3.0),
        Candidate(2, NORTH, None),
        Candidate(3, unit(0, 0, 1), 1.0),
    )
    assert ranked(known, unknown, sure) == [1, 2, 3]
    assert [each.uncertainty for each in rank([unknown], [])] == [1.0]


def test_a_tie_goes_to_the_newest_turn_and_the_limit_holds() -> None:
    candidates = [Candidate(1, EAST, 1.0), Candidate(3, unit(0, 0, 1), 1.0), Candidate(2, NORTH, 1.0)]
    assert ranked(*candidates, limit=2) == [3, 2]
