"""Rules that turn many vectors into one, some of them hostile. Integers in, integers out: exact everywhere.

Rows are int64 [G, N] and every rule returns int64 [N]; divisions round half up. Which row came from whom does
not matter, except that Krum breaks ties in favour of the earlier row.
"""

from __future__ import annotations

import math

import numpy as np

from federation.task import Rule


def mean(rows: np.ndarray) -> np.ndarray:
    """The plain mean."""
    return rounded_quotient(rows.sum(axis=0), len(rows))


def median(rows: np.ndarray) -> np.ndarray:
    """Coordinate-wise median (Yin et al. 2018, arXiv 1803.01498)."""
    ordered = np.sort(rows, axis=0)
    low, high = ordered[(len(rows) - 1) // 2], ordered[len(rows) // 2]
    return rounded_quotient(low + high, 2)


def trimmed_mean(rows: np.ndarray, attackers: float) -> np.ndarray:
    """Coordinate-wise mean without the ⌈attackers · G⌉ largest and smallest values (Yin et al. 2018)."""
    cut = min(math.ceil(attackers * len(rows)), (len(rows) - 1) // 2)
    return mean(np.sort(rows, axis=0)[cut : len(rows) - cut])


def krum(rows: np.ndarray, attackers: float, kept: int = 1) -> np.ndarray:
    """Mean of the `kept` rows whose G − f − 2 nearest others are nearest, f = ⌊attackers · G⌋.

    Krum and Multi-Krum (Blanchard et al. 2017, arXiv 1703.02757). Time grows with G², memory with G.
    """
    count = len(rows)
    near = max(1, count - math.floor(attackers * count) - 2)
    scores = []
    for row in rows:
        distances = np.sort(((rows - row) ** 2).sum(axis=1))
        # The first is the row's own distance to itself.
        scores.append(int(distances[1 : near + 1].sum()))
    best = np.argsort(np.array(scores, dtype=np.int64), kind="stable")[:kept]
    return mean(rows[best])


def combine(rows: np.ndarray, rule: Rule) -> np.ndarray:
    """The rows by a task's rule; fewer than three leave nothing to vote on and are averaged."""
    if rule.kind == "mean" or len(rows) < 3:
        return mean(rows)
    if rule.kind == "median":
        return median(rows)
    if rule.kind == "trimmed-mean":
        return trimmed_mean(rows, rule.attackers)
    if rule.kind == "krum":
        return krum(rows, rule.attackers)
    honest = len(rows) - math.floor(rule.attackers * len(rows))
    return krum(rows, rule.attackers, kept=max(1, honest))


def rounded_quotient(numerator: np.ndarray, denominator: int) -> np.ndarray:
    """numerator / denominator in whole numbers, halves upwards."""
    return (2 * numerator + denominator) // (2 * denominator)
