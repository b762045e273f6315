"""A gradient from losses alone: which directions are tried, how many, and what their losses say.

One estimator per run. It is made of a difference (how the losses of perturbed cores become one scalar per
direction) and, if wanted, FwdLLM's two ideas: a filter that picks promising directions, and a control of how
many directions a step takes. The estimate is the mean of scalar × direction. A direction of length √d is off
the gradient: the mean of M of them has a cosine of about √(M / (M + d)) with it, whatever the difference.

Knows neither models nor examples: losses come from a function, directions from their indices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

# Losses [M] of the core changed by each of [M, rows, columns], all on the same examples.
Evaluate = Callable[[np.ndarray], np.ndarray]
# Directions [M, rows, columns] of the current step from their indices [M].
Draw = Callable[[np.ndarray], np.ndarray]

DifferenceName = Literal["standardised", "fzoo", "mezo"]


class Difference(Protocol):
    """Turns losses of perturbed cores into scalars, float32 [M]; `perturbation` is ε."""

    def __call__(self, evaluate: Evaluate, directions: np.ndarray, perturbation: float, /) -> np.ndarray: ...


def central(evaluate: Evaluate, directions: np.ndarray, perturbation: float) -> np.ndarray:
    """(L(C + εz) − L(C − εz)) / 2ε: two evaluations a direction.

    Malladi et al. 2023, "Fine-Tuning Language Models with Just Forward Passes" (MeZO, arXiv 2305.17333,
    algorithm 1, with n-SPSA's several directions).
    """
    moved = directions * np.float32(perturbation)
    return ((evaluate(moved) - evaluate(-moved)) / (2.0 * perturbation)).astype(np.float32)


def normalised(evaluate: Evaluate, directions: np.ndarray, perturbation: float) -> np.ndarray:
    """(L(C + εz) − L(C)) / σ, σ the standard deviation of the L(C + εz): one evaluation more than directions.

    FZOO (arXiv 2506.09034), in the form of its released code, without 1/ε.
    """
    still = np.zeros_like(directions[:1])
    losses = evaluate(np.concatenate([still, directions * np.float32(perturbation)]))
    return _over_spread(losses[1:].astype(np.float64) - float(losses[0]), losses[1:])


def standardised(evaluate: Evaluate, directions: np.ndarray, perturbation: float) -> np.ndarray:
    """(L(C + εz) − mean) / σ over the directions: one evaluation each.

    Ours. The mean takes the place of FZOO's base loss, which saves an evaluation and cancels the curvature
    that all directions share; the scalars have length √(M − 1) and sum zero whatever the loss's scale.
    """
    losses = evaluate(directions * np.float32(perturbation))
    return _over_spread(losses.astype(np.float64) - losses.mean(dtype=np.float64), losses)


def _over_spread(differences: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """differences / standard deviation of the losses; zeros where the losses do not differ."""
    spread = float(np.std(losses.astype(np.float64), ddof=1)) if len(losses) > 1 else 0.0
    return (differences / spread if spread > 0.0 else np.zeros_like(differences)).astype(np.float32)


DIFFERENCES: dict[DifferenceName, Difference] = {
    "standardised": standardised,
    "fzoo": normalised,
    "mezo": central,
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """indices uint16 [M], scalars float32 [M], directions float32 [M, rows, columns]."""

    indices: np.ndarray
    scalars: np.ndarray
    directions: np.ndarray

    @property
    def gradient(self) -> np.ndarray:
        """Mean of scalar × direction, float32 [rows, columns]; for looking, not for replaying."""
        return np.tensordot(self.scalars, self.directions, axes=1) / np.float32(len(self.scalars))


class Estimator:
    """One estimate per call. Keeps the last gradient for the filter."""

    def __init__(
        self,
        difference: DifferenceName,
        *,
        directions: int,
        perturbation: float,
        candidates: int = 1,
        wanted_cosine: float = 0.0,
        most_rounds: int = 8,
    ) -> None:
        """`directions` are tried a round, at least 2.

        candidates:    above 1, every second step draws so many times as many and tries those that point most
                       along the last gradient (discriminative sampling, FwdLLM, Xu et al. 2024,
                       arXiv 2308.13894). Such a step leans towards the last one like momentum, so two in a
                       row never happen.
        wanted_cosine: above 0, rounds on the same examples are added until the cosine that the estimate is
                       seen to have (`seen_cosine`) reaches this, or after `most_rounds` (variance-controlled
                       pacing, FwdLLM, in a form without a scale).
        """
        if directions < 2 or candidates < 1 or most_rounds < 1:
            raise ValueError("an estimator needs two directions, one candidate each and one round")
        if directions * (candidates + most_rounds) > np.iinfo(np.uint16).max:
            raise ValueError("the indices of a step's directions must fit into 16 bits")
        self._difference = DIFFERENCES[difference]
        self._count = directions
        self._perturbation = perturbation
        self._candidates = candidates
        self._wanted = wanted_cosine
        self._rounds = most_rounds if wanted_cosine > 0.0 else 1
        self._last: np.ndarray | None = None
        self.filtered = False

    def __call__(self, evaluate: Evaluate, draw: Draw) -> Estimate:
        """Estimate the gradient of what `evaluate` measures."""
        found = self._round(evaluate, draw, self._first(draw))
        for number in range(1, self._rounds):
            if seen_cosine(found) >= self._wanted:
                break
            # Behind the candidates, so that no direction is tried twice.
            start = (self._candidates + number - 1) * self._count
            fresh = np.arange(start, start + self._count)
            found = _joined(found, self._round(evaluate, draw, fresh))
        if self._candidates > 1:
            self._last = found.gradient
        return found

    def _first(self, draw: Draw) -> np.ndarray:
        """Indices of the first round: the best of many candidates on every second step, else the first."""
        self.filtered = self._candidates > 1 and self._last is not None and not self.filtered
        if not self.filtered or self._last is None:
            return np.arange(self._count)
        pool = draw(np.arange(self._count * self._candidates))
        # All directions are equally long, so the inner product ranks them as the cosine does.
        along = pool.reshape(len(pool), -1) @ self._last.ravel()
        return np.sort(np.argsort(-along, kind="stable")[: self._count])

    def _round(self, evaluate: Evaluate, draw: Draw, indices: np.ndarray) -> Estimate:
        directions = draw(indices)
        scalars = self._difference(evaluate, directions, self._perturbation)
        return Estimate(indices.astype(np.uint16), scalars, directions)


def seen_cosine(estimate: Estimate) -> float:
    """How well an estimate seems to point, from the disagreement of its halves; 0 to 1 and itself noisy.

    FwdLLM compares the variance of the two halves' means with a threshold that fits one loss and one layer.
    Divided by the square of the whole mean it needs neither: pure noise gives 2, no noise 0, and
    1 − ratio / 2 is the expected cos² of the mean and the gradient.
    """
    half = len(estimate.scalars) // 2
    first = Estimate(estimate.indices[:half], estimate.scalars[:half], estimate.directions[:half]).gradient
    second = Estimate(estimate.indices[half:], estimate.scalars[half:], estimate.directions[half:]).gradient
    square = float(np.sum(((first + second) / 2.0) ** 2))
    if square == 0.0:
        return 0.0
    variance = float(np.sum((first - second) ** 2)) / 2.0
    return float(np.sqrt(max(0.0, 1.0 - variance / square / 2.0)))


def _joined(one: Estimate, other: Estimate) -> Estimate:
    return Estimate(
        np.concatenate([one.indices, other.indices]),
        np.concatenate([one.scalars, other.scalars]),
        np.concatenate([one.directions, other.directions]),
    )
