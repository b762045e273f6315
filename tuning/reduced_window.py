"""A change of the last layer seen through r numbers per position: exact logits at a cost without the width.

Whatever changes in the last layer after its attention reaches the residual as h + U u, where U is fixed and u
has r numbers. The logit of token k is (b_k + u·M_k) / rms(u), where b_k = (h∘g)·W_k, M_k = Uᵀ(g∘W_k) with the
norm's gains g, and rms(u)² = (|h|² + 2 u·Uᵀh + |Uu|²)/width + ε. Everything but u is computed once per
position. How u comes from the trained core is each window's own: with ΔW = U C Vᵀ on the last down projection
it is C (Vᵀa).

Only candidate tokens are looked at; all others are one further candidate, "the rest", whose logit is the
linearised log-sum-exp of theirs at the last refresh. Knows nothing of losses, steps or optimisers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from tuning.answer_features import AnswerFeatures
from tuning.head import Head

NONE = -1
# Logit of a candidate that is none: finite, so that 0 · logit is 0.
ABSENT = -1e9
# Probability below which the rest is not worth a direction of its own.
NEGLIGIBLE = 1e-5
# Positions looked at together when all are.
BLOCK = 512


class ReducedWindow(ABC):
    """Per-position constants of the reduced evaluation and the candidate tokens.

    `tokens` int [P, K] are the candidates, −1 for none; column 0 is the position's target. Logits have
    one more column, the rest. `shape` is that of the core.
    """

    shape: tuple[int, int]

    def __init__(self, features: AnswerFeatures, head: Head, u: np.ndarray) -> None:
        """`u` float32 [width, r]. One pass over the vocabulary."""
        gram = u.T @ u
        self._length_square = float(np.trace(gram)) / u.shape[1]
        even = np.allclose(gram, self._length_square * np.eye(u.shape[1]), atol=1e-3 * self._length_square)
        # Columns that are orthogonal and of one length need no product for |Uu|².
        self._gram = None if even else gram
        self._head = head
        self._u = u
        self._h = features.h
        self._projected = features.h @ u
        self._square = np.einsum("pw,pw->p", features.h, features.h)
        taught = np.concatenate([features.positions("fact"), features.positions("unknown")])
        shared = np.unique(features.targets[taught])
        everywhere = np.broadcast_to(shared, (len(features.h), len(shared)))
        every = np.concatenate([features.targets[:, None], features.top, everywhere], axis=1)
        self._index(_first_only(every.astype(np.int64)))
        self._base_total = self._see_rest(np.zeros((len(features.h), u.shape[1]), dtype=np.float32), 0)

    @abstractmethod
    def moved(self, positions: np.ndarray, cores: np.ndarray) -> np.ndarray:
        """u under each core: float32 [B, r, N] for `cores` [N, *shape]."""

    def refresh(self, core: np.ndarray, added: int) -> None:
        """Look at the full head under `core`: adds the `added` likeliest unseen tokens, renews the rest."""
        blocks = np.array_split(np.arange(len(self._h)), -(-len(self._h) // BLOCK))
        self._see_rest(np.concatenate([self.moved(block, core[None])[..., 0] for block in blocks]), added)

    def _index(self, tokens: np.ndarray) -> None:
        """Fetch the head rows of the candidates and compute b and M for them."""
        self.tokens = tokens
        known, places = np.unique(tokens, return_inverse=True)
        rows = self._head.rows(np.maximum(known, 0))
        self._table = rows @ self._u
        self._places = places.reshape(tokens.shape)
        self._b = np.empty(tokens.shape, dtype=np.float32)
        for block in (slice(at, at + 256) for at in range(0, len(tokens), 256)):
            every = self._h[block] @ rows.T
            self._b[block] = np.take_along_axis(every, self._places[block], axis=1)
        self._b[tokens == NONE] = ABSENT

    def _see_rest(self, moved: np.ndarray, added: int) -> np.ndarray:
        """Renew the rest at u [P, r]; returns log Σ exp(logit) over the whole vocabulary."""
        glance = self._head.glance(self._h + moved @ self._u.T, self._u, top=added, exclude=self.tokens)
        log_total, mean = glance.log_total.astype(np.float64), glance.mean.astype(np.float64)
        rms = self._rms(np.arange(len(moved)), moved[:, :, None])[:, 0]
        if added:
            self._index(np.concatenate([self.tokens, glance.top], axis=1))
            new = self._table[self._places[:, -added:]]
            logits = (self._b[:, -added:] + np.einsum("pkr,pr->pk", new, moved)) / rms[:, None]
            share = np.exp(np.minimum(logits - log_total[:, None], 0.0))
            left = np.maximum(1.0 - share.sum(axis=1), NEGLIGIBLE)
            mean = (mean - np.einsum("pk,pkr->pr", share, new)) / left[:, None]
            mean[left <= NEGLIGIBLE] = 0.0
            log_total = log_total + np.log(left)
        self._rest_mean = mean.astype(np.float32)
        self._rest_b = (log_total * rms - np.einsum("pr,pr->p", mean, moved)).astype(np.float32)
        logits = self.logits(np.arange(len(self.tokens)), moved[:, :, None])[..., 0]
        return _log_sum_exp(logits)

    def _rms(self, positions: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Root mean square of h + Uu, [B, N]."""
        squared = self._length_square * moved if self._gram is None else np.matmul(self._gram, moved)
        change = 2.0 * self._projected[positions, :, None] + squared
        square = self._square[positions, None] + (change * moved).sum(axis=1)
        return np.sqrt(square / self._head.width + self._head.epsilon)

    def logits(self, positions: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Logits of the candidates and the rest: float32 [B, K + 1, N] for `moved` u [B, r, N]."""
        m = np.concatenate([self._table[self._places[positions]], self._rest_mean[positions, None]], axis=1)
        b = np.concatenate([self._b[positions], self._rest_b[positions, None]], axis=1)
        logits = np.matmul(m, moved)
        logits += b[:, :, None]
        logits /= self._rms(positions, moved)[:, None]
        return logits

    def pulled_back(self, positions: np.ndarray, moved: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Gradient of Σ slopes · logits by `moved`: float32 [B, r] for u [B, r] and slopes [B, K + 1]."""
        m = np.concatenate([self._table[self._places[positions]], self._rest_mean[positions, None]], axis=1)
        logits = self.logits(positions, moved[:, :, None])[..., 0]
        rms = self._rms(positions, moved[:, :, None])
        direct = np.einsum("bk,bkr->br", slopes, m) / rms
        shrink = (slopes * logits).sum(axis=1, keepdims=True) / (self._head.width * rms**2)
        squared = self._length_square * moved if self._gram is None else moved @ self._gram
        return direct - shrink * (self._projected[positions] + squared)

    def base(self, positions: np.ndarray) -> np.ndarray:
        """Probabilities of the untouched model: float32 [B, K + 1], the rest last."""
        still = np.sqrt(self._square[positions] / self._head.width + self._head.epsilon)
        listed = np.exp(self._b[positions] / still[:, None] - self._base_total[positions, None])
        rest = np.maximum(1.0 - listed.sum(axis=1, keepdims=True), 0.0)
        return np.concatenate([listed, rest], axis=1).astype(np.float32)


class DownWindow(ReducedWindow):
    """ΔW = U C Vᵀ on the last down projection: u = C (Vᵀa).

    `keys` are Vᵀa of every position, float32 [P, k].
    """

    def __init__(self, features: AnswerFeatures, head: Head, u: np.ndarray, v: np.ndarray) -> None:
        """`u` float32 [width, r], `v` float32 [feed-forward width, k]; the core is [r, k]."""
        self.shape = (u.shape[1], v.shape[1])
        self.keys = features.a @ v
        super().__init__(features, head, u)

    def moved(self, positions: np.ndarray, cores: np.ndarray) -> np.ndarray:
        return applied(self.keys[positions], cores)


def applied(keys: np.ndarray, cores: np.ndarray) -> np.ndarray:
    """core · key for every position and core: [B, r, N] for `keys` [B, k] and `cores` [N, r, k]."""
    count, rows, columns = cores.shape
    # Side by side as [columns, rows · N], so that the result is laid out as the logits' product reads it.
    beside = cores.transpose(2, 1, 0).reshape(columns, rows * count)
    return (keys @ beside).reshape(len(keys), rows, count)


def _first_only(tokens: np.ndarray) -> np.ndarray:
    """Replace repeats within a row by −1, keeping the first."""
    order = np.argsort(tokens, axis=1, kind="stable")
    ordered = np.take_along_axis(tokens, order, axis=1)
    repeated = np.zeros(tokens.shape, dtype=bool)
    np.put_along_axis(repeated, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return np.where(repeated, NONE, tokens)


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    highest = logits.max(axis=1)
    return highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
