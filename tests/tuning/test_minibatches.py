"""Positions are dealt fairly, or to where the losses vary, without changing what is learned on average."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tuning.answer_features import AnswerFeatures
from tuning.examples import Kind
from tuning.minibatches import BySpread, InTurn

Make = Callable[[int], AnswerFeatures]
SIZES: dict[Kind, int] = {"fact": 5, "unknown": 2, "general": 3}


def rng() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(0))


def test_in_turn_each_position_is_seen_before_any_is_seen_twice(make_features: Make) -> None:
    features = make_features(0)
    batches = InTurn(features, {"fact": 4, "unknown": 2, "general": 3}, rng())
    drawn = [batches.draw() for _ in range(3)]
    seen = np.concatenate([batch.taught for batch in drawn])
    kinds = np.concatenate([features.positions("fact"), features.positions("unknown")])
    assert sorted(seen) == sorted(kinds)
    assert all(set(batch.general) <= set(features.positions("general")) for batch in drawn)
    assert all((batch.taught_weights == 1.0).all() for batch in drawn)


def test_a_kind_with_fewer_positions_than_asked_for_is_dealt_whole(make_features: Make) -> None:
    batch = InTurn(make_features(0), {"fact": 99, "unknown": 0, "general": 0}, rng()).draw()
    assert (len(batch.taught), len(batch.general)) == (12, 0)


def test_by_spread_prefers_positions_whose_loss_varies(make_features: Make) -> None:
    features = make_features(0)
    batches = BySpread(features, SIZES, rng())
    spread = np.full(24, 0.1)
    spread[[3, 8]] = 5.0
    batches.tell(np.arange(24), spread)
    often = np.zeros(24)
    for _ in range(300):
        batch = batches.draw()
        assert len(batch.taught) == 7
        assert len(np.unique(batch.positions)) == len(batch.positions) == 10
        often[batch.taught] += 1
    assert often[[3, 8]].min() > 2.0 * np.delete(often[:12], [3, 8]).max()


def test_by_spread_leaves_the_expected_loss_as_it_is(make_features: Make) -> None:
    features = make_features(0)
    batches = BySpread(features, SIZES, rng())
    batches.tell(np.arange(24), np.linspace(0.1, 3.0, 24))
    values = np.arange(24.0) ** 2
    facts = features.positions("fact")
    sums = []
    for _ in range(3000):
        batch = batches.draw()
        fact = np.isin(batch.taught, facts)
        sums.append(np.sum(values[batch.taught[fact]] * batch.taught_weights[fact]) / SIZES["fact"])
    assert abs(np.mean(sums) / values[facts].mean() - 1.0) < 0.03


def test_by_spread_starts_evenly_and_tries_everything(make_features: Make) -> None:
    batches = BySpread(make_features(0), SIZES, rng())
    seen: set[int] = set()
    for _ in range(40):
        batch = batches.draw()
        batches.tell(batch.positions, np.zeros(len(batch.positions)))
        seen |= set(batch.positions.tolist())
    assert seen == set(range(24))
