"""Layer-chain LoRA: tune the last layers on cached activations, with guards against spilling over.

The layers below the window ran once; only the window's layers are dequantised and only they see a backward
pass. What a step sees and how it is judged is in `lessons.py`.

This is one window of the chain (ChainFed, ACL 2026, section 4.2: a window of Q adapters trained through the
layers above it; here the window ends at the head, where its loss is the plain end-to-end loss).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

import numpy as np
import torch

from tuning.checkpoint import Checkpoint, generator_state, restore_generator
from tuning.examples import Sequences, TuningStep
from tuning.lessons import Lessons, StepSettings
from tuning.sampled_head import SampledHead
from tuning.weights import Weights
from tuning.window import Tensors, Window

# How often a job is written to its checkpoint; a file of a few megabytes.
CHECKPOINT_STEPS = 20


@dataclass(frozen=True, slots=True)
class LayerChain(StepSettings):
    """Settings of the method. One dial matters most: `layers`, the size of the window."""

    layers: int = 2
    steps: int = 224
    learning_rate: float = 4e-3

    @staticmethod
    def for_facts(sequences: int) -> LayerChain:
        """Steps so that each of these fact sequences is seen about 16 times, within bounds."""
        config = LayerChain()
        return replace(config, steps=min(800, max(120, round(16 * sequences / config.facts_per_step))))


@dataclass(frozen=True, slots=True)
class Tuned:
    """The adapter of a finished job: GGUF tensor name → (A, B), how it went, what it cost."""

    tensors: dict[str, tuple[np.ndarray, np.ndarray]]
    alpha: float
    history: tuple[TuningStep, ...]
    forward_passes: float


def tune(
    sequences: Sequences,
    weights: Weights,
    config: LayerChain,
    *,
    seed: int,
    threads: int = 2,
    device: torch.device | str = "cpu",
    start: Tensors | None = None,
    checkpoint: Checkpoint | None = None,
) -> Iterator[TuningStep | Tuned]:
    """Train the window; yields a TuningStep after each step and the result last.

    `sequences.inputs` are residual streams entering the window, i.e. after layer `count - layers - 1`.
    A generator, so that the caller can pause between steps or stop by dropping it. `start` is a former
    adapter of the same shape to go on from. With a `checkpoint` a job that was cut off goes on after the last
    step it kept, and ends as if nothing had happened.
    Raises TuningError for an architecture it does not support.
    """
    torch.set_num_threads(threads)
    rng = np.random.Generator(np.random.Philox(seed))
    window = Window(weights, rank=config.rank, alpha=config.alpha, rng=rng, device=device)
    total = window.geometry.layers
    for index in range(total - config.layers, total):
        window.enter(index, start)
    head = SampledHead(weights, sequences, config.sampled_tokens, rng, device)
    lessons = Lessons(sequences, config.per_step, head, rng, device)
    prefix = torch.from_numpy(sequences.prefix).to(device)
    lessons.hold_to(_base_states(lessons, window, prefix))
    history: list[TuningStep] = []
    seen = 0
    state = checkpoint.load() if checkpoint else None
    if state is not None:
        window.restore(state.arrays)
        restore_generator(rng, state.values["generator"])
        lessons.restore(state.values["lessons"])
        seen = state.values["seen"]
        history = [TuningStep(*step) for step in state.values["history"]]
    for step in range(len(history), config.steps):
        rate = config.learning_rate * min(1.0, (step + 1) / 8) * (1.0 - 0.9 * step / config.steps)
        batch = lessons.deal()
        losses = lessons.losses(batch, window.states(batch, prefix))
        (losses.taught + config.spill_weight * losses.spill).backward()
        window.step(rate)
        seen += len(batch.taught) + len(batch.general)
        history.append(TuningStep(step + 1, config.steps, losses.taught.item(), losses.spill.item()))
        if checkpoint and (step + 1) % CHECKPOINT_STEPS == 0:
            values = {
                "generator": generator_state(rng),
                "lessons": lessons.state(),
                "seen": seen,
                "history": [astuple(each) for each in history],
            }
            checkpoint.save(window.arrays(), values)
        yield history[-1]
    # Through `layers` of `total` layers is that share of a forward pass; the backward pass costs two.
    yield Tuned(window.tensors(), config.alpha, tuple(history), 3.0 * seen * config.layers / total)


def _base_states(lessons: Lessons, window: Window, prefix: torch.Tensor) -> dict[int, torch.Tensor]:
    """Last hidden states of the untouched model on the general prompts, by sequence."""
    found: dict[int, torch.Tensor] = {}
    general = lessons.sequences.of("general")
    with torch.no_grad():
        for start in range(0, len(general), 16):
            group = general[start : start + 16]
            states = window.states(lessons.batch([], group), prefix, adapted=False)
            lengths = [len(lessons.sequences.targets[i]) for i in group]
            found.update(zip(group, states.split(lengths), strict=True))
    return found
