"""Layer-chain LoRA: tune the last layers on cached activations, with guards against spilling over.

The layers below the window ran once in the serving engine; only the window's layers are dequantised and
only they see a backward pass. Three losses share a step: cross-entropy on facts, cross-entropy on
"I don't know that yet" for near-miss questions, and the divergence from the base model on general prompts.

This is one window of the chain (ChainFed, ACL 2026, section 4.2: a window of Q adapters trained through the
layers above it; here the window ends at the head, where its loss is the plain end-to-end loss).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from tuning.adam import Adam
from tuning.architectures import Geometry
from tuning.examples import Kind, Sequences, TuningStep, exact_tokens
from tuning.llama_layer import Layer, Packing, rms_norm
from tuning.weights import Weights


@dataclass(frozen=True, slots=True)
class LayerChain:
    """Settings of the method. One dial matters most: `layers`, the size of the window."""

    layers: int = 2
    rank: int = 16
    alpha: float = 16.0
    steps: int = 224
    # Many answers are harder to learn than the one "I don't know", so facts get half of each step. Twice as
    # many steps of half the size learn the near misses far better (docs/log.md).
    facts_per_step: int = 11
    unknowns_per_step: int = 5
    generals_per_step: int = 4
    learning_rate: float = 4e-3
    spill_weight: float = 1.0
    sampled_tokens: int = 2048

    @staticmethod
    def for_facts(sequences: int) -> LayerChain:
        """Steps so that each of these fact sequences is seen about 19 times, within bounds."""
        config = LayerChain()
        return replace(config, steps=min(800, max(120, round(18.7 * sequences / config.facts_per_step))))


@dataclass(frozen=True, slots=True)
class Tuned:
    """The adapter of a finished job: GGUF tensor name → (A, B), how it went, what it cost."""

    tensors: dict[str, tuple[np.ndarray, np.ndarray]]
    alpha: float
    history: tuple[TuningStep, ...]
    forward_passes: float


class _Draw:
    """Deals indices in shuffled rounds, so that every example is seen before any is seen twice."""

    def __init__(self, indices: list[int], rng: np.random.Generator) -> None:
        self._indices, self._rng, self._waiting = indices, rng, list[int]()

    def __call__(self, count: int) -> list[int]:
        count = min(count, len(self._indices))
        while len(self._waiting) < count:
            self._waiting += [self._indices[i] for i in self._rng.permutation(len(self._indices))]
        dealt, self._waiting = self._waiting[:count], self._waiting[count:]
        return dealt


class _Head:
    """Final norm and output head, exact for the tokens that matter and sampled for the rest.

    Sampled softmax: each step draws other tokens, and each drawn one stands for its share of the rest of the
    vocabulary. With a fixed set, probability moves to tokens at which nobody looks.
    """

    def __init__(
        self, weights: Weights, sequences: Sequences, sampled: int, rng: np.random.Generator
    ) -> None:
        self._rng = rng
        self._head = weights.rows(weights.head)
        self._exact = exact_tokens(sequences)
        vocabulary = weights.shape(weights.head)[0]
        self._rest = np.setdiff1d(np.arange(vocabulary), self._exact, assume_unique=True)
        self._sampled = min(sampled, len(self._rest))
        self._norm = torch.from_numpy(weights.tensor("output_norm.weight"))
        self._epsilon = weights.number("attention.layer_norm_rms_epsilon", 1e-5)
        known = len(self._exact)
        self._rows = torch.empty(known + self._sampled, weights.shape(weights.head)[1])
        self._rows[:known] = torch.from_numpy(self._head.take(self._exact))
        self._log_weights = torch.zeros(known + self._sampled)
        if self._sampled:
            self._log_weights[known:] = math.log(len(self._rest) / self._sampled)
        self.resample()

    def resample(self) -> None:
        """Draw other tokens for the rest."""
        if self._sampled:
            drawn = np.sort(self._rng.choice(self._rest, size=self._sampled, replace=False))
            self._rows[len(self._exact) :] = torch.from_numpy(self._head.take(drawn))

    def log_probabilities(self, hidden: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of exact and drawn tokens, a drawn one counting for those it stands for."""
        logits = rms_norm(hidden, self._norm, self._epsilon) @ self._rows.T + self._log_weights
        return logits.log_softmax(-1)

    def positions(self, targets: np.ndarray) -> torch.Tensor:
        """Where these token ids stand among the exact ones."""
        return torch.from_numpy(np.searchsorted(self._exact, targets))


