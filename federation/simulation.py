"""Many devices in one process: the protocol with real messages, one shared state, and nobody's network.

A device exists only while it answers, so memory does not grow with their number, and a round costs what the
asked devices cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from federation.coordinator import Coordinator, Hold
from federation.device import Device, Measure, Noise, Spend
from federation.keys import Signer
from federation.log import RoundLog
from federation.replay import Follower
from federation.task import SignedTask
from federation.wire import RoundRecord


@dataclass(slots=True)
class Cost:
    """What rounds took: bytes per asked device, seconds of devices (summed) and of the coordinator."""

    rounds: int = 0
    answers: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    device_s: float = 0.0
    coordinator_s: float = 0.0


@dataclass(slots=True)
class Simulation:
    """`count` devices of which `asked` (drawn by `rng`) answer each round.

    `measure`, `signer`, `noise` and `spend` give device i what it needs; an attacker has odd noise.
    """

    signed: SignedTask
    coordinator: Coordinator
    measure: Callable[[int], Measure]
    signer: Callable[[int], Signer]
    count: int
    asked: int
    rng: np.random.Generator
    noise: Callable[[int], Noise | None] = lambda number: None
    spend: Callable[[int], Spend | None] = lambda number: None
    cost: Cost = field(default_factory=Cost)
    _follower: Follower | None = None

    @property
    def log(self) -> RoundLog:
        return self.coordinator.log

    def core(self) -> np.ndarray:
        """The shared core after the last round, float32 [d]; a copy."""
        self._follower = self._follower or Follower(self.log)
        return self._follower.state().value.copy()

    def round(self, *, asked: int | None = None, hold: Hold | bool = False) -> RoundRecord | None:
        """One round; None without a quorum."""
        if self._follower is None:
            self._follower = Follower(self.log)
        started = time.perf_counter()
        chosen = self.rng.choice(self.count, min(asked or self.asked, self.count), replace=False)
        signers = {int(each): self.signer(int(each)) for each in chosen}
        invited = [self.coordinator.admit(signer.public) for signer in signers.values()]
        request = self.coordinator.open_round(2**32, invited=invited).to_bytes()
        self.cost.coordinator_s += time.perf_counter() - started
        for number, signer in signers.items():
            started = time.perf_counter()
            device = Device(
                self.signed,
                self.log,
                signer,
                self.measure(number),
                noise=self.noise(number),
                spend=self.spend(number),
                follower=self._follower,
            )
            report = device.answer(request, now=0.0)
            answered = time.perf_counter()
            refusal = self.coordinator.receive(report, now=0.0)
            self.cost.device_s += answered - started
            self.cost.coordinator_s += time.perf_counter() - answered
            self.cost.bytes_up += len(report)
            self.cost.answers += refusal is None
        started = time.perf_counter()
        record = self.coordinator.close_round(hold=hold)
        for device_id in invited:
            self.coordinator.dismiss(device_id)
        self.cost.coordinator_s += time.perf_counter() - started
        self.cost.rounds += 1
        down = len(request) + (len(record.to_bytes()) if record is not None else 0)
        self.cost.bytes_down += down * len(signers)
        return record
