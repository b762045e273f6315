"""What all methods of the federation benchmark share: devices, held-out loss, and a stop-watch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from assistant.shared_window import PairLosses
from benchmarks.federation_data import Split
from federation.subspace import PublicSubspace
from tuning.head import Head
from tuning.subspace import input_directions, output_directions
from tuning.weights import Weights

VALIDATION_POSITIONS = 250
# What a method has learned: a core [d], or LoRA factors (A, B) of the last down projection.
Adapter = np.ndarray | tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run gets: length, devices a round, a learning rate, a seed."""

    rounds: int
    asked: int
    rate: float
    seed: int = 0

    def draws(self) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(self.seed))


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
        # Windows of devices without a subspace, made when FedAvg-LoRA asks for them.
        self.full_width: dict[int, PairLosses] = {}

    @property
    def d(self) -> int:
        return self.rank**2

    def pairs(self, device: int) -> int:
        """Number of pairs of a device."""
        return len(self.split.devices[device].lengths)

    def gain(self, adapter: Adapter, *, validation: bool = False) -> float:
        """Loss saved on held-out users (or the public ones), nats per token over the whole vocabulary."""
        a, b = adapter if isinstance(adapter, tuple) else self.subspace.factors(adapter)[0]
        if validation not in self._base:
            self._base[validation] = self._loss(np.zeros_like(a), np.zeros_like(b), validation)
        return self._base[validation] - self._loss(a, b, validation)

    @property
    def base(self) -> float:
        """Held-out loss of the base model, nats per token."""
        self.gain(np.zeros(self.d, dtype=np.float32))
        return self._base[False]

    def _loss(self, a: np.ndarray, b: np.ndarray, validation: bool) -> float:
        seen = self.split.public if validation else self.split.held_out
        # Validation runs often: a part of the positions, spread over all users.
        every = max(1, len(seen.h) // VALIDATION_POSITIONS) if validation else 1
        chosen = np.arange(0, len(seen.h), every)
        total = 0.0
        for start in range(0, len(chosen), 128):
            block = chosen[start : start + 128]
            normal = self.head.normalise(seen.h[block] + (seen.a[block] @ a.T) @ b.T)
            logits = normal @ self._rows.T
            highest = logits.max(axis=1)
            right = logits[np.arange(len(logits)), seen.targets[block]]
            total += float((highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1)) - right).sum())
        return total / len(chosen)


Method = Callable[[Lab, Setting, Meter], Iterator[Adapter]]
