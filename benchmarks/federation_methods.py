"""Published ways to learn one adapter from many devices, on the same window and devices as ours.

Each method is a generator that yields its adapter's core (or LoRA factors) after every round, and charges
devices' seconds and bytes to a meter. All ask the same number of devices a round, evaluate all pairs of a
device, and get the best of a few learning rates. Where a paper leaves the server's step open, it is SGD.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assistant.shared_window import PairLosses
from benchmarks.federation_lab import Adapter, Lab, Meter, Setting
from federation.aggregate import Contribution
from federation.directions import directions, sign_bits
from federation.schedule import variance_ratio
from federation.subspace import PublicSubspace

LOCAL_STEPS = 5
DIRECTIONS = 64
PERTURBATION = 0.01
FEDKSEED_SEEDS, FEDKSEED_STEPS = 1024, 20
MEERKAT_STEPS = 10
FLOAT = 4


class Adam:
    """Adam on any array, with the decay that our tasks use."""

    def __init__(self, shape: tuple[int, ...], setting: Setting) -> None:
        self._mean, self._square = np.zeros(shape), np.zeros(shape)
        self._setting, self._done = setting, 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self._done += 1
        self._mean += 0.1 * (gradient - self._mean)
        self._square += 0.01 * (gradient**2 - self._square)
        ahead = self._mean / (1.0 - 0.9**self._done)
        spread = np.sqrt(self._square / (1.0 - 0.99**self._done)) + 1e-8
        decay = 1.0 - 0.9 * (self._done - 1) / self._setting.rounds
        return (self._setting.rate * decay * ahead / spread).astype(np.float32)


def centralised(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """All pairs in one place, the exact gradient, Adam: the upper bound."""
    core = np.zeros(lab.d, dtype=np.float32)
    adam = Adam(core.shape, setting)
    for _ in range(setting.rounds):
        with meter.device(up=0, down=0):
            gradient = np.mean([each.gradient(core) for each in lab.devices], axis=0)
        core = core - adam.step(gradient)
        yield core


def fed_avg(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """FedAvg (McMahan et al. 2017) on the core: local SGD with backprop, cores are averaged."""
    rng = setting.draws()
    core = np.zeros(lab.d, dtype=np.float32)
    for _ in range(setting.rounds):
        locals_ = []
        for number in _asked(lab, setting, rng):
            with meter.device(up=FLOAT * lab.d, down=FLOAT * lab.d):
                own = core.copy()
                for _ in range(LOCAL_STEPS):
                    own -= np.float32(setting.rate) * lab.devices[number].gradient(own)
            locals_.append(own)
        core = np.mean(locals_, axis=0)
        yield core


def fed_avg_lora(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """FedAvg on both LoRA factors of the same matrix, rank 32: no public subspace, 264 kB each way."""
    rng = setting.draws()
    split = lab.split
    width, inner = split.public.h.shape[1], split.public.a.shape[1]
    eye = np.eye(width, dtype=np.float32)
    a = (rng.normal(size=(lab.rank, inner)) / np.sqrt(inner)).astype(np.float32)
    b = np.zeros((width, lab.rank), dtype=np.float32)
    size = FLOAT * (a.size + b.size)
    full: dict[int, PairLosses] = lab.full_width
    for _ in range(setting.rounds):
        locals_ = []
        for number in _asked(lab, setting, rng):
            if number not in full:
                full[number] = PairLosses(
                    split.devices[number], lab.weights, PublicSubspace(((eye, a.T),)), head=lab.head
                )
            with meter.device(up=size, down=size):
                locals_.append(_lora_steps(full[number], split.devices[number].a, a, b, setting.rate))
        a, b = (np.mean([each[side] for each in locals_], axis=0) for side in (0, 1))
        yield a, b


def fed_zo(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """FedZO (Fang et al. 2022): local zeroth-order steps on private directions, cores are averaged."""
    rng = setting.draws()
    core = np.zeros(lab.d, dtype=np.float32)
    for _ in range(setting.rounds):
        locals_ = []
        for number in _asked(lab, setting, rng):
            with meter.device(up=FLOAT * lab.d, down=FLOAT * lab.d):
                own = core.copy()
                for _ in range(LOCAL_STEPS):
                    own -= np.float32(setting.rate) * _central(lab.devices[number], own, DIRECTIONS // 2, rng)
            locals_.append(own)
        core = np.mean(locals_, axis=0)
        yield core


def fed_kseed(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """FedKSeed (arXiv 2312.06353): K shared seeds, local steps one direction each, (seed, scalar) pairs up.

    Down go the K accumulated scalars. A step looks at all pairs of the device instead of one.
    """
    rng = setting.draws()
    pool = directions(sign_bits(bytes(16), 0, 0, FEDKSEED_SEEDS, lab.d))
    total = np.zeros(FEDKSEED_SEEDS, dtype=np.float64)
    for _ in range(setting.rounds):
        changes = np.zeros(FEDKSEED_SEEDS)
        numbers = _asked(lab, setting, rng)
        for number in numbers:
            with meter.device(up=2 * FLOAT * FEDKSEED_STEPS, down=FLOAT * FEDKSEED_SEEDS):
                own = -np.float32(setting.rate) * (total @ pool).astype(np.float32)
                for seed in rng.integers(FEDKSEED_SEEDS, size=FEDKSEED_STEPS):
                    both = np.stack([pool[seed], -pool[seed]]) * np.float32(PERTURBATION)
                    losses = lab.devices[number](own, both, 0)
                    scalar = (losses[0] - losses[1]) / (2 * PERTURBATION)
                    own -= np.float32(setting.rate * scalar) * pool[seed]
                    changes[seed] += scalar / len(numbers)
        total += changes
        yield -np.float32(setting.rate) * (total @ pool).astype(np.float32)


def decomfl(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """DeComFL (arXiv 2405.15861): shared seeds, one-sided differences against the base loss, raw scalars."""
    rng = setting.draws()
    core = np.zeros(lab.d, dtype=np.float32)
    for round_ in range(setting.rounds):
        drawn = directions(sign_bits(bytes(16), round_, 0, DIRECTIONS, lab.d))
        probe = np.concatenate([np.zeros((1, lab.d), np.float32), drawn * np.float32(PERTURBATION)])
        scalars = []
        for number in _asked(lab, setting, rng):
            with meter.device(up=FLOAT * DIRECTIONS, down=FLOAT * DIRECTIONS):
                losses = lab.devices[number](core, probe, 0)
            scalars.append((losses[1:] - losses[0]) / PERTURBATION)
        step = np.mean(scalars, axis=0) @ drawn / DIRECTIONS
        core = core - np.float32(setting.rate) * step.astype(np.float32)
        yield core


def fwdllm(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """FwdLLM (arXiv 2308.13894): forward gradients on private directions, more of them until halves agree.

    Every second round keeps the tenth of ten times as many candidates that points most along the last
    gradient. Gradients of d floats go up. The variance test is the scale-free one, at most three passes.
    """
    rng = setting.draws()
    core, last = np.zeros(lab.d, dtype=np.float32), np.zeros(lab.d)
    adam = Adam(core.shape, setting)
    for round_ in range(setting.rounds):
        parts: list[Contribution] = []
        for _ in range(3):
            for number in _asked(lab, setting, rng):
                with meter.device(up=FLOAT * lab.d, down=FLOAT * lab.d):
                    drawn = _signs(rng, DIRECTIONS // 2, lab.d)
                    if round_ % 2 and last.any():
                        pool = _signs(rng, 10 * len(drawn), lab.d)
                        drawn = pool[np.argsort(-(pool @ last))[: len(drawn)]]
                    parts.append(Contribution(_central_along(lab.devices[number], core, drawn), 1))
            if variance_ratio(parts) <= 0.5:
                break
        last = np.mean([each.total for each in parts], axis=0)
        core = core - adam.step(last)
        yield core


def meerkat(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """Meerkat (arXiv 2506.03337): a fixed tenth of the numbers, ten local steps on shared seeds, scalars up.

    The mask holds the numbers with the largest squared gradient on devices' first pairs, taken once.
    """
    rng = setting.draws()
    core = np.zeros(lab.d, dtype=np.float32)
    squares = np.mean([each.gradient(core) ** 2 for each in lab.devices[:8]], axis=0)
    mask = (squares >= np.quantile(squares, 0.9)).astype(np.float32)
    for round_ in range(setting.rounds):
        drawn = directions(sign_bits(bytes(16), round_, 0, MEERKAT_STEPS, lab.d)) * mask
        scalars = []
        for number in _asked(lab, setting, rng):
            with meter.device(up=FLOAT * MEERKAT_STEPS, down=FLOAT * MEERKAT_STEPS):
                own, sent = core.copy(), []
                for direction in drawn:
                    both = np.stack([direction, -direction]) * np.float32(PERTURBATION)
                    losses = lab.devices[number](own, both, 0)
                    sent.append((losses[0] - losses[1]) / (2 * PERTURBATION))
                    own -= np.float32(setting.rate * sent[-1]) * direction
            scalars.append(sent)
        core = core - np.float32(setting.rate) * (np.mean(scalars, axis=0) @ drawn).astype(np.float32)
        yield core


def fed_bpt(lab: Lab, setting: Setting, meter: Meter) -> Iterator[Adapter]:
    """FedBPT-style (arXiv 2310.01467): local evolution from the server's mean; means are averaged.

    Three generations of 20 with weighted recombination and one step size (`rate`, decaying), in place of the
    full covariance, which would be 1,024² numbers here.
    """
    rng = setting.draws()
    core = np.zeros(lab.d, dtype=np.float32)
    weights = np.log(10.5) - np.log(np.arange(1, 11))
    weights = (weights / weights.sum()).astype(np.float32)
    for round_ in range(setting.rounds):
        sigma = setting.rate * (1.0 - 0.9 * round_ / setting.rounds)
        locals_ = []
        for number in _asked(lab, setting, rng):
            with meter.device(up=FLOAT * (lab.d + 2), down=FLOAT * (lab.d + 1)):
                own = core.copy()
                for _ in range(3):
                    moves = (sigma * rng.normal(size=(20, lab.d))).astype(np.float32)
                    losses = lab.devices[number](own, moves, 0)
                    own += weights @ moves[np.argsort(losses)[:10]]
            locals_.append(own)
        core = np.mean(locals_, axis=0)
        yield core


def _asked(lab: Lab, setting: Setting, rng: np.random.Generator) -> list[int]:
    drawn = rng.choice(len(lab.devices), min(setting.asked, len(lab.devices)), replace=False)
    return [int(each) for each in drawn]


def _signs(rng: np.random.Generator, count: int, d: int) -> np.ndarray:
    return (1.0 - 2.0 * rng.integers(2, size=(count, d))).astype(np.float32)


def _central(losses: PairLosses, core: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return _central_along(losses, core, _signs(rng, count, len(core)))


def _central_along(losses: PairLosses, core: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Mean of central difference × direction: two evaluations for each direction."""
    probe = drawn * np.float32(PERTURBATION)
    each = losses(core, np.concatenate([probe, -probe]), 0)
    slopes = (each[: len(drawn)] - each[len(drawn) :]) / (2 * PERTURBATION)
    return (slopes.astype(np.float32) @ drawn) / len(drawn)


def _lora_steps(
    losses: PairLosses, inputs: np.ndarray, a: np.ndarray, b: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    a, b = a.copy(), b.copy()
    for _ in range(LOCAL_STEPS):
        keys = inputs @ a.T
        slopes = losses.residual_gradient(keys @ b.T)
        da, db = (slopes @ b).T @ inputs, slopes.T @ keys
        a -= np.float32(rate) * da
        b -= np.float32(rate) * db
    return a, b
