"""Backprop-free tuning: learn the core of the reduced window from losses alone.

Each step draws M random directions, measures the loss of the perturbed cores on one minibatch of answer
positions, makes one scalar per direction of them and moves the core along the mean of scalar × direction with
Adam. How scalars come about is the estimator's business (`tuning.estimator`), which positions are looked at
that of the minibatches (`tuning.minibatches`). Nothing is differentiated, NumPy is all it needs.

The losses are those of layer-chain tuning: cross-entropy on facts and on "I don't know that yet" answers,
and the divergence from the base model on general prompts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tuning.answer_features import AnswerFeatures
from tuning.core import Core, Move, ScalarLog
from tuning.estimator import DifferenceName, Estimator
from tuning.examples import Kind, TuningError, TuningStep
from tuning.gated_window import GatedWindow, gated_directions, names, picking
from tuning.head import Head
from tuning.minibatches import BySpread, InTurn, Minibatch, Minibatches
from tuning.reduced_window import DownWindow, ReducedWindow
from tuning.run_log import WindowLog, lora
from tuning.subspace import Subspace, directions
from tuning.weights import Weights


@dataclass(frozen=True, slots=True)
class ZerothOrder:
    """Settings of the method. `whiten` is λ of `tuning.subspace`.

    `window` says what is trained: "down", rank² numbers in the last down projection, or "gated", the keys of
    `neurons` neurons of the last layer, 2 · neurons · rank numbers in its gate and up projections.
    `estimator`, `candidates` and `wanted_cosine` are explained in `tuning.estimator`; `by_spread` spends
    forwards on the examples whose losses vary most, and `decay` is the weight decay that holds the core back
    where only noise moves it.
    """

    window: Literal["down", "gated"] = "down"
    rank: int = 64
    neurons: int = 128
    directions: int = 32
    steps: int = 1600
    estimator: DifferenceName = "standardised"
    candidates: int = 1
    wanted_cosine: float = 0.0
    by_spread: bool = True
    subspace: Subspace = "regression"
    whiten: float | None = 0.03
    fact_positions: int = 48
    unknown_positions: int = 32
    general_positions: int = 64
    learning_rate: float = 0.005
    decay: float = 0.5
    perturbation: float = 0.05
    spill_weight: float = 3.0
    refresh_steps: int = 500
    refreshed_tokens: int = 8
    report_steps: int = 10

    def make_estimator(self) -> Estimator:
        return Estimator(
            self.estimator,
            directions=self.directions,
            perturbation=self.perturbation,
            candidates=self.candidates,
            wanted_cosine=self.wanted_cosine,
        )


@dataclass(frozen=True, slots=True)
class Tuned:
    """The adapter of a finished job: GGUF tensor name → (A, B), how it went, what it cost.

    `windows` rebuild it; `forward_passes` counts evaluations of all positions through the window.
    """

    tensors: dict[str, tuple[np.ndarray, np.ndarray]]
    alpha: float
    history: tuple[TuningStep, ...]
    forward_passes: float
    windows: tuple[WindowLog, ...]


def tune(
    features: AnswerFeatures, weights: Weights, config: ZerothOrder, *, seed: int
) -> Iterator[TuningStep | Tuned]:
    """Learn; yields a TuningStep every `report_steps` steps and after the last, and the result at the end.

    A generator, so that the caller can pause between steps or stop by dropping it. Raises TuningError
    for data that does not fit the model.
    """
    window, parts, v = _window(features, weights, config)
    core = Core(
        window.shape,
        seed=seed,
        steps=config.steps,
        learning_rate=config.learning_rate,
        decay=config.decay,
    )
    minibatches = _minibatches(features, config, np.random.Generator(np.random.Philox(seed)))
    estimate = config.make_estimator()
    importance = features.position_weights()
    history: list[TuningStep] = []
    moves: list[Move] = []
    evaluated = 0
    for step in range(config.steps):
        if step and step % config.refresh_steps == 0:
            window.refresh(core.value, config.refreshed_tokens)
        objective = Objective(window, importance, minibatches.draw(), core.value, config.spill_weight)
        found = estimate(objective, core.draw)
        core.move(found.scalars, found.directions)
        moves.append(Move(found.indices, found.scalars))
        evaluated += objective.evaluated
        if config.by_spread:
            minibatches.tell(objective.batch.positions, objective.spread)
        if (step + 1) % config.report_steps == 0 or step + 1 == config.steps:
            history.append(TuningStep(step + 1, config.steps, objective.loss, objective.spill))
            yield history[-1]
    log = WindowLog(parts, v, ScalarLog(seed, config.steps, config.learning_rate, tuple(moves), config.decay))
    # llama.cpp multiplies by alpha / rank, rank being the rows of A.
    yield Tuned(
        lora(parts, v, core.value),
        float(v.shape[1]),
        tuple(history),
        evaluated / len(features.h),
        (log,),
    )


def _window(
    features: AnswerFeatures, weights: Weights, config: ZerothOrder
) -> tuple[ReducedWindow, dict[str, np.ndarray], np.ndarray]:
    """The window that is trained, and U of each of its tensors and V. Raises TuningError."""
    head = Head(weights)
    down = f"blk.{int(weights.number('block_count')) - 1}.ffn_down.weight"
    if weights.shape(down) != (features.h.shape[1], features.a.shape[1]) or features.h.shape[1] != head.width:
        raise TuningError("the activations were not taken from this model's last layer")
    if config.window == "down":
        u, v = directions(features, head, rank=config.rank, whiten=config.whiten, subspace=config.subspace)
        return DownWindow(features, head, u, v), {down: u}, v
    gate, up, _ = names(weights)
    chosen, v = gated_directions(
        features, head, weights, neurons=config.neurons, rank=config.rank, whiten=config.whiten
    )
    picks = picking(chosen, features.a.shape[1])
    return GatedWindow(features, head, weights, chosen, v), {gate: picks, up: picks}, v


class Objective:
    """Losses of perturbed cores on one minibatch; remembers what it saw.

    loss, spill: means over the cores of the last call, in nats per token: cross-entropy on taught positions,
                 divergence from the base model on general ones.
    spread:      float32 [B], standard deviation of each position's loss over these cores.
    evaluated:   positions evaluated so far, over all calls.
    """

    def __init__(
        self,
        window: ReducedWindow,
        importance: np.ndarray,
        batch: Minibatch,
        core: np.ndarray,
        spill_weight: float,
    ) -> None:
        """`importance` float32 [P] weighs all positions of the window, `core` is what is perturbed."""
        self.batch = batch
        self.loss = self.spill = 0.0
        self.spread = np.empty(0, dtype=np.float32)
        self.evaluated = 0
        self._window = window
        self._spill_weight = spill_weight
        self._core = core
        self._importance = importance[batch.taught] * batch.taught_weights
        self._general = window.base(batch.general) if len(batch.general) else None

    def __call__(self, changes: np.ndarray) -> np.ndarray:
        """Loss [M] of the core plus each of `changes` [M, r, k]: cross-entropy + weight · divergence."""
        count, taught, positions = len(changes), len(self.batch.taught), self.batch.positions
        log_p = self._window.logits(positions, self._window.moved(positions, self._core + changes))
        log_p -= log_p.max(axis=1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        each = -log_p[:taught, 0]
        losses = (each * self._importance[:, None]).sum(axis=0) / self._importance.sum()
        spills = np.zeros(count, dtype=np.float32)
        if self._general is not None:
            base = self._general
            entropy = (base * np.log(np.maximum(base, 1e-30))).sum(axis=1)
            apart = entropy[:, None] - np.matmul(base[:, None], log_p[taught:])[:, 0]
            weights = self.batch.general_weights
            spills = (apart * weights[:, None]).sum(axis=0) / weights.sum()
            each = np.concatenate([each, apart])
        self.loss, self.spill = float(losses.mean()), float(spills.mean())
        self.spread = each.std(axis=1)
        self.evaluated += count * len(positions)
        return losses + self._spill_weight * spills


def _minibatches(features: AnswerFeatures, config: ZerothOrder, rng: np.random.Generator) -> Minibatches:
    sizes: dict[Kind, int] = {
        "fact": config.fact_positions,
        "unknown": config.unknown_positions,
        "general": config.general_positions,
    }
    return BySpread(features, sizes, rng) if config.by_spread else InTurn(features, sizes, rng)
