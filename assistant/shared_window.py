"""The shared adapter of a federation on this machine: losses of the owner's pairs under it, and its file.

Adapts what `tuning/` computes to what `federation/` asks for. Sees activations and token ids, no texts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from federation.subspace import PublicSubspace
from federation.task import Task
from tuning.adapter_file import write_adapter
from tuning.head import Head
from tuning.reduced_window import DownWindow

if TYPE_CHECKING:
    from tuning.answer_features import AnswerFeatures
    from tuning.weights import Weights

# Positions evaluated at once: bounds the memory of their logits under all directions.
CHUNK = 64
# After so many rounds the candidate tokens are chosen anew under the core of the day.
REFRESH_ROUNDS = 100
REFRESHED_TOKENS = 8

# (round, number of examples) → the examples to evaluate; secret to the device.
Draw = Callable[[int], np.ndarray]
Observe = Callable[[np.ndarray, np.ndarray], None]


class PairLosses:
    """Mean cross-entropy of a device's pairs under the shared core, in nats per answer token.

    A `federation.device.Measure` for a window of one tensor, the last down projection. `examples` draws
    which pairs a round looks at (all without it), and `observe` is told their losses [examples, M].
    """

    def __init__(
        self,
        features: AnswerFeatures,
        weights: Weights,
        subspace: PublicSubspace,
        *,
        examples: Draw | None = None,
        observe: Observe | None = None,
        head: Head | None = None,
    ) -> None:
        """One pass over the vocabulary. Raises TuningError for features of another model."""
        ((u, v),) = subspace.matrices
        self._window = DownWindow(features, head or Head(weights), u, v)
        self._shape = (u.shape[1], v.shape[1])
        self._weights = features.position_weights()
        self._of = np.repeat(np.arange(len(features.lengths)), features.lengths)
        self._examples, self._observe = examples, observe
        self._refreshed = 0

    @property
    def count(self) -> int:
        """Number of pairs."""
        return int(self._of[-1]) + 1

    @property
    def keys(self) -> np.ndarray:
        """Mean key Vᵀa of each pair, float32 [pairs, rank]: what tells pairs apart here."""
        sums = np.zeros((self.count, self._window.keys.shape[1]), dtype=np.float32)
        np.add.at(sums, self._of, self._window.keys)
        return sums / np.bincount(self._of)[:, None]

    def __call__(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        """Losses [M]; core float32 [d], changes float32 [M, d]."""
        if round_ - self._refreshed >= REFRESH_ROUNDS:
            self._window.refresh(core.reshape(self._shape), REFRESHED_TOKENS)
            self._refreshed = round_
        drawn = np.arange(self.count) if self._examples is None else self._examples(round_)
        each = self.by_example(core, changes, drawn)
        if self._observe is not None:
            self._observe(drawn, each)
        # By tokens and importance, so that the mean is over answer tokens.
        importance = np.bincount(self._of, weights=self._weights)[drawn]
        return (each * importance[:, None]).sum(axis=0) / importance.sum()

    def by_example(self, core: np.ndarray, changes: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """Mean losses of the pairs `drawn` (ascending), float64 [pairs, M]."""
        positions = np.flatnonzero(np.isin(self._of, drawn))
        losses = self.by_position(core, changes, positions)
        order = np.searchsorted(drawn, self._of[positions])
        each = np.zeros((len(drawn), len(changes)))
        np.add.at(each, order, losses)
        return each / np.bincount(order)[:, None]

    def gradient(self, core: np.ndarray) -> np.ndarray:
        """Gradient of the mean loss of all pairs by the core, float32 [d], in closed form."""
        keys = self._window.keys
        return (self.residual_gradient(keys @ core.reshape(self._shape).T).T @ keys).ravel()

    def residual_gradient(self, moved: np.ndarray) -> np.ndarray:
        """Gradient of the mean loss by u, what U adds to the residual: float32 [P, rank], as `moved`."""
        gradient = np.empty_like(moved)
        importance = self._weights / self._weights.sum()
        for start in range(0, len(moved), CHUNK):
            block = np.arange(start, min(start + CHUNK, len(moved)))
            logits = self._window.logits(block, moved[block, :, None])[..., 0]
            slopes = np.exp(logits - logits.max(axis=1, keepdims=True))
            slopes /= slopes.sum(axis=1, keepdims=True)
            slopes[:, 0] -= 1.0
            slopes *= importance[block, None]
            gradient[block] = self._window.pulled_back(block, moved[block], slopes)
        return gradient

    def by_position(self, core: np.ndarray, changes: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """−log p(target) at these positions, float32 [B, M]."""
        cores = (core + changes).reshape(-1, *self._shape)
        losses = np.empty((len(positions), len(changes)), dtype=np.float32)
        for start in range(0, len(positions), CHUNK):
            block = positions[start : start + CHUNK]
            logits = self._window.logits(block, self._window.moved(block, cores))
            logits -= logits.max(axis=1, keepdims=True)
            total = np.log(np.exp(logits).sum(axis=1))
            losses[start : start + CHUNK] = total - logits[:, 0]
        return losses


class ProjectedGradient:
    """A strong device: its gradient projected onto the directions, i.e. losses to first order.

    One backward pass costs about as much as two evaluations, whatever the number of directions. The report
    has the same form and the same length.
    """

    def __init__(self, losses: PairLosses) -> None:
        self._losses = losses

    def __call__(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        """First-order losses [M]; core float32 [d], changes float32 [M, d]."""
        return changes.astype(np.float64) @ self._losses.gradient(core)


def write_shared_adapter(
    path: Path, task: Task, subspace: PublicSubspace, core: np.ndarray, *, architecture: str, head: bytes
) -> None:
    """Write the adapter of a core as GGUF: equal cores give equal bytes. `head` names the state it is of."""
    pairs = subspace.factors(core)
    write_adapter(
        path,
        dict(zip(task.window.tensors, pairs, strict=True)),
        architecture=architecture,
        # llama.cpp multiplies by alpha / rank.
        alpha=float(task.window.rank),
        metadata={"federation.task": task.digest.hex(), "federation.state": head.hex()},
    )
