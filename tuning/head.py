"""The final norm and the whole output head, streamed in row chunks.

The head is the largest matrix of a small model (49,152 × 576 in the embedded one), so it is never held
dequantised as a whole: each pass dequantises, uses and forgets one chunk of rows after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuning.weights import Weights

CHUNK_ROWS = 4096
POSITIONS = 512


@dataclass(frozen=True, slots=True)
class Glance:
    """What one pass over the vocabulary saw, per position.

    log_total: float32 [P], log Σ exp(logit) over the tokens that were not excluded.
    mean:      float32 [P, r], their softmax-weighted mean of the projected head rows.
    top:       int64 [P, k], the likeliest of them, unordered.
    """

    log_total: np.ndarray
    mean: np.ndarray
    top: np.ndarray


class Head:
    """Final norm and head of one model."""

    def __init__(self, weights: Weights) -> None:
        """Raises TuningError when the model names no output norm or head."""
        self._weights = weights
        self.norm = weights.tensor("output_norm.weight")
        self.epsilon = weights.number("attention.layer_norm_rms_epsilon", 1e-5)
        self.vocabulary, self.width = weights.shape(weights.head)

    def rows(self, tokens: np.ndarray) -> np.ndarray:
        """Head rows of these tokens with the norm's gains multiplied in, float32 [tokens, width]."""
        return self._weights.tensor(self._weights.head, tokens) * self.norm

    def normalise(self, hidden: np.ndarray) -> np.ndarray:
        """RMS-normalised hidden states; the gains are in `rows`."""
        return hidden / np.sqrt(np.mean(hidden**2, axis=1, keepdims=True) + self.epsilon)

    def glance(
        self, hidden: np.ndarray, projection: np.ndarray, *, top: int = 0, exclude: np.ndarray | None = None
    ) -> Glance:
        """One pass over the vocabulary for `hidden` [P, width].

        `projection` [width, r] is applied to the head rows before they are averaged. `exclude` int [P, K]
        are tokens to leave out at each position, −1 for none.
        """
        normal = self.normalise(hidden)
        count = len(hidden)
        highest = np.full(count, -np.inf, dtype=np.float32)
        total = np.zeros(count, dtype=np.float32)
        mean = np.zeros((count, projection.shape[1]), dtype=np.float32)
        best = np.full((count, top), -np.inf, dtype=np.float32)
        likely = np.zeros((count, top), dtype=np.int64)
        for start in range(0, self.vocabulary, CHUNK_ROWS):
            tokens = np.arange(start, min(start + CHUNK_ROWS, self.vocabulary))
            rows = self.rows(tokens)
            seen = rows @ projection
            # Blocks of positions bound the memory: 512 × 4096 logits are 8 MB.
            for block in (slice(at, at + POSITIONS) for at in range(0, count, POSITIONS)):
                logits = normal[block] @ rows.T
                if exclude is not None:
                    where = np.nonzero((exclude[block] >= start) & (exclude[block] <= tokens[-1]))
                    logits[where[0], exclude[block][where] - start] = -np.inf
                if top:
                    _keep_best(best[block], likely[block], logits, start)
                # The running softmax: earlier sums are rescaled whenever a higher logit turns up.
                higher = np.maximum(highest[block], logits.max(axis=1))
                rescale = np.exp(highest[block] - higher)
                np.exp(logits - higher[:, None], out=logits)
                total[block] = total[block] * rescale + logits.sum(axis=1)
                mean[block] = mean[block] * rescale[:, None] + logits @ seen
                highest[block] = higher
        return Glance(highest + np.log(total), mean / total[:, None], likely)


def _keep_best(best: np.ndarray, likely: np.ndarray, logits: np.ndarray, start: int) -> None:
    """Merge a chunk's highest logits into the best so far, in place."""
    top = best.shape[1]
    if logits.shape[1] > top:
        chosen = np.argpartition(logits, -top, axis=1)[:, -top:]
    else:
        chosen = np.broadcast_to(np.arange(logits.shape[1]), logits.shape)
    values = np.concatenate([best, np.take_along_axis(logits, chosen, axis=1)], axis=1)
    tokens = np.concatenate([likely, chosen + start], axis=1)
    order = np.argpartition(values, -top, axis=1)[:, -top:]
    best[:] = np.take_along_axis(values, order, axis=1)
    likely[:] = np.take_along_axis(tokens, order, axis=1)
