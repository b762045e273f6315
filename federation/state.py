"""The shared core and its optimiser, moved by aggregates: the same bits on every machine.

The sum of aggregate × direction is a sum of integers below 2⁵³, which float64 holds exactly in any order; so
neither the number of threads nor the linear algebra library matters. What follows is element-wise float32.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from federation.directions import chosen_bits, directions, most_aligned
from federation.refusal import Reason, Refused
from federation.task import Task
from federation.wire import Checkpoint, RoundRecord

# Aggregates are counted in this part of a report's unit.
AGGREGATE_PART = 256


@dataclass(frozen=True, slots=True)
class Plan:
    """What a round evaluates: `indices` int64 [N] and the part of the core they act on."""

    round: int
    indices: np.ndarray
    active: slice

    def bits(self, task: Task) -> np.ndarray:
        """uint8 [N, d / blocks], 1 for −1."""
        return chosen_bits(task.id, self.round, self.indices, self.active.stop - self.active.start)

    def changes(self, task: Task) -> np.ndarray:
        """ε · direction, float32 [N, d], zero outside the active block."""
        moved = np.zeros((len(self.indices), task.d), dtype=np.float32)
        moved[:, self.active] = directions(self.bits(task)) * np.float32(task.perturbation)
        return moved


class State:
    """The core `value` float32 [d], starting at zero, and what its optimiser remembers."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.value = np.zeros(task.d, dtype=np.float32)
        self._mean = np.zeros(task.d, dtype=np.float32)
        self._square = np.zeros(task.d, dtype=np.float32)
        self._moves = [0] * task.window.blocks
        self._last = np.zeros(task.d, dtype=np.float32)
        self._held = np.zeros(task.d)
        self._held_rounds = 0

    def plan(self, round_: int) -> Plan:
        """The directions of a round, from public state alone."""
        task = self.task
        size = task.d // task.window.blocks
        block = round_ % task.window.blocks
        active = slice(block * size, (block + 1) * size)
        indices = np.arange(task.directions)
        # Never two filtered rounds in a row for a block: the filter favours what was found before.
        if task.sampling.kind == "discriminative" and (round_ // task.window.blocks) % 2 == 1:
            pool = task.sampling.candidates * task.directions
            indices = most_aligned(task.id, round_, pool, task.directions, self._last[active])
        return Plan(round_, indices, active)

    def apply(self, record: RoundRecord) -> None:
        """Move by one record. Raises Refused, unchanged, when it does not fit the task."""
        aggregate = record.aggregate
        if len(aggregate) != self.task.directions:
            raise Refused(Reason.WRONG_LENGTH, f"an aggregate of {len(aggregate)} numbers")
        if record.hold and self.task.window.blocks > 1:
            raise Refused(Reason.MALFORMED, "a round can't be held while the window travels")
        plan = self.plan(record.round)
        weights = aggregate.astype(np.float64)
        total = weights.sum() - 2.0 * (weights @ plan.bits(self.task).astype(np.float64))
        self._held[plan.active] += total
        self._held_rounds += 1
        if not record.hold:
            self._move(record.round, plan.active)

    def _move(self, round_: int, active: slice) -> None:
        unit = self.task.step / AGGREGATE_PART / (self.task.directions * self._held_rounds)
        gradient = (self._held[active] * unit).astype(np.float32)
        self._last[active] = gradient
        self._held[:] = 0.0
        self._held_rounds = 0
        block = active.start // (active.stop - active.start)
        self._moves[block] += 1
        moves, optimiser = self._moves[block], self.task.optimiser
        rate = np.float32(self._rate(round_, moves))
        if optimiser.kind == "sgd":
            self.value[active] -= rate * gradient
            return
        mean, square = self._mean[active], self._square[active]
        mean += np.float32(1.0 - optimiser.beta_mean) * (gradient - mean)
        square += np.float32(1.0 - optimiser.beta_square) * (gradient * gradient - square)
        ahead = mean / np.float32(1.0 - _power(optimiser.beta_mean, moves))
        spread = square / np.float32(1.0 - _power(optimiser.beta_square, moves))
        self.value[active] -= rate * (ahead / (np.sqrt(spread) + np.float32(optimiser.stability)))

    def _rate(self, round_: int, moves: int) -> float:
        optimiser = self.task.optimiser
        warm = min(1.0, moves / optimiser.warm_up)
        gone = min(1.0, round_ / self.task.rounds)
        return optimiser.learning_rate * warm * (1.0 - (1.0 - optimiser.final) * gone)

    @property
    def holding(self) -> bool:
        """Whether the last round was held, so that its numbers still wait for the next."""
        return self._held_rounds > 0

    @property
    def digest(self) -> bytes:
        """SHA-256 of all that later rounds depend on."""
        numbers = [self._numbers(), self._held.astype("<f8").tobytes()]
        return hashlib.sha256(b"".join([*numbers, repr((self._moves, self._held_rounds)).encode()])).digest()

    def checkpoint(self, head: bytes, next_round: int) -> Checkpoint:
        """The state as an unsigned message. Raises Refused (wrong-state) while a round is held."""
        if self.holding:
            raise Refused(Reason.WRONG_STATE, "no checkpoint between a held round and the one that ends it")
        return Checkpoint(
            task=self.task.id,
            round=next_round,
            head=head,
            moves=tuple(self._moves),
            numbers=self._numbers(),
        )

    @classmethod
    def restored(cls, task: Task, checkpoint: Checkpoint) -> State:
        """The state of a checkpoint. Raises Refused unless it fits the task and all numbers are finite."""
        state = cls(task)
        numbers = np.frombuffer(checkpoint.numbers, dtype="<f4")
        parts = state._parts()
        if len(numbers) != task.d * len(parts) or len(checkpoint.moves) != task.window.blocks:
            raise Refused(Reason.WRONG_LENGTH, "the checkpoint does not fit the task's window")
        if not np.isfinite(numbers).all():
            raise Refused(Reason.NOT_FINITE, "a number of the checkpoint is not finite")
        for part, values in zip(parts, numbers.reshape(len(parts), task.d), strict=True):
            part[:] = values
        state._moves = list(checkpoint.moves)
        return state

    def copy(self) -> State:
        """A state of its own with the same numbers."""
        other = State(self.task)
        for mine, theirs in zip(self._parts(), other._parts(), strict=True):
            theirs[:] = mine
        other._moves = list(self._moves)
        other._held[:] = self._held
        other._held_rounds = self._held_rounds
        return other

    def _parts(self) -> list[np.ndarray]:
        parts = [self.value]
        if self.task.optimiser.kind == "adam":
            parts += [self._mean, self._square]
        if self.task.sampling.kind == "discriminative":
            parts.append(self._last)
        return parts

    def _numbers(self) -> bytes:
        return b"".join(part.astype("<f4").tobytes() for part in self._parts())


def _power(base: float, exponent: int) -> float:
    """base ** exponent by repeated squaring: multiplications only, which round alike everywhere."""
    result, square = 1.0, base
    while exponent:
        if exponent & 1:
            result *= square
        square *= square
        exponent >>= 1
    return result
