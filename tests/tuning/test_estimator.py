"""Estimators point along the gradient as well as theory says, and differ in what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tuning.directions import rademacher
from tuning.estimator import (
    DIFFERENCES,
    Difference,
    DifferenceName,
    Draw,
    Estimate,
    Estimator,
    central,
    normalised,
    seen_cosine,
    standardised,
)

SHAPE = (12, 10)
SLOPE = np.random.default_rng(0).normal(size=SHAPE)


def slope(changes: np.ndarray) -> np.ndarray:
    """A loss whose gradient is SLOPE everywhere."""
    return 5.0 + np.tensordot(changes, SLOPE, axes=2)


def bowl(changes: np.ndarray) -> np.ndarray:
    """The slope, with a curvature that all directions feel."""
    return slope(changes) + 40.0 * (changes**2).sum(axis=(1, 2))


def drawing(step: int) -> Draw:
    return lambda indices: rademacher(1, step, indices, SHAPE)


def cosine(gradient: np.ndarray) -> float:
    return float(np.sum(gradient * SLOPE) / np.linalg.norm(gradient) / np.linalg.norm(SLOPE))


def mean_cosine(
    estimator: Estimator, evaluate: Callable[[np.ndarray], np.ndarray] = slope, steps: int = 60
) -> float:
    return float(np.mean([cosine(estimator(evaluate, drawing(step)).gradient) for step in range(steps)]))


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_cosine_with_the_gradient_is_what_theory_says(name: DifferenceName) -> None:
    count, size = 32, SLOPE.size
    found = mean_cosine(Estimator(name, directions=count, perturbation=0.01))
    assert found == pytest.approx((count / (count + size + 1)) ** 0.5, abs=0.04)


def test_only_differences_without_a_base_loss_survive_curvature() -> None:
    central_, ours = (
        mean_cosine(Estimator(name, directions=32, perturbation=0.3), bowl)
        for name in ("mezo", "standardised")
    )
    assert min(central_, ours) > 2.0 * mean_cosine(Estimator("fzoo", directions=32, perturbation=0.3), bowl)


@pytest.mark.parametrize(("difference", "cost"), [(central, 16), (normalised, 9), (standardised, 8)])
def test_differences_cost_what_they_say(difference: Difference, cost: int) -> None:
    asked = []

    def evaluate(changes: np.ndarray) -> np.ndarray:
        asked.append(len(changes))
        return slope(changes)

    scalars = difference(evaluate, drawing(0)(np.arange(8)), 0.01)
    assert (sum(asked), scalars.shape, scalars.dtype) == (cost, (8,), np.float32)


def test_standardised_scalars_have_a_fixed_length_and_no_mean() -> None:
    scalars = standardised(slope, drawing(0)(np.arange(9)), 0.01)
    assert abs(float(scalars.sum())) < 1e-5
    assert float(np.linalg.norm(scalars)) == pytest.approx(8.0**0.5)


@pytest.mark.parametrize("difference", [normalised, standardised])
def test_equal_losses_say_nothing(difference: Difference) -> None:
    assert not difference(lambda changes: np.full(len(changes), 2.5), drawing(0)(np.arange(4)), 0.1).any()


def test_the_filter_never_acts_twice_in_a_row() -> None:
    estimator = Estimator("mezo", directions=4, perturbation=0.01, candidates=5)
    acted = []
    for step in range(6):
        indices = estimator(slope, drawing(step)).indices
        assert len(np.unique(indices)) == 4
        assert estimator.filtered == (not np.array_equal(indices, np.arange(4)))
        acted.append(estimator.filtered)
    assert acted == [False, True] * 3


def test_filtered_directions_point_better_where_the_last_gradient_was_good() -> None:
    plain = Estimator("mezo", directions=60, perturbation=0.01)
    filtered = Estimator("mezo", directions=60, perturbation=0.01, candidates=10)
    assert mean_cosine(filtered) > mean_cosine(plain) + 0.03


def test_directions_are_added_until_the_estimate_agrees_with_itself() -> None:
    def count(**more: Any) -> int:
        estimator = Estimator("standardised", directions=8, perturbation=0.01, **more)
        return len(estimator(slope, drawing(0)).scalars)

    assert count() == 8
    assert count(wanted_cosine=0.999, most_rounds=5) == 40
    assert 8 <= count(wanted_cosine=0.3, most_rounds=200) < 400


def test_no_direction_is_tried_twice_in_a_step() -> None:
    estimator = Estimator(
        "mezo", directions=6, perturbation=0.01, candidates=3, wanted_cosine=1.0, most_rounds=4
    )
    for step in range(4):
        indices = estimator(slope, drawing(step)).indices
        assert len(np.unique(indices)) == len(indices) == 24


def test_the_seen_cosine_tells_signal_from_noise() -> None:
    rng = np.random.default_rng(1)

    def of(scalars: np.ndarray, directions: np.ndarray) -> float:
        return seen_cosine(Estimate(np.arange(len(scalars)), scalars, directions))

    many = rademacher(0, 0, range(2000), SHAPE)
    signal = np.tensordot(many, SLOPE, axes=2)
    assert of(signal, many) > 0.9
    assert of(rng.normal(size=2000), many) < 0.6
    assert of(np.zeros(4), many[:4]) == 0.0


@pytest.mark.parametrize("wrong", [{"directions": 1}, {"candidates": 0}, {"candidates": 10_000}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="directions"):
        Estimator("mezo", **{"directions": 8, "perturbation": 0.1, **wrong})  # type: ignore[arg-type]
