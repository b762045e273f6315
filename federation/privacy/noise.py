"""Noise on reports. A report is N z-scored losses: its length (L2) is exactly √(N − 1), whatever the data.

Reports are put on a grid of whole numbers and get Skellam noise (the difference of two Poisson numbers),
since sums of Skellam numbers are Skellam again: any number of shares add up to noise that is known exactly,
modular sums of secure aggregation stay exact, and no low bits of floating-point noise give a report away
(Mironov 2012). On a grid as fine as int16 allows it costs under 1 % more than Gaussian noise, which
simulations use instead.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

import numpy as np

from federation.privacy.accountant import Skellam

_TAIL = 8.0  # standard deviations of noise that the grid leaves room for


@dataclass(frozen=True, slots=True)
class NoisePlan:
    """How much noise a round's sum carries, and among how many devices it is shared.

    `multiplier`: standard deviation of the whole noise divided by a report's length. `sharers`: how many
    honest devices' shares make up the whole; 1 without secure aggregation, when each report must be safe by
    itself.
    """

    multiplier: float
    sharers: int = 1

    def __post_init__(self) -> None:
        if not (self.multiplier >= 0.0 and math.isfinite(self.multiplier)) or self.sharers < 1:
            raise ValueError("a noise multiplier of at least 0 and one sharer or more are needed")

    @property
    def share(self) -> float:
        """Multiplier of one device's share: variances add up."""
        return self.multiplier / math.sqrt(self.sharers)


@dataclass(frozen=True, slots=True)
class Grid:
    """Whole numbers for reports of `count` scalars; one stands for `step` units of the z-score."""

    count: int
    step: float

    def __post_init__(self) -> None:
        if self.count < 2 or not 0.0 < self.step <= 1.0:
            raise ValueError("a grid needs two scalars, and a step between 0 and 1")

    @classmethod
    def for_sum(cls, count: int, devices: int, plan: NoisePlan, *, bits: int = 16) -> Grid:
        """The finest grid on which the sum of `devices` reports and their noise stays within signed `bits`.

        The worst reports fit, and noise of eight standard deviations. Raises ValueError if the step would be
        larger than 1: take more bits or fewer devices.
        """
        spread = plan.share * math.sqrt(devices)
        largest = math.sqrt(count - 1) * (devices + _TAIL * spread)
        room = 2 ** (bits - 1) - 1 - devices
        if room < largest:
            raise ValueError(f"sums of {devices} reports with this noise do not fit into {bits} bits")
        return cls(count, largest / room)

    def place(self, scores: np.ndarray) -> np.ndarray:
        """Scores float [count] as whole numbers, int64 [count]. Raises ValueError for what is no report."""
        if scores.shape != (self.count,) or not np.isfinite(scores).all():
            raise ValueError(f"a report holds {self.count} finite numbers")
        if float(np.linalg.norm(scores.astype(np.float64))) > math.sqrt(self.count - 1) * (1 + 1e-5):
            raise ValueError("a report is longer than z-scored losses can be")
        return np.rint(scores.astype(np.float64) / self.step).astype(np.int64)

    def read(self, placed: np.ndarray) -> np.ndarray:
        """Whole numbers back as scores, float64."""
        return placed.astype(np.float64) * self.step

    @property
    def longest(self) -> float:
        """Largest length of a report on the grid; rounding adds at most half a step per scalar."""
        return math.sqrt(self.count - 1) / self.step * (1 + 1e-5) + 0.5 * math.sqrt(self.count)

    def mechanism(self, plan: NoisePlan, *, honest: int | None = None) -> Skellam:
        """What a round costs if `honest` shares (default: as planned) reach the sum."""
        shares = plan.sharers if honest is None else honest
        return Skellam(
            shares * self.share_variance(plan), l1=math.sqrt(self.count) * self.longest, l2=self.longest
        )

    def share_variance(self, plan: NoisePlan) -> float:
        """Variance of one device's noise, in squared steps."""
        return (plan.share / self.step) ** 2 * (self.count - 1)

    def noisy(self, scores: np.ndarray, plan: NoisePlan, rng: np.random.Generator) -> np.ndarray:
        """A report on the grid with this device's share of the noise, int64 [count]."""
        return self.place(scores) + skellam(self.share_variance(plan), self.count, rng)


class ReportNoise:
    """Noise for `federation.device.Device`: scores float64 [N] in, noisy scores on the grid out.

    The device then writes them in 16 bits, clipped at the range of its task. `range_for` makes that range so
    wide that clipping is as rare as the tail that δ covers.
    """

    def __init__(self, grid: Grid, plan: NoisePlan, rng: np.random.Generator | None = None) -> None:
        self._grid, self._plan = grid, plan
        self._rng = rng or secret_generator()

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return self._grid.read(self._grid.noisy(scores, self._plan, self._rng))


def skellam(variance: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Skellam numbers of mean zero, int64 [count]."""
    return rng.poisson(variance / 2.0, count) - rng.poisson(variance / 2.0, count)


def gaussian_share(count: int, plan: NoisePlan, rng: np.random.Generator) -> np.ndarray:
    """One device's share of Gaussian noise for a report of `count` scalars, float64 [count]."""
    return rng.normal(0.0, plan.share * math.sqrt(count - 1), count)


def secret_generator() -> np.random.Generator:
    """A generator for noise, keyed by the operating system; never to be logged or reproduced."""
    return np.random.Generator(np.random.Philox(key=secrets.randbits(128)))
