"""The matched-loss test: is a text among what a device learned from? The server knows everything else.

It knows the public core and directions of each round, so for a text it already holds it can compute the
z-scores that a device with only that text would send. The closer the received numbers lie to those, the
likelier the text is in. No inversion is needed, which makes it the first attack to try; it confirms guesses
and finds no text by itself.
"""

from __future__ import annotations

import math

import numpy as np

from federation.refusal import FederationError


def matched_loss(received: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """How well each candidate explains what was received: float64 [C].

    `received` [T, N]: the numbers of T rounds, a device's own or a group's sum. `candidates` [C, T, N]: the
    z-scores of each candidate at the same cores and directions. The score is the summed inner product, the
    likelihood ratio's statistic when the noise is Gaussian.
    """
    if received.ndim != 2 or candidates.shape[1:] != received.shape:
        raise FederationError("candidates need the rounds and directions of what was received")
    return np.einsum("tn,ctn->c", received.astype(np.float64), candidates.astype(np.float64))


def auc(present: np.ndarray, absent: np.ndarray) -> float:
    """How often a score of `present` exceeds one of `absent`, ties counting half (Mann & Whitney 1947).

    0.5 is guessing, 1 is certainty.
    """
    if not len(present) or not len(absent):
        raise FederationError("an AUC needs both kinds")
    ordered = np.sort(absent)
    below = np.searchsorted(ordered, present, side="left")
    through = np.searchsorted(ordered, present, side="right")
    return float((below + through).mean() / (2 * len(absent)))


def auc_error(value: float, present: int, absent: int) -> float:
    """Standard error of an AUC from so many independent scores (Hanley & McNeil 1982)."""
    first, second = value / (2 - value), 2 * value**2 / (1 + value)
    square = value * (1 - value) + (present - 1) * (first - value**2) + (absent - 1) * (second - value**2)
    return math.sqrt(max(square, 0.0) / (present * absent))


def auc_limit(multiplier: float, rounds: int) -> float:
    """What no attack can pass that tells a device's presence from its absence: Φ(√rounds / (σ √2)).

    Exact for Gaussian noise of multiplier σ in each round and no sampling: the rounds together are one
    Gaussian release at distance √rounds / σ (Dong, Roth & Su 2022), and this is the AUC of the best test of
    two normals. One text among many moves a report less than the device's presence does, but exchanging it
    for another may move it by up to twice that, so the limit of that question is at twice the distance.
    """
    if multiplier <= 0.0:
        return 1.0
    return 0.5 * (1.0 + math.erf(math.sqrt(rounds) / multiplier / 2.0))
