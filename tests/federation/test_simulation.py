"""Thousands of devices in one process: only those that are asked cost anything."""

from __future__ import annotations

import hashlib

import numpy as np

from federation.coordinator import Coordinator
from federation.device import Noise
from federation.keys import Signer
from federation.log import RoundLog
from federation.simulation import Simulation
from federation.task import Rule
from tests.federation.conftest import COORDINATOR, Bowl, make_task, targets

TARGETS = targets(20)


def simulation(count: int, asked: int, **options: object) -> Simulation:
    signed = make_task(rounds=120, rule=options.pop("rule", Rule()))
    return Simulation(
        signed=signed,
        coordinator=Coordinator(signed, COORDINATOR, RoundLog(signed)),
        measure=lambda number: Bowl(TARGETS[number % 20]),
        signer=lambda number: Signer(hashlib.sha256(number.to_bytes(4, "little")).digest()),
        count=count,
        asked=asked,
        rng=np.random.Generator(np.random.Philox(1)),
        **options,  # type: ignore[arg-type]
    )


def distance(run: Simulation) -> float:
    wanted = np.mean(TARGETS, axis=0)
    return float(np.linalg.norm(run.log.state().value - wanted) / np.linalg.norm(wanted))


def test_ten_thousand_devices_learn_and_only_the_asked_are_made() -> None:
    run = simulation(10_000, 8)
    for _ in range(120):
        assert run.round() is not None
    assert distance(run) < 0.3
    assert (run.cost.rounds, run.cost.answers) == (120, 960)
    assert run.cost.bytes_up == 960 * (250 - 96)


def test_a_median_keeps_the_gain_under_sign_flips_and_a_mean_loses_it() -> None:
    def hostile(number: int) -> Noise | None:
        return (lambda scores: -scores) if number % 10 < 4 else None

    left = {}
    for kind in ("mean", "median"):
        run = simulation(20, 20, rule=Rule(kind, 0.4), noise=hostile)  # type: ignore[arg-type]
        for _ in range(60):
            run.round()
        left[kind] = distance(run)
    assert left["median"] < left["mean"] < 1.0
