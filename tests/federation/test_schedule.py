"""Who does how much: devices and directions by variance, examples by what they can teach."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from federation.aggregate import Contribution
from federation.schedule import (
    Budget,
    ExampleSchedule,
    Participation,
    VarianceControl,
    redundancy,
    variance_ratio,
)
from federation.scores import z_scores
from federation.state import Plan
from tests.federation.conftest import Federation


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def parts(noise: float, count: int = 12, scale: int = 1000) -> list[Contribution]:
    common = rng(1).normal(size=32)
    draws = rng(2).normal(size=(count, 32))
    return [Contribution(np.rint(scale * (common + noise * each)).astype(np.int64), 1) for each in draws]


def test_the_ratio_grows_with_disagreement_and_not_with_scale() -> None:
    calm, wild = variance_ratio(parts(0.1)), variance_ratio(parts(5.0))
    assert calm < 0.02 < 0.4 < wild
    assert np.isclose(variance_ratio(parts(0.1, scale=100_000)), calm, rtol=0.02)
    assert variance_ratio(parts(0.1)[:1]) == float("inf")


def test_variance_asks_for_more_devices_and_holds_a_round_at_most_twice() -> None:
    control = VarianceControl(clients=8, most=20)
    assert [control.hold(parts(5.0)) for _ in range(6)] == [True, True, False, True, True, False]
    assert control.clients == 20
    for _ in range(40):
        assert not control.hold(parts(0.1))
    assert control.clients == control.fewest


def test_a_coordinator_holds_by_variance(federate: Callable[..., Federation]) -> None:
    federation = federate(4)
    assert federation.round(hold=lambda each: len(each) == 4).hold
    assert not federation.coordinator.log.state().value.any()
    assert not federation.round(hold=VarianceControl(threshold=1e9).hold).hold
    assert federation.coordinator.log.state().value.any()


def test_examples_that_teach_are_drawn_more_often_and_none_is_forgotten() -> None:
    schedule = ExampleSchedule(np.ones(10), rng())
    losses = rng(3).normal(size=(10, 16)) * np.array([5.0] + [0.1] * 9)[:, None]
    for _ in range(10):
        schedule.observe(np.arange(10), losses)
    chances = schedule.probabilities()
    assert chances[0] > 3 * chances[1:].max()
    assert chances.min() >= 0.03
    assert np.isclose(chances.sum(), 1.0)
    drawn = schedule.draw(4)
    assert len(set(drawn)) == 4 and list(drawn) == sorted(drawn)
    assert len(schedule.draw(99)) == 10


def test_copies_share_one_place() -> None:
    features = np.concatenate([np.tile([[1.0, 0.0, 0.0]], (4, 1)), np.eye(3)[1:]])
    counts = redundancy(features)
    assert list(counts) == [4, 4, 4, 4, 1, 1]
    schedule = ExampleSchedule(counts, rng(), uniform=0.0)
    assert np.isclose(schedule.effective, 3.0)
    assert np.isclose(schedule.probabilities()[:4].sum(), 1 / 3)


def test_a_small_buffer_spends_fewer_directions_and_covers_all_in_turn() -> None:
    budget = Budget(effective=8.0, offset=5, enough=16.0)
    covered: set[int] = set()
    for round_ in range(2):
        spent = budget(Plan(round_, np.arange(64), slice(0, 64)))
        assert len(spent) == 32
        covered |= set(spent.tolist())
    assert covered == set(range(64))
    assert len(Budget(100.0, 0)(Plan(0, np.arange(64), slice(0, 64)))) == 64
    assert len(Budget(0.1, 0)(Plan(0, np.arange(64), slice(0, 64)))) == 16


def test_a_one_sided_device_limits_itself() -> None:
    direction = rng(4).normal(size=(60, 64))
    agreeing, opposed = Participation(rng(5)), Participation(rng(6))
    for each in direction:
        aggregate = np.rint(1000 * each).astype(np.int32)
        agreeing.observe(z_scores(each + rng(7).normal(size=64)), aggregate)
        opposed.observe(z_scores(-each + rng(8).normal(size=64)), aggregate)
    assert not agreeing.one_sided and all(agreeing.takes_part() for _ in range(20))
    assert opposed.one_sided
    assert 10 < sum(opposed.takes_part() for _ in range(100)) < 45
