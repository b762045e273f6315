"""The trained numbers of backprop-free tuning: a core C, moved by scored directions, replayable from scalars.

A run is fully described by a seed, its planned length, a learning rate, and one scalar per direction and
step. Everything between the scalars and C is element-wise float32 in a fixed order, so replaying gives the
same bits on any machine and with any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuning.directions import rademacher
from tuning.examples import TuningError

BETA_MEAN, BETA_SQUARE, ADAM_EPSILON = 0.9, 0.99, 1e-8
WARM_UP_STEPS = 8
FINAL_RATE = 0.1


@dataclass(frozen=True, slots=True)
class Move:
    """One step: uint16 [M] indices of the directions, float32 [M] the scalar of each."""

    indices: np.ndarray
    scalars: np.ndarray


@dataclass(frozen=True, slots=True)
class ScalarLog:
    """A run: its moves in order, and what turns them into a core.

    `steps` is the planned length, on which the learning rate depends; a stopped run has fewer moves. `decay`
    is the weight decay of `Core`.
    """

    seed: int
    steps: int
    learning_rate: float
    moves: tuple[Move, ...]
    decay: float = 0.0


class Core:
    """C and its Adam state (Kingma & Ba 2015), both float32 [rows, columns], starting at zero.

    Each step first shrinks C by learning rate × `decay` (decoupled weight decay, Loshchilov & Hutter 2019,
    arXiv 1711.05101). Estimates are mostly noise, under which C would wander ever further from the base.
    """

    def __init__(
        self, shape: tuple[int, int], *, seed: int, steps: int, learning_rate: float, decay: float = 0.0
    ) -> None:
        self.value = np.zeros(shape, dtype=np.float32)
        self._mean = np.zeros(shape, dtype=np.float32)
        self._square = np.zeros(shape, dtype=np.float32)
        self._seed, self._steps = seed, steps
        self._learning_rate, self._decay = learning_rate, decay
        self._done = 0
        # β^t as running products: a power function may round differently from one libm to the next.
        self._mean_decay = self._square_decay = 1.0

    def draw(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Directions of the step to come, float32 [indices, rows, columns]."""
        return rademacher(self._seed, self._done, indices, self.value.shape)

    def move(self, scalars: np.ndarray, directions: np.ndarray) -> None:
        """One Adam step down the mean of scalar × direction; `scalars` float32 [M]."""
        gradient = np.zeros_like(self.value)
        # A loop, because the order in which a matrix product adds up is the library's choice.
        for scalar, direction in zip(scalars.astype(np.float32), directions, strict=True):
            gradient += scalar * direction
        gradient /= np.float32(len(directions))
        self._mean += np.float32(1.0 - BETA_MEAN) * (gradient - self._mean)
        self._square += np.float32(1.0 - BETA_SQUARE) * (gradient * gradient - self._square)
        self._mean_decay *= BETA_MEAN
        self._square_decay *= BETA_SQUARE
        mean = self._mean / np.float32(1.0 - self._mean_decay)
        square = self._square / np.float32(1.0 - self._square_decay)
        self.value *= np.float32(1.0 - self._rate() * self._decay)
        rate = np.float32(self._rate())
        self.value -= rate * (mean / (np.sqrt(square) + np.float32(ADAM_EPSILON)))
        self._done += 1

    def _rate(self) -> float:
        """Linear warm-up, then linear decay to a tenth."""
        warm_up = min(1.0, (self._done + 1) / WARM_UP_STEPS)
        return self._learning_rate * warm_up * (1.0 - (1.0 - FINAL_RATE) * self._done / self._steps)


def replay(log: ScalarLog, shape: tuple[int, int]) -> np.ndarray:
    """The core of a run from its log, bit for bit. Raises TuningError."""
    if len(log.moves) > log.steps:
        raise TuningError("the log of a run holds more moves than its planned steps")
    core = Core(shape, seed=log.seed, steps=log.steps, learning_rate=log.learning_rate, decay=log.decay)
    for move in log.moves:
        if not len(move.indices) == len(move.scalars) > 0:
            raise TuningError("each move of a log needs one scalar per direction, and at least one")
        core.move(move.scalars, core.draw(move.indices))
    return core.value


def product(u: np.ndarray, core: np.ndarray) -> np.ndarray:
    """U · C as float32, added up in the order of U's columns whatever the BLAS; u [width, r], core [r, k]."""
    total = np.zeros((u.shape[0], core.shape[1]), dtype=np.float32)
    for column, row in zip(u.astype(np.float32).T, core.astype(np.float32), strict=True):
        total += column[:, None] * row
    return total
