"""A small task, its keys, and a convex objective that stands in for the owner's pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from federation.coordinator import Coordinator
from federation.device import Device, Measure
from federation.keys import Signer
from federation.log import RoundLog
from federation.task import Optimiser, SignedTask, Subspace, Task, Window
from federation.wire import RoundRecord

COORDINATOR = Signer(bytes(range(32)))
NOW = 1_000.0
DEADLINE = 2_000


def make_task(**changes: Any) -> SignedTask:
    """A signed task of 64 numbers and 16 directions; `changes` replace fields."""
    task = Task(
        name="style",
        owner_text="Your device helps with the tone of answers. It sends 16 numbers a round.",
        coordinator=COORDINATOR.public.hex(),
        base_model="ab" * 32,
        window=Window(("blk.1.ffn_down.weight",), 8, Subspace("seed", "7")),
        directions=16,
        rounds=50,
        optimiser=Optimiser(learning_rate=0.1),
    )
    return SignedTask.sign(dataclasses.replace(task, **changes), COORDINATOR)


@dataclass(frozen=True)
class Bowl:
    """Loss 1 + |core − target|²: a device whose pairs want the core at `target`."""

    target: np.ndarray

    def __call__(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        return 1.0 + ((core + changes - self.target) ** 2).sum(axis=1)


@dataclass
class Federation:
    """A coordinator and its devices in one process, handing bytes to each other."""

    signed: SignedTask
    coordinator: Coordinator
    devices: list[Device]

    def round(self, **options: Any) -> RoundRecord:
        """One round in which every device that is up to date takes part."""
        request = self.coordinator.open_round(DEADLINE).to_bytes()
        for device in self.devices:
            device.log.extend(self.coordinator.log.since(device.log.head) or [])
            assert self.coordinator.receive(device.answer(request, now=NOW), now=NOW) is None
        record = self.coordinator.close_round(**options)
        assert record is not None
        return record


def targets(count: int, d: int = 64, spread: float = 0.2) -> list[np.ndarray]:
    """Targets around a common one."""
    rng = np.random.Generator(np.random.Philox(5))
    common = rng.normal(size=d)
    return [(common + spread * rng.normal(size=d)).astype(np.float32) for _ in range(count)]


@pytest.fixture
def federate() -> Callable[..., Federation]:
    """Makes a federation of `count` devices on a task with `changes`; `measures` replace the bowls."""

    def make(count: int = 4, measures: Sequence[Measure] = (), **changes: Any) -> Federation:
        signed = make_task(**changes)
        coordinator = Coordinator(signed, COORDINATOR, RoundLog(signed))
        devices = []
        bowls = [Bowl(target) for target in targets(count, signed.task.d)]
        for number, measure in enumerate(measures or bowls):
            signer = Signer(bytes([number + 1]) * 32)
            coordinator.admit(signer.public)
            devices.append(Device(signed, RoundLog(signed), signer, measure))
        return Federation(signed, coordinator, devices)

    return make
