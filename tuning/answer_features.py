"""What backprop-free tuning learns from: activations at answer tokens only, without their sequences.

The last down projection is the last thing that mixes nothing between tokens before the head, so each
position stands alone: no prefix, no attention.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuning.examples import Kind, TuningError


@dataclass(frozen=True, slots=True)
class AnswerFeatures:
    """Activations of all answer tokens of N question-answer sequences, in order; P positions in all.

    a:       float32 [P, feed-forward width], input of the last down projection (`ffn_swiglu-<last>`).
    h:       float32 [P, width], residual stream after the last layer (`l_out-<last>`).
    targets: int [P], the token each position should predict.
    top:     int [P, k], the likeliest tokens of the base model there.
    lengths: positions of each sequence; they sum to P.
    kinds:   per sequence: "fact" is learned, "unknown" is answered with "I don't know that yet",
             "general" keeps the base model's own distribution.
    weights: float [N], importance of each sequence inside its kind.
    x:       float32 [P, width], input of the last gate and up projections (`ffn_norm-<last>`), for
             windows that change those.
    """

    a: np.ndarray
    h: np.ndarray
    targets: np.ndarray
    top: np.ndarray
    lengths: tuple[int, ...]
    kinds: tuple[Kind, ...]
    weights: np.ndarray
    x: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len({len(self.a), len(self.h), len(self.targets), len(self.top), sum(self.lengths)}) != 1:
            raise TuningError("a, h, targets and top must have one row per answer token")
        if self.x is not None and len(self.x) != len(self.h):
            raise TuningError("x must have one row per answer token")
        if len({len(self.lengths), len(self.kinds), len(self.weights)}) != 1:
            raise TuningError("lengths, kinds and weights must have one entry per sequence")
        if "fact" not in self.kinds:
            raise TuningError("there is nothing to learn: no sequence of kind 'fact'")

    def positions(self, kind: Kind) -> np.ndarray:
        """Rows of the sequences of one kind, ascending."""
        return np.flatnonzero(np.repeat(np.array([each == kind for each in self.kinds]), self.lengths))

    def position_weights(self) -> np.ndarray:
        """float32 [P], the weight of the sequence each position belongs to."""
        return np.repeat(np.asarray(self.weights, dtype=np.float32), self.lengths)
