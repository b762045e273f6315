"""Backprop-free tuning: learn the core of the reduced window from losses alone.

Each step draws M random directions, measures the loss of all M perturbed cores on one minibatch of answer
positions, standardises the M losses (mean-centred, divided by their own spread) and moves the core along
the mean of score × direction with Adam. One-sided, mean-centred differences beat central ones at equal
numbers of evaluations, and standardising replaces a step size tied to the loss's scale (FZOO,
arXiv 2506.09034, without its extra base evaluation). Nothing is differentiated, NumPy is all it needs.

The losses are those of layer-chain tuning: cross-entropy on facts and on "I don't know that yet" answers,
and the divergence from the base model on general prompts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tuning.answer_features import AnswerFeatures
from tuning.core import Core, ScalarLog
from tuning.examples import Kind, TuningError, TuningStep
from tuning.head import Head
from tuning.reduced_window import ReducedWindow
from tuning.subspace import Subspace, directions
from tuning.weights import Weights


@dataclass(frozen=True, slots=True)
class ZerothOrder:
    """Settings of the method. `rank`² numbers are trained; `whiten` is λ of `tuning.subspace`."""

    rank: int = 64
    directions: int = 32
    steps: int = 2500
    subspace: Subspace = "regression"
    whiten: float | None = 0.03
    fact_positions: int = 48
    unknown_positions: int = 32
    general_positions: int = 64
    learning_rate: float = 0.005
    perturbation: float = 0.05
    spill_weight: float = 3.0
    refresh_steps: int = 500
    refreshed_tokens: int = 8
    report_steps: int = 10


@dataclass(frozen=True, slots=True)
class Tuned:
    """The adapter of a finished job: GGUF tensor name → (A, B), how it went, what it cost.

    `log` rebuilds the core; `forward_passes` counts evaluations of all positions through the window.
    """

    tensors: dict[str, tuple[np.ndarray, np.ndarray]]
    alpha: float
    history: tuple[TuningStep, ...]
    forward_passes: float
    log: ScalarLog


def tune(
    features: AnswerFeatures, weights: Weights, config: ZerothOrder, *, seed: int
) -> Iterator[TuningStep | Tuned]:
    """Learn; yields a TuningStep every `report_steps` steps and after the last, and the result at the end.

    A generator, so that the caller can pause between steps or stop by dropping it. Raises TuningError
    for data that does not fit the model.
    """
    name = f"blk.{int(weights.number('block_count')) - 1}.ffn_down.weight"
    head = Head(weights)
    if weights.shape(name) != (features.h.shape[1], features.a.shape[1]) or features.h.shape[1] != head.width:
        raise TuningError("the activations were not taken from this model's last layer")
    u, v = directions(features, head, rank=config.rank, whiten=config.whiten, subspace=config.subspace)
    window = ReducedWindow(features, head, u, v)
    core = Core(
        (u.shape[1], v.shape[1]),
        seed=seed,
        steps=config.steps,
        directions=config.directions,
        learning_rate=config.learning_rate,
    )
    objective = Objective(window, features)
    minibatches = _Minibatches(features, config, np.random.Generator(np.random.Philox(seed)))
    history: list[TuningStep] = []
    scalars = np.empty((config.steps, config.directions), dtype=np.float32)
    evaluated = 0
    for step in range(config.steps):
        if step and step % config.refresh_steps == 0:
            window.refresh(core.value, config.refreshed_tokens)
        taught, general = minibatches.draw()
        drawn = core.directions()
        losses, spills = objective(core.value, drawn * np.float32(config.perturbation), taught, general)
        scalars[step] = standardised(losses + config.spill_weight * spills)
        core.move(scalars[step], drawn)
        evaluated += config.directions * (len(taught) + len(general))
        if (step + 1) % config.report_steps == 0 or step + 1 == config.steps:
            history.append(TuningStep(step + 1, config.steps, float(losses.mean()), float(spills.mean())))
            yield history[-1]
    adapter = (np.ascontiguousarray(v.T), u @ core.value)
    log = ScalarLog(seed, config.steps, config.learning_rate, scalars)
    # llama.cpp multiplies by alpha / rank, rank being the rows of A.
    yield Tuned({name: adapter}, float(v.shape[1]), tuple(history), evaluated / len(features.h), log)


def standardised(losses: np.ndarray) -> np.ndarray:
    """(loss − mean) / standard deviation as float32; zeros where the losses do not differ."""
    centred = losses.astype(np.float64) - losses.mean(dtype=np.float64)
    spread = float(np.sqrt((centred**2).sum() / (len(losses) - 1)))
    return (centred / spread if spread > 0.0 else np.zeros_like(centred)).astype(np.float32)


class Objective:
    """Losses of perturbed cores on a minibatch."""

    def __init__(self, window: ReducedWindow, features: AnswerFeatures) -> None:
        self._window = window
        self._importance = features.position_weights()

    def __call__(
        self, core: np.ndarray, changes: np.ndarray, taught: np.ndarray, general: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Losses of core + each of `changes` [M, r, r], in nats per token.

        Two arrays [M]: cross-entropy on `taught` positions, divergence from the base model on `general` ones.
        """
        positions = np.concatenate([taught, general])
        keys = self._window.keys[positions]
        count, rows, columns = changes.shape
        # Side by side as [columns, rows · M], so that the result is laid out as the logits' product reads it.
        beside = changes.transpose(2, 1, 0).reshape(columns, rows * count)
        moved = (keys @ beside).reshape(len(positions), rows, count)
        moved += (keys @ core.T)[:, :, None]
        log_p = self._window.logits(positions, moved)
        log_p -= log_p.max(axis=1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        importance = self._importance[taught]
        losses = -(log_p[: len(taught), 0] * importance[:, None]).sum(axis=0) / importance.sum()
        spills = np.zeros(count, dtype=np.float32)
        if len(general):
            base = self._window.base(general)
            entropy = (base * np.log(np.maximum(base, 1e-30))).sum()
            spills = (entropy - np.einsum("bk,bkn->n", base, log_p[len(taught) :])) / len(general)
        return losses, spills


class _Minibatches:
    """Deals positions of each kind in shuffled rounds, so that each is seen before any is seen twice."""

    def __init__(self, features: AnswerFeatures, config: ZerothOrder, rng: np.random.Generator) -> None:
        sizes: dict[Kind, int] = {
            "fact": config.fact_positions,
            "unknown": config.unknown_positions,
            "general": config.general_positions,
        }
        self._rng = rng
        self._pools = {kind: features.positions(kind) for kind in sizes}
        self._sizes = {kind: min(size, len(self._pools[kind])) for kind, size in sizes.items()}
        self._waiting = {kind: np.empty(0, dtype=np.int64) for kind in sizes}

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions to teach and general positions."""
        dealt = {kind: self._deal(kind) for kind in self._sizes}
        return np.concatenate([dealt["fact"], dealt["unknown"]]), dealt["general"]

    def _deal(self, kind: Kind) -> np.ndarray:
        size = self._sizes[kind]
        if len(self._waiting[kind]) < size:
            shuffled = self._rng.permutation(self._pools[kind])
            self._waiting[kind] = np.concatenate([self._waiting[kind], shuffled])
        dealt, self._waiting[kind] = self._waiting[kind][:size], self._waiting[kind][size:]
        return dealt
