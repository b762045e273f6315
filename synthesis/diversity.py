"""How unlike one another texts are, and the choice of a set that is as diverse as it can be.

Closeness keeps the meaning of one wording; a set of close wordings that are also alike teaches no more than
one of them. Knows texts and vectors; nothing of questions or answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import combinations, pairwise
from typing import Any

import numpy as np


def rouge1(first: str, second: str) -> float:
    """ROUGE-1 F of two texts, stemmed: 0 for nothing in common, 1 for the same bag of words (Lin, 2004)."""
    return float(_scorer().score(first, second)["rouge1"].fmeasure)


def distances(texts: Sequence[str], vectors: np.ndarray) -> np.ndarray:
    """How unlike texts are, words and meaning weighing the same: 1 − (ROUGE-1 F + cosine) / 2.

    Args:
        vectors: float32 [n, dim], one row of length 1 per text.

    Returns:
        float64 [n, n], symmetric, 0 on the diagonal.
    """
    found = np.zeros((len(texts), len(texts)))
    for i, j in combinations(range(len(texts)), 2):
        cosine = float(vectors[i] @ vectors[j])
        found[i, j] = found[j, i] = 1.0 - (rouge1(texts[i], texts[j]) + cosine) / 2
    return found


def farthest_first(
    apart: np.ndarray, *, known: int, count: int, bonus: Sequence[float] | None = None
) -> list[int]:
    """Up to `count` of the texts after the first `known`, each the farthest from all taken before.

    The greedy rule for max-min dispersion: without a bonus the smallest distance in the set is at least half
    the largest possible one (Gonzalez, 1985; Ravi, Rosenkrantz and Tayi, 1994). Every beginning of the
    result is spread as well. `bonus` is added to a text's distance, for a preference that is not a distance.

    Args:
        apart: float [n, n], distances; the first `known` texts count as taken.
        bonus: n - known numbers in the unit of the distances.
    """
    left = list(range(known, len(apart)))
    extra = np.zeros(len(apart))
    if bonus is not None:
        extra[known:] = bonus
    # With nothing taken yet every text is equally far.
    nearest = apart[:known].min(axis=0) if known else np.ones(len(apart))
    taken: list[int] = []
    while left and len(taken) < count:
        best = left.pop(int(np.argmax([nearest[i] + extra[i] for i in left])))
        taken.append(best)
        nearest = np.minimum(nearest, apart[best])
    return taken


def mean_pairwise_distance(texts: Sequence[str]) -> float | None:
    """Mean of 1 − ROUGE-1 F over all pairs, the complement of self-ROUGE; None for fewer than two texts."""
    gaps = [1.0 - rouge1(first, second) for first, second in combinations(texts, 2)]
    return float(np.mean(gaps)) if gaps else None


def distinct_bigrams(texts: Sequence[str]) -> float | None:
    """Different bigrams of words over all bigrams, "distinct-2" (Li et al., NAACL 2016); None without any."""
    found = [pair for text in texts for pair in pairwise(re.findall(r"[\w']+", text.casefold()))]
    return len(set(found)) / len(found) if found else None


@cache
def _scorer() -> Any:
    # Imported here because the package brings nltk with it, which takes half a second.
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer(["rouge1"], use_stemmer=True)
