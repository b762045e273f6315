"""What all methods of the federation benchmark share: devices, held-out loss, and a stop-watch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from assistant.shared_window import PairLosses
from benchmarks.federation_data import Split
from federation.subspace import PublicSubspace
from tuning.answer_features import AnswerFeatures
from tuning.head import Head
from tuning.subspace import input_directions, output_directions
from tuning.weights import Weights

# Held-out positions for the curve of a run; its end is measured on all.
CURVE_POSITIONS = 300


@dataclass(slots=True)
class Meter:
    """Costs of a run, summed over devices; bytes and seconds are shown per device and round."""

    answers: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    device_s: float = 0.0
    replay_s: float = 0.0

    @contextmanager
    def device(self, *, up: int, down: int) -> Iterator[None]:
        """One device's part of one round."""
        started = time.perf_counter()
        yield
        self.device_s += time.perf_counter() - started
        self.answers += 1
        self.bytes_up += up
        self.bytes_down += down


@dataclass
class Lab:
    """One corpus: the losses of each device in the public window, and the true loss on held-out users."""

    split: Split
    weights: Weights
    rank: int = 32
    head: Head = field(init=False)
    subspace: PublicSubspace = field(init=False)
    devices: list[PairLosses] = field(init=False)

    def __post_init__(self) -> None:
        self.head = Head(self.weights)
        public = self.split.public
        u = output_directions(public, self.head, self.rank)
        v = input_directions(public, self.rank, None)
        self.subspace = PublicSubspace(((u, v),))
        self.devices = [
            PairLosses(each, self.weights, self.subspace, head=self.head) for each in self.split.devices
        ]
        self._rows = self.head.rows(np.arange(self.head.vocabulary))
        self._base: dict[bool, float] = {}

    @property
    def d(self) -> int:
        return self.rank**2

    def pairs(self, device: int) -> int:
        """Number of pairs of a device."""
        return len(self.split.devices[device].lengths)

    def gain(self, core: np.ndarray, *, curve: bool = False) -> float:
        """Held-out loss saved by a core, nats per token over the whole vocabulary."""
        ((a, b),) = self.subspace.factors(core)
        return self.gain_of(a, b, curve=curve)

    def gain_of(self, a: np.ndarray, b: np.ndarray, *, curve: bool = False) -> float:
        """The same for LoRA factors of the last down projection."""
        if curve not in self._base:
            self._base[curve] = self._loss(np.zeros_like(a), np.zeros_like(b), curve)
        return self._base[curve] - self._loss(a, b, curve)

    @property
    def base(self) -> float:
        """Held-out loss of the base model, nats per token."""
        self.gain(np.zeros(self.d, dtype=np.float32))
        return self._base[False]

    def training_loss_of(self, a: np.ndarray, b: np.ndarray) -> float:
        """Mean loss of LoRA factors on a part of every device's own pairs."""
        return float(np.mean([self._mean_loss(each, a, b, 20) for each in self.split.devices]))

    def _loss(self, a: np.ndarray, b: np.ndarray, curve: bool) -> float:
        return self._mean_loss(self.split.held_out, a, b, CURVE_POSITIONS if curve else None)

    def _mean_loss(self, held: AnswerFeatures, a: np.ndarray, b: np.ndarray, most: int | None) -> float:
        chosen = np.arange(len(held.h))
        if most is not None:
            # Spread over all users, not the first few.
            chosen = chosen[:: max(1, len(chosen) // most)]
        total = 0.0
        for start in range(0, len(chosen), 128):
            block = chosen[start : start + 128]
            normal = self.head.normalise(held.h[block] + (held.a[block] @ a.T) @ b.T)
            logits = normal @ self._rows.T
            highest = logits.max(axis=1)
            right = logits[np.arange(len(block)), held.targets[block]]
            total += float((highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1)) - right).sum())
        return total / len(chosen)
