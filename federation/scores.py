"""From losses to the numbers that travel: z-scores of one fixed length, in 16 bits. Knows no models."""

from __future__ import annotations

import math

import numpy as np

from federation.refusal import Reason, Refused

LARGEST = 32767


def z_scores(losses: np.ndarray) -> np.ndarray:
    """(loss − mean) / standard deviation (ddof 1), float64 [N].

    The result sums to 0 and has the length √(N−1) whatever the losses were, which is the L2 sensitivity of
    a report without any clipping constant; zeros when the losses do not differ. Raises Refused (not-finite).
    """
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise Refused(Reason.WRONG_LENGTH, "z-scores need at least two losses")
    if not np.isfinite(values).all():
        raise Refused(Reason.NOT_FINITE, "a loss is not a number")
    # Scaled first, so that squares of huge but finite losses stay finite.
    values = values / max(float(np.abs(values).max()), 1e-300)
    centred = values - values.mean()
    spread = math.sqrt(float((centred**2).sum()) / (len(values) - 1))
    # Losses equal up to rounding carry no information; their differences would be noise at full strength.
    return centred / spread if spread > 1e-9 else np.zeros_like(centred)


def partial_z_scores(losses: np.ndarray, evaluated: np.ndarray, count: int) -> np.ndarray:
    """z-scores of the directions `evaluated` (indices), zeros elsewhere: float64 [count].

    A device that evaluates m < N directions sends a vector of length √(m−1) ≤ √(N−1).
    """
    scores = np.zeros(count)
    scores[evaluated] = z_scores(losses)
    return scores


def quantise(scores: np.ndarray, step: float) -> np.ndarray:
    """int16 [N] of scores / step, rounded half to even and clipped to ±32,767.

    The error is at most step / 2 for what is in range; with √(N−1) for a range and N = 64 that is 1.2e-4, so
    the whole vector moves by at most √N · step / 2 ≈ 1e-3 of its length 7.9. Raises Refused (not-finite).
    """
    if not np.isfinite(scores).all():
        raise Refused(Reason.NOT_FINITE, "a score is not a number")
    return np.clip(np.rint(np.asarray(scores, dtype=np.float64) / step), -LARGEST, LARGEST).astype("<i2")


def longest(directions: int, step: float, noise_multiplier: float = 0.0) -> float:
    """The largest L2 length, in units of `step`, that an honest clear report has.

    √(N−1) plus rounding without noise. With noise of standard deviation s = σ·√(N−1) per number the squared
    length exceeds (N−1) + s²·(N + 6·√(2N)) + 12·s·√(N−1) once in a billion reports at most.
    """
    n = directions
    square = float(n - 1)
    s = noise_multiplier * math.sqrt(n - 1)
    square += s * s * (n + 6.0 * math.sqrt(2.0 * n)) + 12.0 * s * math.sqrt(n - 1)
    return math.sqrt(square) / step + math.sqrt(n)
