"""This project's protocol on the devices of the federation benchmark, with real messages."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assistant.shared_window import PairLosses
from benchmarks.federation_data import device_seed
from benchmarks.federation_lab import Adapter, Lab, Meter, Setting
from benchmarks.federation_methods import DIRECTIONS, PERTURBATION
from federation.coordinator import Coordinator
from federation.keys import Signer
from federation.log import RoundLog
from federation.schedule import Budget, ExampleSchedule, redundancy
from federation.simulation import Simulation
from federation.task import Optimiser, Sampling, SignedTask, Subspace, Task, Window


def ours(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """This protocol: real messages, z-scores in 16 bits, shared directions, Adam on the replayed core."""
    yield from _ours(lab, setting, meter, Sampling(), aware=False)


def ours_discriminative(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """The same with directions ranked by the last gradient on every second round."""
    yield from _ours(lab, setting, meter, Sampling("discriminative"), aware=False)


def ours_data_aware(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """The same; devices evaluate half of their pairs, by spread, and fewer directions when poor in pairs."""
    yield from _ours(lab, setting, meter, Sampling(), aware=True)


def simulation(lab: Lab, setting: Setting, *, devices: int | None = None, **task: object) -> Simulation:
    """Our protocol on the lab's devices; with `devices` more than there are, their pairs are used again."""
    coordinator = Signer(hashlib.sha256(b"coordinator %d" % setting.seed).digest())
    values: dict[str, object] = {
        "name": "benchmark",
        "owner_text": "A simulated task.",
        "coordinator": coordinator.public.hex(),
        "base_model": "00" * 32,
        "window": Window(("blk.29.ffn_down.weight",), lab.rank, Subspace("content", lab.subspace.sha256)),
        "directions": DIRECTIONS,
        "perturbation": PERTURBATION,
        "rounds": setting.rounds,
        "optimiser": Optimiser(learning_rate=setting.rate),
        "min_clients": 1,
    }
    signed = SignedTask.sign(Task(**{**values, **task}), coordinator)  # type: ignore[arg-type]
    count = len(lab.devices)
    return Simulation(
        signed=signed,
        coordinator=Coordinator(signed, coordinator, RoundLog(signed)),
        measure=lambda number: _Still(lab.devices[number % count]),
        signer=lambda number: Signer(device_seed(number)),
        count=devices or count,
        asked=setting.asked,
        rng=setting.draws(),
    )


def _ours(lab: Lab, setting: Setting, meter: Meter, sampling: Sampling, *, aware: bool) -> Iterator[Adapter]:
    run = simulation(lab, setting, sampling=sampling)
    if aware:
        schedules = [
            ExampleSchedule(redundancy(each.keys), np.random.Generator(np.random.Philox(number)))
            for number, each in enumerate(lab.devices)
        ]
        run.measure = lambda number: _Drawn(lab.devices[number], schedules[number])
        run.spend = lambda number: Budget(schedules[number].effective, number, enough=8.0)
    for _ in range(setting.rounds):
        run.round()
        yield run.core()
    meter.answers, meter.bytes_up, meter.bytes_down = run.cost.answers, run.cost.bytes_up, run.cost.bytes_down
    meter.device_s = run.cost.device_s
    started = time.perf_counter()
    run.log.state()
    meter.replay_s = time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class _Still:
    """Losses without the renewal of candidates, as for the other methods."""

    losses: PairLosses

    def __call__(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        return self.losses(core, changes, 0)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Losses of half of the pairs, drawn by a schedule that learns from them."""

    losses: PairLosses
    schedule: ExampleSchedule

    def __call__(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        drawn = self.schedule.draw(max(1, self.losses.count // 2))
        each = self.losses.by_example(core, changes, drawn)
        self.schedule.observe(drawn, each)
        return each.mean(axis=0)
