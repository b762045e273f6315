"""Rules that combine reports: exact, whatever the order, and not moved far by the hostile ones."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.aggregate import Contribution, aggregate, contributions, reports_hash
from federation.refusal import FederationError
from federation.robust import combine, krum, median, rounded_quotient, trimmed_mean
from federation.scores import longest, partial_z_scores, quantise, z_scores
from federation.task import Rule, RuleKind
from federation.wire import Encoding, Report

RULES = get_args(RuleKind)
WHOLE = st.integers(-32767, 32767)


def report(device: int, scalars: np.ndarray, encoding: Encoding = Encoding.CLEAR) -> Report:
    return Report(
        task=bytes(16),
        round=0,
        state=bytes(8),
        device=bytes([device]) * 16,
        encoding=encoding,
        payload=scalars.astype("<i2").tobytes(),
    )


@pytest.mark.parametrize("kind", RULES)
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.lists(st.lists(WHOLE, min_size=4, max_size=4), min_size=1, max_size=9), st.randoms())
def test_the_order_of_arrival_does_not_matter(kind: RuleKind, rows: list[list[int]], random: object) -> None:
    reports = [report(number, np.array(row)) for number, row in enumerate(rows)]
    shuffled = list(reports)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    rule = Rule(kind, 0.2)
    one, two = (aggregate(contributions(each), rule) for each in (reports, shuffled))
    assert np.array_equal(one, two)
    assert reports_hash(reports) == reports_hash(shuffled)


def test_the_mean_is_counted_in_parts_of_a_step() -> None:
    parts = [Contribution(np.array([1, -1, 3]), 1), Contribution(np.array([2, -2, 3]), 2)]
    assert list(aggregate(parts, Rule())) == [256, -256, 512]


def test_groups_weigh_by_their_size_in_the_mean_and_vote_alike_in_the_median() -> None:
    parts = [Contribution(np.array([total]), clients) for total, clients in ((30, 3), (8, 2), (100, 1))]
    assert list(aggregate(parts, Rule())) == [rounded_quotient(np.array(138 * 256), 6)]
    assert list(aggregate(parts, Rule("median"))) == [10 * 256]


def test_masked_reports_are_not_added_up_as_they_are() -> None:
    with pytest.raises(FederationError, match="unmasking"):
        contributions([report(1, np.zeros(4), Encoding.MASKED)])


def test_rules_agree_with_their_definitions() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    rows = rng.integers(-1000, 1000, size=(11, 6))
    assert np.array_equal(median(rows), np.median(rows, axis=0))
    assert np.abs(median(rows[:10]) - np.median(rows[:10], axis=0)).max() <= 0.5
    ordered = np.sort(rows, axis=0)
    assert np.abs(trimmed_mean(rows, 0.2) - ordered[3:-3].mean(axis=0)).max() <= 0.5
    distances = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    scores = np.sort(distances, axis=1)[:, 1 : 11 - 2 - 2 + 1].sum(axis=1)
    assert np.array_equal(krum(rows, 0.2), rows[scores.argmin()])


@pytest.mark.parametrize("kind", [kind for kind in RULES if kind != "mean"])
def test_robust_rules_hold_against_a_third_of_attackers(kind: RuleKind) -> None:
    rng = np.random.Generator(np.random.Philox(2))
    honest = 2000 + rng.integers(-300, 300, size=(14, 32))
    hostile = np.full((6, 32), -32767)
    result = combine(np.concatenate([hostile, honest]), Rule(kind, 0.3))
    assert np.abs(result - 2000).max() < 400


def test_z_scores_have_one_length_and_ignore_scale_and_offset() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    losses = rng.normal(size=64)
    for each in (losses, 1e-4 * losses, 1e300 * losses, losses + 100.0):
        assert np.isclose(np.linalg.norm(z_scores(each)), np.sqrt(63))
        assert np.allclose(z_scores(each), z_scores(losses), atol=1e-6)
    assert not z_scores(np.full(64, 0.1)).any()
    assert not z_scores(np.full(64, 3.0) + 1e-15 * losses).any()


def test_a_device_may_spend_fewer_directions() -> None:
    evaluated = np.array([1, 4, 9, 12])
    scores = partial_z_scores(np.array([1.0, 2.0, 3.0, 9.0]), evaluated, 16)
    assert np.isclose(np.linalg.norm(scores), np.sqrt(3))
    assert set(np.flatnonzero(scores)) == set(evaluated)


def test_quantising_errs_by_half_a_step_and_clips() -> None:
    rng = np.random.Generator(np.random.Philox(4))
    step = 8.0 / 32767
    scores = z_scores(rng.normal(size=64))
    assert np.abs(quantise(scores, step) * step - scores).max() <= step / 2
    assert list(quantise(np.array([1e9, -1e9]), step)) == [32767, -32767]


@pytest.mark.parametrize("noise", [0.0, 1.0, 10.0])
def test_honest_reports_are_never_too_long(noise: float) -> None:
    rng = np.random.Generator(np.random.Philox(5))
    step = 8.0 * (1.0 + 5.0 * noise) / 32767
    for _ in range(300):
        scores = z_scores(rng.normal(size=64)) + noise * np.sqrt(63) * rng.normal(size=64)
        scalars = quantise(scores, step).astype(np.float64)
        assert np.linalg.norm(scalars) <= longest(64, step, noise)
