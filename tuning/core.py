"""The trained numbers of backprop-free tuning: a core C, moved by scored directions, replayable from scalars.

A run is fully described by its settings and one scalar per direction and step. Everything between the
scalars and C is element-wise float32 in a fixed order, so replaying gives the same bits on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuning.directions import rademacher
from tuning.examples import TuningError

BETA_MEAN, BETA_SQUARE, ADAM_EPSILON = 0.9, 0.99, 1e-8
WARM_UP_STEPS = 8
FINAL_RATE = 0.1


@dataclass(frozen=True, slots=True)
class ScalarLog:
    """A run: `scalars` float32 [steps done, directions], and what turns them into a core.

    `steps` is the planned length, on which the learning rate depends.
    """

    seed: int
    steps: int
    learning_rate: float
    scalars: np.ndarray


class Core:
    """C and its Adam state (Kingma & Ba 2015), both float32 [rows, columns], starting at zero."""

    def __init__(
        self, shape: tuple[int, int], *, seed: int, steps: int, directions: int, learning_rate: float
    ) -> None:
        self.value = np.zeros(shape, dtype=np.float32)
        self._mean = np.zeros(shape, dtype=np.float32)
        self._square = np.zeros(shape, dtype=np.float32)
        self._seed, self._steps, self._count = seed, steps, directions
        self._learning_rate = learning_rate
        self._done = 0

    def directions(self) -> np.ndarray:
        """The directions of the step to come, float32 [directions, rows, columns]."""
        return rademacher(self._seed, self._done, self._count, self.value.shape)

    def move(self, scalars: np.ndarray, directions: np.ndarray) -> None:
        """One Adam step along the mean of scalar × direction; `scalars` float32 [directions]."""
        gradient = np.zeros_like(self.value)
        # A loop, because the order in which a matrix product adds up is the library's choice.
        for scalar, direction in zip(scalars.astype(np.float32), directions, strict=True):
            gradient += scalar * direction
        gradient /= np.float32(len(directions))
        self._mean += np.float32(1.0 - BETA_MEAN) * (gradient - self._mean)
        self._square += np.float32(1.0 - BETA_SQUARE) * (gradient * gradient - self._square)
        self._done += 1
        mean = self._mean / np.float32(1.0 - BETA_MEAN**self._done)
        square = self._square / np.float32(1.0 - BETA_SQUARE**self._done)
        self.value -= np.float32(self._rate()) * (mean / (np.sqrt(square) + np.float32(ADAM_EPSILON)))

    def _rate(self) -> float:
        """Linear warm-up, then linear decay to a tenth."""
        step = self._done - 1
        warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
        return self._learning_rate * warm_up * (1.0 - (1.0 - FINAL_RATE) * step / self._steps)


def rebuild(log: ScalarLog, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The core of a run from its log, bit for bit; `u` and `v` give its shape. Raises TuningError."""
    if log.scalars.ndim != 2 or not 0 <= len(log.scalars) <= log.steps:
        raise TuningError("a log holds one row of scalars per step, and not more than its planned steps")
    core = Core(
        (u.shape[1], v.shape[1]),
        seed=log.seed,
        steps=log.steps,
        directions=log.scalars.shape[1],
        learning_rate=log.learning_rate,
    )
    for scalars in log.scalars:
        core.move(scalars, core.directions())
    return core.value
