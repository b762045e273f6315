"""Where a backprop-free change may live: U for the residual it writes, V for the activations it reads.

Both come from one forward pass. At the last hidden state the error signal of cross-entropy is known in
closed form (softmax-weighted head rows minus the target's row), so nothing is differentiated.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tuning.answer_features import AnswerFeatures
from tuning.head import Head

Subspace = Literal["regression", "principal"]


def directions(
    features: AnswerFeatures, head: Head, *, rank: int, whiten: float | None, subspace: Subspace
) -> tuple[np.ndarray, np.ndarray]:
    """U [width, rank] and V [feed-forward width, rank] by the chosen construction."""
    if subspace == "regression":
        return regression_directions(features, head, rank, whiten)
    return output_directions(features, head, rank), input_directions(features, rank, whiten)


def regression_directions(
    features: AnswerFeatures, head: Head, rank: int, whiten: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """U and V together: the pairs that a reduced-rank regression of the error signal on a would use.

    Singular vectors of Gᵀ A (Σ + λ·mean eigenvalue)^-½, G the error signal and A the activations of what is
    taught, Σ the second moments of all activations (Izenman 1975, with a ridge). Directions that tell a
    question apart from its near misses come before those that merely carry much energy. Scaled like
    `output_directions` and `input_directions`.
    """
    taught = np.concatenate([features.positions("fact"), features.positions("unknown")])
    a = features.a[taught]
    signal = error_signal(features, head, taught)
    root = None if whiten is None else inverse_root(features.a, whiten)
    left, _, right = np.linalg.svd(signal.T @ (a if root is None else a @ root), full_matrices=False)
    count = min(rank, len(taught), left.shape[1])
    v = right[:count].T if root is None else root @ right[:count].T
    scale = np.sqrt(np.mean(features.h[taught] ** 2))
    return np.ascontiguousarray(left[:, :count] * scale, dtype=np.float32), unit_variance(v, a)


def output_directions(features: AnswerFeatures, head: Head, rank: int) -> np.ndarray:
    """U, float32 [width, rank]: the main directions of the error signal of what is taught.

    Orthogonal columns as long as the residual stream's root mean square, so that numbers around 1 in the
    core make a difference whatever the model's scale.
    """
    taught = np.concatenate([features.positions("fact"), features.positions("unknown")])
    signal = error_signal(features, head, taught)
    scale = np.sqrt(np.mean(features.h[taught] ** 2))
    return np.ascontiguousarray(_principal(signal, rank) * scale, dtype=np.float32)


def error_signal(features: AnswerFeatures, head: Head, positions: np.ndarray) -> np.ndarray:
    """softmax · W − W[target] at these positions, with the norm's gains in W: float32 [B, width]."""
    identity = np.eye(head.width, dtype=np.float32)
    return head.glance(features.h[positions], identity).mean - head.rows(features.targets[positions])


def input_directions(features: AnswerFeatures, rank: int, whiten: float | None) -> np.ndarray:
    """V, float32 [feed-forward width, rank], scaled so that keys Vᵀa have unit variance on what is taught.

    The main directions of the taught activations. With `whiten` λ they are chosen and read after
    multiplication with (Σ_general + λ·mean eigenvalue)^-½, i.e. away from what general prompts use.
    """
    taught = np.concatenate([features.positions("fact"), features.positions("unknown")])
    a = features.a[taught]
    general = features.positions("general")
    if whiten is None or not len(general):
        v = _principal(a, rank)
    else:
        root = inverse_root(features.a[general], whiten)
        v = root @ _principal(a @ root, rank)
    return unit_variance(v, a)


def unit_variance(v: np.ndarray, a: np.ndarray) -> np.ndarray:
    """The columns of v, scaled so that a · v has unit variance."""
    spread = np.sqrt(np.mean((a @ v) ** 2, axis=0))
    return np.ascontiguousarray(v / np.maximum(spread, 1e-6), dtype=np.float32)


def _principal(rows: np.ndarray, rank: int) -> np.ndarray:
    """The first right singular vectors as columns; no more of them than there are."""
    _, vectors = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    chosen = vectors[:, ::-1][:, : min(rank, *rows.shape)]
    # A sign convention, so that two builds of LAPACK agree on more than the subspace.
    largest = chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])]
    return np.ascontiguousarray(chosen * np.where(largest < 0, -1.0, 1.0), dtype=np.float32)


def inverse_root(rows: np.ndarray, whiten: float) -> np.ndarray:
    """(Σ + λ · mean eigenvalue)^-½ of the rows' second moments Σ, λ being `whiten`."""
    values, vectors = np.linalg.eigh((rows.T @ rows).astype(np.float64) / len(rows))
    values = np.maximum(values, 0.0)
    return ((vectors / np.sqrt(values + whiten * values.mean())) @ vectors.T).astype(np.float32)
