"""Who does how much: variance control for the coordinator, data-aware sampling for a device.

Nothing a device decides here is sent: it shows only in how often it takes part, and in zeros for the
directions it left out. All of it sees losses and scores, never pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.aggregate import Contribution
from federation.state import Plan

# Below this mean agreement with the shared direction a device is taken for one-sided.
ONE_SIDED = 0.0


def variance_ratio(parts: Sequence[Contribution]) -> float:
    """How far two halves of the contributions disagree: |a − b|² / 4 divided by |(a + b) / 2|².

    FwdLLM's test (arXiv 2308.13894, section 3.2) without its dependence on layer and loss scale: 0 when both
    halves say the same, about 1 when they are noise. Infinite when nothing is left of the mean.
    """
    if len(parts) < 2:
        return float("inf")
    halves = []
    for start in (0, 1):
        chosen = parts[start::2]
        total = np.sum([part.total for part in chosen], axis=0).astype(np.float64)
        halves.append(total / sum(part.clients for part in chosen))
    mean = (halves[0] + halves[1]) / 2.0
    length = float(mean @ mean)
    return float(((halves[0] - halves[1]) ** 2).sum()) / 4.0 / length if length > 0.0 else float("inf")


@dataclass(slots=True)
class VarianceControl:
    """Decides how many devices to ask, and when one more round on the same state is worth it.

    More devices are preferred to more directions: they cost no device anything. The number grows by half
    after a round whose ratio is above `threshold`, and shrinks by a tenth after one below half of it.
    """

    threshold: float = 0.5
    fewest: int = 4
    most: int = 64
    most_held: int = 2
    clients: int = 8
    _held: int = 0

    def hold(self, parts: Sequence[Contribution]) -> bool:
        """Whether this round should be held (`Coordinator.close_round(hold=…)`); adapts `clients`."""
        ratio = variance_ratio(parts)
        if ratio > self.threshold:
            self.clients = min(self.most, self.clients + max(1, self.clients // 2))
        elif ratio < self.threshold / 2.0:
            self.clients = max(self.fewest, self.clients - max(1, self.clients // 10))
        hold = ratio > self.threshold and self._held < self.most_held
        self._held = self._held + 1 if hold else 0
        return hold


class ExampleSchedule:
    """Which of a device's examples to evaluate: those whose loss the shared core can move, once each.

    An example whose losses hardly differ between directions teaches nothing this round; one that says what
    others say teaches it again. `redundancy` [n] counts how many examples each one resembles, itself
    included. The draw favours, it does not weigh back: the round's loss is that of the drawn examples.
    """

    def __init__(self, redundancy: np.ndarray, rng: np.random.Generator, *, uniform: float = 0.3) -> None:
        """`uniform` is the share of the draw that stays blind, so that no example is ever forgotten."""
        self._redundancy = np.maximum(np.asarray(redundancy, dtype=np.float64), 1.0)
        self._spread = np.ones(len(self._redundancy))
        self._rng, self._uniform = rng, uniform

    @property
    def effective(self) -> float:
        """Number of examples that say something of their own: Σ 1 / redundancy."""
        return float((1.0 / self._redundancy).sum())

    def probabilities(self) -> np.ndarray:
        """Chance of each example per draw, float64 [n]."""
        wanted = self._spread / self._redundancy
        total = wanted.sum()
        count = len(wanted)
        informed = wanted / total if total > 0.0 else np.full(count, 1.0 / count)
        return self._uniform / count + (1.0 - self._uniform) * informed

    def draw(self, count: int) -> np.ndarray:
        """`count` different examples (all, if there are fewer), ascending."""
        chosen = self._rng.choice(
            len(self._spread), min(count, len(self._spread)), replace=False, p=self.probabilities()
        )
        return np.sort(chosen)

    def observe(self, examples: np.ndarray, losses: np.ndarray) -> None:
        """Learn from a round: `losses` [examples, directions] of the drawn examples."""
        fresh = losses.std(axis=1)
        scale = float(fresh.mean())
        if scale > 0.0:
            self._spread[examples] += 0.3 * (fresh / scale - self._spread[examples])


def redundancy(features: np.ndarray, *, alike: float = 0.95) -> np.ndarray:
    """For each row of [n, k] how many rows (itself included) have a cosine of at least `alike`."""
    lengths = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    unit = features / lengths
    return (unit @ unit.T >= alike - 1e-6).sum(axis=1)


@dataclass(frozen=True, slots=True)
class Budget:
    """How many directions a device evaluates: all with `enough` examples of their own, in proportion below,
    at least a quarter. Which ones rotates with the round and the device, so that all are covered.
    """

    effective: float
    offset: int
    enough: float = 16.0

    def __call__(self, plan: Plan) -> np.ndarray:
        """Ascending positions of the plan, a `Spend` for `federation.device.Device`."""
        total = len(plan.indices)
        share = min(1.0, max(0.25, self.effective / self.enough))
        count = max(2, round(share * total))
        first = (self.offset + plan.round * count) % total
        return np.sort((first + np.arange(count)) % total)


class Participation:
    """Limits a device whose data is one-sided, decided by itself (after Meerkat-VP, arXiv 2506.03337).

    The published test (the projection of updates on a reference gradient) is also an attack, because it shows
    label skew to whoever computes it. Here the device compares its own scores with the public aggregates,
    and only takes part less often: in one round of `rare` while their mean cosine is not above `ONE_SIDED`.
    """

    def __init__(self, rng: np.random.Generator, *, rare: int = 4, patience: int = 8) -> None:
        self._rng, self._rare, self._patience = rng, rare, patience
        self._seen, self.agreement = 0, 0.0

    def observe(self, scores: np.ndarray, aggregate: np.ndarray) -> None:
        """One finished round: the device's own scores [N] and the aggregate [N] it led to."""
        lengths = float(np.linalg.norm(scores) * np.linalg.norm(aggregate.astype(np.float64)))
        if lengths == 0.0:
            return
        self._seen += 1
        cosine = float(scores @ aggregate.astype(np.float64)) / lengths
        self.agreement += (cosine - self.agreement) / min(self._seen, 4 * self._patience)

    @property
    def one_sided(self) -> bool:
        """Whether enough rounds have shown that this device pulls elsewhere."""
        return self._seen >= self._patience and self.agreement <= ONE_SIDED

    def takes_part(self) -> bool:
        """Whether to answer the next request; a draw, so that one absence says nothing."""
        return not self.one_sided or bool(self._rng.random() < 1.0 / self._rare)