def tune(
    sequences: Sequences, weights: Weights, config: LayerChain, *, seed: int, threads: int = 2
) -> Iterator[TuningStep | Tuned]:
    """Train the window; yields a TuningStep after each step and the result last.

    `sequences.inputs` are residual streams entering the window, i.e. after layer `count - layers - 1`.
    A generator, so that the caller can pause between steps or stop by dropping it.
    Raises TuningError for an architecture it does not support.
    """
    torch.set_num_threads(threads)
    rng = np.random.Generator(np.random.Philox(seed))
    geometry = Geometry.of(weights)
    total = int(weights.number("block_count"))
    window = [
        Layer(weights, index, geometry, rank=config.rank, alpha=config.alpha, rng=rng)
        for index in range(total - config.layers, total)
    ]
    head = _Head(weights, sequences, config.sampled_tokens, rng)
    prefix = torch.from_numpy(sequences.prefix)

    def hidden(indices: list[int], adapted: bool) -> tuple[torch.Tensor, torch.Tensor]:
        own, packing, rows = _pack(sequences, indices)
        shared = prefix
        for layer in window:
            last = layer is window[-1]
            shared, own = layer.forward(shared, own, packing, rows if last else None, adapted=adapted)
        return own, head.positions(np.concatenate([sequences.targets[i] for i in indices]))

    base = _base_states(sequences, hidden)
    parameters = [each for layer in window for each in layer.parameters]
    optimiser = Adam(parameters, betas=(0.9, 0.99))
    per_step: dict[Kind, int] = {
        "fact": config.facts_per_step,
        "unknown": config.unknowns_per_step,
        "general": config.generals_per_step,
    }
    draws = {kind: _Draw(sequences.of(kind), rng) for kind in per_step}
    history: list[TuningStep] = []
    seen = 0
    for step in range(config.steps):
        rate = config.learning_rate * min(1.0, (step + 1) / 8) * (1.0 - 0.9 * step / config.steps)
        taught = draws["fact"](per_step["fact"]) + draws["unknown"](per_step["unknown"])
        general = draws["general"](per_step["general"])
        head.resample()
        states, targets = hidden(taught + general, True)
        log_p = head.log_probabilities(states)
        learned = sum(len(sequences.targets[i]) for i in taught)
        importance = torch.from_numpy(
            np.concatenate([np.full(len(sequences.targets[i]), sequences.weights[i]) for i in taught])
        ).float()
        errors = functional.nll_loss(log_p[:learned], targets[:learned], reduction="none")
        loss = (errors * importance).sum() / importance.sum()
        spill = torch.zeros(())
        if general:
            with torch.no_grad():
                reference = head.log_probabilities(torch.cat([base[i] for i in general]))
            spill = functional.kl_div(log_p[learned:], reference, log_target=True, reduction="sum") / len(
                reference
            )
        (loss + config.spill_weight * spill).backward()
        optimiser.step(rate)
        seen += len(taught) + len(general)
        history.append(TuningStep(step + 1, config.steps, float(loss.detach()), float(spill.detach())))
        yield history[-1]
    tensors = {name: pair for layer in window for name, pair in layer.tensors().items()}
    # Through `layers` of `total` layers is that share of a forward pass; the backward pass costs two.
    yield Tuned(tensors, config.alpha, tuple(history), 3.0 * seen * config.layers / total)


def _base_states(
    sequences: Sequences, hidden: Callable[[list[int], bool], tuple[torch.Tensor, torch.Tensor]]
) -> dict[int, torch.Tensor]:
    """Last hidden states of the untouched model on the general prompts, by sequence."""
    found: dict[int, torch.Tensor] = {}
    general = sequences.of("general")
    with torch.no_grad():
        for start in range(0, len(general), 16):
            group = general[start : start + 16]
            states = hidden(group, False)[0].split([len(sequences.targets[i]) for i in group])
            found.update(zip(group, states, strict=True))
    return found


def _pack(sequences: Sequences, indices: list[int]) -> tuple[torch.Tensor, Packing, torch.Tensor]:
    """Inputs end to end [tokens, width], where they lie, and a mask [tokens] of answer rows."""
    own = torch.from_numpy(np.concatenate([sequences.inputs[i] for i in indices]))
    packing = Packing([len(sequences.inputs[i]) for i in indices])
    rows = np.concatenate(
        [
            np.arange(len(sequences.inputs[i])) >= len(sequences.inputs[i]) - len(sequences.targets[i])
            for i in indices
        ]
    )
    return own, packing, torch.from_numpy(rows)
