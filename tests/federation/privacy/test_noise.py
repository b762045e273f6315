"""Reports on the grid, their noise, and what it costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.privacy.accountant import Gaussian, epsilon, round_cost
from federation.privacy.noise import Grid, NoisePlan, gaussian_share, secret_generator, skellam

COUNT = 128


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def z_scored(losses: np.ndarray) -> np.ndarray:
    centred = losses - losses.mean()
    return (centred / losses.std(ddof=1)).astype(np.float32)


losses = hnp.arrays(np.float64, COUNT, elements=st.floats(-1e3, 1e3)).filter(lambda x: x.std() > 1e-6)


@given(losses)
def test_any_losses_stay_within_the_length_that_the_account_assumes(values: np.ndarray) -> None:
    grid = Grid(COUNT, 1 / 72)
    placed = grid.place(z_scored(values)).astype(np.float64)
    bound = grid.mechanism(NoisePlan(1.0))
    assert np.linalg.norm(placed) <= bound.l2
    assert np.abs(placed).sum() <= bound.l1


@given(losses, st.integers(1, 12), st.floats(0.0, 10.0))
def test_sums_of_the_worst_reports_fit_into_sixteen_bits(
    values: np.ndarray, devices: int, multiplier: float
) -> None:
    plan = NoisePlan(multiplier, sharers=devices)
    grid = Grid.for_sum(COUNT, devices, plan)
    largest = devices * np.abs(grid.place(z_scored(values))).max()
    tail = 8.0 * math.sqrt(devices * grid.share_variance(plan))
    assert largest + tail <= 2**15 - 1


@given(losses)
def test_a_report_comes_back_within_half_a_step(values: np.ndarray) -> None:
    grid, scores = Grid(COUNT, 1 / 72), z_scored(values)
    assert np.abs(grid.read(grid.place(scores)) - scores).max() <= 0.5 / 72 + 1e-6


def test_shares_add_up_to_the_whole_noise() -> None:
    plan = NoisePlan(3.0, sharers=10)
    grid = Grid.for_sum(COUNT, 10, plan)
    whole = sum(skellam(grid.share_variance(plan), 50_000, rng(device)) for device in range(10))
    expected = 3.0 / grid.step * math.sqrt(COUNT - 1)
    assert whole.std() == pytest.approx(expected, rel=0.02)
    assert abs(whole.mean()) < 0.05 * expected
    gaussian = sum(gaussian_share(COUNT, plan, rng(device)) for device in range(10))
    assert gaussian.std() == pytest.approx(3.0 * math.sqrt(COUNT - 1), rel=0.3)


def test_sixteen_bits_cost_under_one_per_cent_more_than_gaussian_noise() -> None:
    plan = NoisePlan(2.0, sharers=8)
    grid = Grid.for_sum(COUNT, 8, plan)
    discrete = epsilon(10 * round_cost(grid.mechanism(plan)), 1e-5)
    assert discrete <= 1.01 * epsilon(10 * round_cost(Gaussian(2.0)), 1e-5)


def test_fewer_honest_shares_cost_more() -> None:
    plan = NoisePlan(2.0, sharers=8)
    grid = Grid.for_sum(COUNT, 8, plan)
    costs = [epsilon(round_cost(grid.mechanism(plan, honest=honest)), 1e-5) for honest in (8, 4, 1)]
    assert costs == sorted(costs)
    assert costs[0] == epsilon(round_cost(grid.mechanism(plan)), 1e-5)


def test_no_noise_is_no_noise() -> None:
    scores = z_scored(rng().normal(size=COUNT))
    grid = Grid(COUNT, 0.01)
    assert np.array_equal(grid.noisy(scores, NoisePlan(0.0), rng()), grid.place(scores))


def test_noise_of_two_devices_is_not_the_same() -> None:
    draws = [skellam(1e6, COUNT, secret_generator()) for _ in range(2)]
    assert not np.array_equal(*draws)


@pytest.mark.parametrize(
    "scores",
    [
        np.zeros(COUNT + 1),
        np.full(COUNT, np.nan),
        np.full(COUNT, np.inf),
        np.full(COUNT, 1.1),
    ],
)
def test_what_is_no_report_is_refused(scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="report"):
        Grid(COUNT, 1 / 72).place(scores)


def test_noise_that_needs_more_bits_says_so() -> None:
    with pytest.raises(ValueError, match="16 bits"):
        Grid.for_sum(COUNT, 5000, NoisePlan(1.0, sharers=5000))
    assert Grid.for_sum(COUNT, 5000, NoisePlan(1.0, sharers=5000), bits=32).step < 1e-3


@pytest.mark.parametrize("plan", [(-1.0, 1), (math.nan, 1), (1.0, 0)])
def test_a_plan_that_makes_no_sense_is_refused(plan: tuple[float, int]) -> None:
    with pytest.raises(ValueError, match="multiplier"):
        NoisePlan(*plan)
