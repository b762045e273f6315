"""What noisy rounds cost: Rényi differential privacy of whole devices (Mironov 2017, arXiv 1702.07476).

Neighbours are two federations that differ in one device's presence: its report is there, or it is zeros. The
noise multiplier is the standard deviation of the noise divided by the length of one report (L2). Costs are
arrays over `ORDERS`; costs of rounds add up, and `epsilon` turns the sum into (ε, δ).

Sampling makes a round cheaper only against people who do not learn who took part. The coordinator does, so
a device's own budget (`federation.privacy.budget`) never counts on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

_INTEGERS = (*range(2, 65), 80, 96, 128, 192, 256, 512)
ORDERS = np.array(sorted({*(1 + step / 20 for step in range(1, 200)), *map(float, _INTEGERS)}))

SamplingKind = Literal["everyone", "poisson", "without-replacement"]


class Mechanism(Protocol):
    """Noise added to one report."""

    @property
    def tight(self) -> bool:
        """Whether sampling is accounted for exactly, as for Gaussians."""
        ...

    def rdp(self, order: float) -> float:
        """Rényi divergence of that order between a report's presence and its absence."""
        ...


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Noise of `multiplier` times the length of a report: order / (2 multiplier²) (Mironov 2017)."""

    multiplier: float
    tight: bool = True

    def rdp(self, order: float) -> float:
        return order / (2.0 * self.multiplier**2) if self.multiplier > 0.0 else math.inf


@dataclass(frozen=True, slots=True)
class Skellam:
    """Difference of two Poisson numbers, added to integers.

    Agarwal, Kairouz & Liu 2021 (arXiv 2110.04995), Theorem 3.5. `variance` of the noise in squared grid
    steps; `l1`, `l2` are the largest norms of a report on the grid.
    """

    variance: float
    l1: float
    l2: float
    tight: bool = False

    def rdp(self, order: float) -> float:
        if self.variance <= 0.0:
            return math.inf
        # The theorem is for integers; the divergence grows with the order, so the next integer is a bound.
        alpha = math.ceil(order)
        square, twice = self.l2**2, 2.0 * self.variance
        excess = min(((2 * alpha - 1) * square + 6.0 * self.l1) / twice**2, 3.0 * self.l1 / twice)
        return alpha * square / twice + excess


@dataclass(frozen=True, slots=True)
class Sampling:
    """Who takes part: everyone, each device by a coin of `rate`, or a fixed share `rate` of them."""

    kind: SamplingKind = "everyone"
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= 1.0:
            raise ValueError(f"a sampling rate lies in (0, 1], not {self.rate}")


EVERYONE = Sampling()


def round_cost(mechanism: Mechanism, sampling: Sampling = EVERYONE) -> np.ndarray:
    """Cost of one round, float64 [orders].

    Without replacement the neighbours replace one device by another, as that bound needs: twice the distance.
    """
    if sampling.kind == "everyone" or (sampling.kind == "poisson" and sampling.rate == 1.0):
        return np.array([mechanism.rdp(order) for order in ORDERS])
    if sampling.kind == "without-replacement":
        mechanism = _Doubled(mechanism)
    bound = _poisson if sampling.kind == "poisson" else _without_replacement
    # (order − 1) · cost is convex in the order and zero at one, so chords between integers are upper bounds.
    whole = np.array([1, *_INTEGERS])
    scaled = [0.0, *(min(bound(mechanism, sampling.rate, order), _MOST) for order in _INTEGERS)]
    return np.interp(ORDERS, whole, scaled) / (ORDERS - 1.0)


def epsilon(cost: np.ndarray, delta: float) -> float:
    """ε at `delta` of summed costs (Canonne, Kamath & Steinke 2020, arXiv 2004.00010, Proposition 12)."""
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta lies in (0, 1), not {delta}")
    if not np.any(cost):
        return 0.0
    bounds = cost + np.log1p(-1.0 / ORDERS) - (math.log(delta) + np.log(ORDERS)) / (ORDERS - 1.0)
    return max(0.0, float(bounds.min()))


def noise_multiplier(
    target: float, delta: float, rounds: int, sampling: Sampling = EVERYONE, *, precision: float = 1e-3
) -> float:
    """The smallest Gaussian multiplier that keeps `rounds` within (target, δ), up to relative `precision`."""
    if target <= 0.0 or rounds < 1:
        raise ValueError("a positive epsilon and at least one round are needed")
    low, high = 1e-2, 1.0
    while epsilon(rounds * round_cost(Gaussian(high), sampling), delta) > target:
        low, high = high, 2.0 * high
    while high / low > 1.0 + precision:
        middle = math.sqrt(low * high)
        if epsilon(rounds * round_cost(Gaussian(middle), sampling), delta) > target:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, slots=True)
class _Doubled:
    """The same noise against reports that are twice as far apart: one device's report and another's."""

    mechanism: Mechanism
    tight: bool = False

    def rdp(self, order: float) -> float:
        if isinstance(self.mechanism, Skellam):
            noise = self.mechanism
            return Skellam(noise.variance, 2.0 * noise.l1, 2.0 * noise.l2).rdp(order)
        return 4.0 * self.mechanism.rdp(order)


_MOST = 1e30


def _poisson(mechanism: Mechanism, rate: float, order: int) -> float:
    """(order − 1) · cost.

    Exact for Gaussians (Mironov, Talwar & Zhang 2019, arXiv 1908.10530), else Zhu & Wang 2019, Theorem 5.
    """
    logs = []
    for chosen in range(order + 1):
        log = _log_choose(order, chosen) + chosen * math.log(rate) + (order - chosen) * math.log1p(-rate)
        if chosen > 1:
            log += (chosen - 1) * mechanism.rdp(chosen)
        if chosen > 2 and not mechanism.tight:
            log += math.log(3.0)
        logs.append(log)
    return max(0.0, _log_sum(logs))


def _without_replacement(mechanism: Mechanism, rate: float, order: int) -> float:
    """(order − 1) · cost: Wang, Balle & Kasiviswanathan 2019 (arXiv 1808.00087), Theorem 9."""
    second = mechanism.rdp(2)
    if rate == 1.0 or second > 500.0:
        return (order - 1) * mechanism.rdp(order)
    pair = min(math.log(4.0 * math.expm1(second)), math.log(2.0) + second) if second > 0.0 else -math.inf
    logs = [0.0, 2.0 * math.log(rate) + _log_choose(order, 2) + pair]
    for chosen in range(3, order + 1):
        logs.append(
            chosen * math.log(rate)
            + _log_choose(order, chosen)
            + math.log(2.0)
            + (chosen - 1) * mechanism.rdp(chosen)
        )
    # Sampling never costs more than taking part in every round.
    return min(_log_sum(logs), (order - 1) * mechanism.rdp(order))


def _log_choose(count: int, chosen: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)


def _log_sum(logs: list[float]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(log - top) for log in logs)) if math.isfinite(top) else top
