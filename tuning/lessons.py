"""What one step of training sees, and its losses: facts, near misses and general prompts, in fixed shares.

Three losses share a step: cross-entropy on facts, cross-entropy on "I don't know that yet" for near-miss
questions, and the divergence from the base model on general prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tuning.examples import Kind, Sequences
from tuning.llama_layer import Packing
from tuning.sampled_head import SampledHead


class Draw:
    """Deals indices in shuffled rounds, so that every example is seen before any is seen twice."""

    def __init__(self, indices: list[int], rng: np.random.Generator) -> None:
        self._indices, self._rng, self.waiting = indices, rng, list[int]()

    def __call__(self, count: int) -> list[int]:
        count = min(count, len(self._indices))
        while len(self.waiting) < count:
            self.waiting += [self._indices[i] for i in self._rng.permutation(len(self._indices))]
        dealt, self.waiting = self.waiting[:count], self.waiting[count:]
        return dealt


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences of one step: what is taught, followed by the general ones.

    own, packing and rows are what `Layer.forward` takes; targets [rows] stand among the head's exact tokens.
    """

    taught: list[int]
    general: list[int]
    own: torch.Tensor
    packing: Packing
    rows: torch.Tensor
    targets: torch.Tensor


@dataclass(frozen=True, slots=True)
class Losses:
    """In nats per answer token: of what is taught, and the KL divergence on general prompts."""

    taught: torch.Tensor
    spill: torch.Tensor


class Lessons:
    """Deals batches from sequences of activations and judges the states they lead to."""

    def __init__(
        self,
        sequences: Sequences,
        per_step: Mapping[Kind, int],
        head: SampledHead,
        rng: np.random.Generator,
        device: torch.device | str = "cpu",
    ) -> None:
        self.sequences = sequences
        self._per_step = per_step
        self._head = head
        self._draws = {kind: Draw(sequences.of(kind), rng) for kind in per_step}
        self._device = device
        self._base: Mapping[int, torch.Tensor] = {}

    def hold_to(self, base: Mapping[int, torch.Tensor]) -> None:
        """`base`: last hidden states [A, width] of the untouched model on the general sequences, by index."""
        self._base = base

    def deal(self) -> Batch:
        """The sequences of the next step; also draws the head's sample for it."""
        taught = self._draws["fact"](self._per_step["fact"])
        taught += self._draws["unknown"](self._per_step["unknown"])
        general = self._draws["general"](self._per_step["general"])
        self._head.resample()
        return self.batch(taught, general)

    def batch(self, taught: list[int], general: list[int]) -> Batch:
        indices = taught + general
        own, packing, rows = pack(self.sequences, indices, self._device)
        targets = self._head.positions(np.concatenate([self.sequences.targets[i] for i in indices]))
        return Batch(taught, general, own, packing, rows, targets)

    def losses(self, batch: Batch, states: torch.Tensor) -> Losses:
        """`states` [rows, width] are last hidden states, or stand for them."""
        log_p = self._head.log_probabilities(states)
        learned = sum(len(self.sequences.targets[i]) for i in batch.taught)
        importance = torch.from_numpy(
            np.concatenate(
                [
                    np.full(len(self.sequences.targets[i]), self.sequences.weights[i], dtype=np.float32)
                    for i in batch.taught
                ]
            )
        ).to(self._device)
        errors = functional.nll_loss(log_p[:learned], batch.targets[:learned], reduction="none")
        loss = (errors * importance).sum() / importance.sum()
        spill = torch.zeros((), device=self._device)
        if batch.general:
            with torch.no_grad():
                base = torch.cat([self._base[i] for i in batch.general])
                reference = self._head.log_probabilities(base)
            kl = functional.kl_div(log_p[learned:], reference, log_target=True, reduction="sum")
            spill = kl / len(reference)
        return Losses(loss, spill)

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs to deal the same batches again, besides the random generator."""
        return {kind: draw.waiting for kind, draw in self._draws.items()}

    def restore(self, state: Mapping[str, list[int]]) -> None:
        for kind, draw in self._draws.items():
            draw.waiting = list(state[kind])


def pack(
    sequences: Sequences, indices: list[int], device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, Packing, torch.Tensor]:
    """Inputs end to end [tokens, width], where they lie, and a mask [tokens] of answer rows."""
    own = torch.from_numpy(np.concatenate([sequences.inputs[i] for i in indices])).to(device)
    packing = Packing([len(sequences.inputs[i]) for i in indices], device)
    rows = np.concatenate(
        [
            np.arange(len(sequences.inputs[i])) >= len(sequences.inputs[i]) - len(sequences.targets[i])
            for i in indices
        ]
    )
    return own, packing, torch.from_numpy(rows).to(device)
