"""Which answer positions a step looks at: dealt in turn, or those whose losses say most.

Positions are chosen per kind, so that facts, unknowns and general prompts keep their shares of a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tuning.answer_features import AnswerFeatures
from tuning.examples import Kind

# Of the data-aware choice: how much of it stays even, and how fast the spreads seen are forgotten.
EVEN_SHARE = 0.3
KEPT = 0.8


@dataclass(frozen=True, slots=True)
class Minibatch:
    """int [T] positions to teach and int [G] general ones, each with its weight, float32 [T] and [G]."""

    taught: np.ndarray
    general: np.ndarray
    taught_weights: np.ndarray
    general_weights: np.ndarray

    @property
    def positions(self) -> np.ndarray:
        return np.concatenate([self.taught, self.general])


class Minibatches(Protocol):
    """Deals positions and is told what they were good for."""

    def draw(self) -> Minibatch: ...
    def tell(self, positions: np.ndarray, spread: np.ndarray) -> None:
        """The standard deviation of each position's loss over the directions of the step."""
        ...


class InTurn:
    """Shuffled rounds, so that each position is seen before any is seen twice."""

    def __init__(self, features: AnswerFeatures, sizes: Mapping[Kind, int], rng: np.random.Generator) -> None:
        self._rng = rng
        self._pools = {kind: features.positions(kind) for kind in sizes}
        self._sizes = {kind: min(size, len(self._pools[kind])) for kind, size in sizes.items()}
        self._waiting = {kind: np.empty(0, dtype=np.int64) for kind in sizes}

    def draw(self) -> Minibatch:
        dealt = {
            kind: (positions, np.ones(len(positions)))
            for kind in self._sizes
            for positions in [self._deal(kind)]
        }
        return _minibatch(dealt)

    def tell(self, positions: np.ndarray, spread: np.ndarray) -> None:
        """Nothing is made of it."""

    def _deal(self, kind: Kind) -> np.ndarray:
        size = self._sizes[kind]
        if len(self._waiting[kind]) < size:
            shuffled = self._rng.permutation(self._pools[kind])
            self._waiting[kind] = np.concatenate([self._waiting[kind], shuffled])
        dealt, self._waiting[kind] = self._waiting[kind][:size], self._waiting[kind][size:]
        return dealt


class BySpread:
    """Positions are likelier to be drawn the more their loss varied over the directions, and weigh less then.

    Over random directions of length √d the standard deviation of a position's loss is ε times the length of
    its gradient, so this is importance sampling by gradient norm (Katharopoulos & Fleuret 2018, arXiv
    1803.00942) at no evaluation more. Weights are the inverse of the chance to be drawn: the expected loss
    stays that of `InTurn`.
    """

    def __init__(self, features: AnswerFeatures, sizes: Mapping[Kind, int], rng: np.random.Generator) -> None:
        self._rng = rng
        self._pools = {kind: features.positions(kind) for kind in sizes}
        self._sizes = {kind: min(size, len(self._pools[kind])) for kind, size in sizes.items()}
        self._spread = np.full(len(features.h), np.nan)

    def draw(self) -> Minibatch:
        return _minibatch({kind: self._chosen(kind) for kind in self._sizes})

    def tell(self, positions: np.ndarray, spread: np.ndarray) -> None:
        before = self._spread[positions]
        seen = np.isfinite(before)
        self._spread[positions] = np.where(seen, KEPT * before + (1.0 - KEPT) * spread, spread)

    def _chosen(self, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
        """Systematic sampling without replacement: positions, and 1 / (N · chance) as their weights."""
        pool, size = self._rng.permutation(self._pools[kind]), self._sizes[kind]
        if not size:
            return pool[:0], np.empty(0)
        spread = self._spread[pool]
        known = spread[np.isfinite(spread)]
        # Those not seen yet count as the most telling of those seen.
        spread = np.where(np.isfinite(spread), spread, known.max() if len(known) else 1.0)
        total = spread.sum()
        uneven = spread / total if total > 0.0 else np.full(len(pool), 1.0 / len(pool))
        share = EVEN_SHARE / len(pool) + (1.0 - EVEN_SHARE) * uneven
        chance = _capped(share, size)
        marks = np.floor(np.cumsum(chance) + self._rng.random())
        drawn = np.flatnonzero(np.diff(marks, prepend=0.0) > 0.0)
        return pool[drawn], size / (len(pool) * chance[drawn])


def _capped(share: np.ndarray, size: int) -> np.ndarray:
    """Chances proportional to `share` that sum to `size`, none above 1."""
    chance = share * (size / share.sum())
    while (chance > 1.0 + 1e-12).any():
        certain = chance >= 1.0
        rest = ~certain
        chance = np.where(certain, 1.0, share * ((size - certain.sum()) / share[rest].sum()))
    return chance


def _minibatch(dealt: Mapping[Kind, tuple[np.ndarray, np.ndarray]]) -> Minibatch:
    taught = [dealt[kind] for kind in dealt if kind != "general"]
    general, general_weights = dealt["general"]
    return Minibatch(
        np.concatenate([positions for positions, _ in taught]),
        general,
        np.concatenate([weights for _, weights in taught]).astype(np.float32),
        general_weights.astype(np.float32),
    )
