"""Residual streams of all sequences at one depth of the network, in a memory-mapped file.

A group of sequences at a time is in memory, so the cost does not grow with their number. The file has no
name: whatever ends the process, nothing of it stays behind.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from tuning.architectures import Geometry
from tuning.examples import Example, shared_prefix
from tuning.llama_layer import Layer, Packing
from tuning.trunk import embedded, grouped
from tuning.weights import Weights


class Activations:
    """What enters layer `depth`; `advance` pushes it through that layer."""

    def __init__(
        self,
        examples: Sequence[Example],
        weights: Weights,
        folder: Path,
        device: torch.device | str = "cpu",
    ) -> None:
        """Embed the tokens of `examples`. Raises TuningError and OSError."""
        self._folder, self._device = folder, device
        scale = Geometry.of(weights).embedding_scale
        shared = shared_prefix([each.prompt for each in examples])
        self._groups = grouped(examples)
        self._lengths = [len(each.inputs) - shared for each in examples]
        self._answers = [len(each.answer) for each in examples]
        ends = np.cumsum([self._lengths[i] for group in self._groups for i in group])
        order = [i for group in self._groups for i in group]
        starts = dict(zip(order, [0, *ends[:-1]], strict=True))
        self._starts = [int(starts[i]) for i in range(len(examples))]
        self.depth = 0
        self.prefix = embedded(weights, examples[0].prompt[:shared], scale).to(device)
        width = self.prefix.shape[1]
        self._values = _room(folder, int(ends[-1]), width)
        for group in self._groups:
            tokens = [token for i in group for token in examples[i].inputs[shared:]]
            self._of(group)[:] = embedded(weights, tokens, scale).numpy()

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        """Per sequence float32 [T, width]; views that follow each `advance`."""
        return tuple(
            self._values[start : start + length]
            for start, length in zip(self._starts, self._lengths, strict=True)
        )

    def answers(self, sequences: Sequence[int]) -> np.ndarray:
        """A copy of the rows that predict the answers of these sequences, float32 [rows, width]."""
        inputs = self.inputs
        return np.concatenate([inputs[i][-self._answers[i] :] for i in sequences])

    def advance(self, layer: Layer, *, adapted: bool) -> None:
        """Push everything through `layer`, which must be the next one."""
        if layer.index != self.depth:
            raise ValueError(f"layer {self.depth} is next, not {layer.index}")
        prefix = self.prefix
        with torch.no_grad():
            for group in self._groups:
                own = torch.from_numpy(np.array(self._of(group))).to(self._device)
                packing = Packing([self._lengths[i] for i in group], self._device)
                prefix, passed = layer.forward(self.prefix, own, packing, None, adapted=adapted)
                self._of(group)[:] = passed.cpu().numpy()
        self.prefix = prefix
        self.depth += 1

    def copy(self) -> Activations:
        """The same in a file of its own."""
        other = copy.copy(self)
        other._values = _room(self._folder, *self._values.shape)
        other._values[:] = self._values
        return other

    def reset(self, to: Activations) -> None:
        """Back to the depth of `to`, in place."""
        self._values[:] = to._values
        self.prefix, self.depth = to.prefix, to.depth

    def _of(self, group: list[int]) -> np.ndarray:
        """Groups lie in one piece."""
        start = self._starts[group[0]]
        return self._values[start : start + sum(self._lengths[i] for i in group)]


def _room(folder: Path, tokens: int, width: int) -> np.ndarray:
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            # Writing to a mapped file on a full disk would kill the process; this raises instead.
            os.posix_fallocate(file.fileno(), 0, tokens * width * 4)
        return np.asarray(np.memmap(file, dtype=np.float32, mode="w+", shape=(tokens, width)))
