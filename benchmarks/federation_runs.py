"""The experiments of the federation benchmark: methods side by side, robustness, scale."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.federation_lab import Adapter, Lab, Meter, Method, Setting
from benchmarks.federation_methods import (
    centralised,
    decomfl,
    fed_avg,
    fed_avg_lora,
    fed_bpt,
    fed_kseed,
    fed_zo,
    fwdllm,
    meerkat,
)
from benchmarks.federation_ours import ours, ours_data_aware, ours_discriminative, simulation
from federation.device import Noise
from federation.refusal import Reason
from federation.task import Rule, RuleKind

CURVE_POINTS = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table: name, method, learning rates to choose from."""

    name: str
    run: Method
    rates: tuple[float, ...]


# The costliest comes last, so that a run that is cut short has the others.
METHODS = (
    Entry("ours", ours, (0.0015, 0.003, 0.006)),
    Entry("FedAvg on the core", fed_avg, (0.001, 0.003, 0.01)),
    Entry("FedKSeed", fed_kseed, (0.0003, 0.001)),
    Entry("DeComFL", decomfl, (0.003, 0.01, 0.03)),
    Entry("FedZO", fed_zo, (0.001, 0.003, 0.01)),
    Entry("FwdLLM-style", fwdllm, (0.001, 0.003, 0.01)),
    Entry("Meerkat", meerkat, (0.001, 0.003, 0.01)),
    Entry("FedBPT-style", fed_bpt, (0.003, 0.01, 0.03)),
    Entry("ours, discriminative", ours_discriminative, (0.0015, 0.003)),
    Entry("ours, data-aware", ours_data_aware, (0.0015, 0.003)),
    Entry("centralised backprop", centralised, (0.0003, 0.001)),
    Entry("FedAvg-LoRA", fed_avg_lora, (0.01, 0.1)),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A method on a corpus. `curve` are (round, gain on a part of the held-out positions)."""

    method: str
    rate: float
    gain: float
    rounds: int
    up: float
    down: float
    device_ms: float
    replay_s: float | None
    curve: tuple[tuple[int, float], ...]


def compare(lab: Lab, rounds: int, asked: int, names: tuple[str, ...] = ()) -> Iterator[Outcome]:
    """Every method at the learning rate that does best on the public users."""
    for entry in METHODS:
        if not names or entry.name in names:
            # A rate that is too high may overflow; then it is not the best.
            with np.errstate(all="ignore"):
                tried = [measured(lab, entry, Setting(rounds, asked, rate)) for rate in entry.rates]
            yield max(tried, key=lambda outcome: max(gain for _, gain in outcome.curve))


def measured(lab: Lab, entry: Entry, setting: Setting) -> Outcome:
    """One run; what counts is its best moment, as the public users see it, on the held-out ones."""
    meter = Meter()
    every = max(1, setting.rounds // CURVE_POINTS)
    curve: list[tuple[int, float]] = []
    best: Adapter = np.zeros(lab.d, dtype=np.float32)
    for number, adapter in enumerate(entry.run(lab, setting, meter), start=1):
        if number % every == 0:
            gain = lab.gain(adapter, validation=True)
            if np.isfinite(gain) and gain > max((each for _, each in curve), default=0.0):
                best = adapter
            curve.append((number, gain if np.isfinite(gain) else -np.inf))
    answers = max(1, meter.answers)
    return Outcome(
        method=entry.name,
        rate=setting.rate,
        gain=lab.gain(best),
        rounds=setting.rounds,
        up=meter.bytes_up / answers,
        down=meter.bytes_down / answers,
        device_ms=1000.0 * meter.device_s / answers,
        replay_s=meter.replay_s or None,
        curve=tuple(curve),
    )


# What an attacker makes of honest scores; the generator is shared by all colluders.
Attack = Callable[[np.ndarray, np.random.Generator], np.ndarray]
ATTACKS: dict[str, Attack] = {
    "sign flip": lambda scores, rng: -scores,
    "Gaussian": lambda scores, rng: _as_long(rng.normal(size=len(scores)), scores),
    "scaled": lambda scores, rng: -20.0 * scores,
    "colluding": lambda scores, rng: _as_long(np.cos(np.arange(len(scores))), scores),
}


def robustness(
    lab: Lab, rounds: int, rate: float, shares: tuple[float, ...], rules: tuple[RuleKind, ...]
) -> Iterator[tuple[str, str, float, float, int]]:
    """(attack, rule, share, gain, refused reports); all devices answer every round. First without attack."""
    for rule in rules:
        yield "none", rule, 0.0, *_attacked(lab, rounds, rate, rule, 0.0, None)
    for name, attack in ATTACKS.items():
        for share in shares:
            for rule in rules:
                yield name, rule, share, *_attacked(lab, rounds, rate, rule, share, attack)


def _attacked(
    lab: Lab, rounds: int, rate: float, rule: RuleKind, share: float, attack: Attack | None
) -> tuple[float, int]:
    count = len(lab.devices)
    hostile = set(range(round(share * count)))
    run = simulation(lab, Setting(rounds, count, rate), rule=Rule(rule, min(0.45, share)))
    rng = np.random.Generator(np.random.Philox(99))

    def noise(number: int) -> Noise | None:
        if attack is None or number not in hostile:
            return None
        return lambda scores: attack(scores, rng)

    run.noise = noise
    for _ in range(rounds):
        run.round()
    return lab.gain(run.core()), run.coordinator.refusals.counts[Reason.OUT_OF_RANGE]


def scale(
    lab: Lab, devices: int, asked: tuple[int, ...], rounds: int
) -> Iterator[tuple[int, float, float, float]]:
    """(asked, seconds per round, coordinator's ms per report, peak memory MiB) with so many devices."""
    for each in asked:
        run = simulation(lab, Setting(rounds, each, 0.02), devices=devices)
        run.round()
        started = time.perf_counter()
        before = run.cost.coordinator_s
        for _ in range(rounds):
            run.round()
        seconds = (time.perf_counter() - started) / rounds
        coordinator = (run.cost.coordinator_s - before) / rounds / each
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield each, seconds, 1000.0 * coordinator, memory


def _as_long(values: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """An attack that no check of length can see."""
    return values * (np.linalg.norm(scores) / np.linalg.norm(values))
