"""The three scores of Qin et al. (DAC'24, arXiv 2311.12275). Pure functions; knows no buffer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Eigenvalues below this share of the total are rounding noise of float32 input.
_NOISE = 1e-7


def entropy_of_embedding(token_embeddings: np.ndarray) -> float:
    """How many distinct meanings a text holds, in [0, 1]: 0 for one meaning repeated, 1 for all different.

    Qin et al. define EOE(E) = -(sum p(e_i) log p(e_i)) / log n without saying what p is.
    Taking p from embedding norms makes it nearly uniform, so every text scores about 1. Here p is the
    spectrum of the token Gram matrix: with unit rows the eigenvalues of E Eᵀ sum to n, and p_i = lambda_i /
    n. Repeating a token adds to an eigenvalue that is there already, a new meaning adds a new one. Dividing
    by log n favours texts of very few tokens: two unlike words score nearly 1.

    Args:
        token_embeddings: float [n_tokens, dim]; rows need not be normalised, zero rows are ignored.

    Returns:
        0.0 for fewer than two tokens, where log n gives no scale.
    """
    matrix = np.asarray(token_embeddings, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"token embeddings must have two axes, got {matrix.ndim}")
    norms = np.linalg.norm(matrix, axis=1)
    matrix = matrix[norms > 0] / norms[norms > 0, None]
    tokens = len(matrix)
    if tokens < 2:
        return 0.0
    # E Eᵀ and Eᵀ E share their non-zero eigenvalues; the smaller one is cheaper.
    gram = matrix @ matrix.T if tokens <= matrix.shape[1] else matrix.T @ matrix
    shares = np.linalg.eigvalsh(gram) / tokens
    shares = shares[shares > _NOISE]
    entropy = -float(np.sum(shares * np.log(shares))) / float(np.log(tokens))
    return min(1.0, max(0.0, entropy))


def domain_specific_score(hits: Mapping[str, int], words: int) -> float:
    """How much of a text is topic words, averaged over all topics, in [0, 1].

    Qin et al.: DSS(T) = (1/m) sum_i |T ∩ l_i| / n. Read literally the numerator counts
    distinct words and the denominator all words, so a repeated word lowers the score. Here both are counts
    of occurrences. A word that is in the lists of several topics counts for each.

    Args:
        hits: for each of the m topics, how many words of the text are in its list (0 included).
        words: n, how many words the text has.
    """
    if not hits or words < 1:
        return 0.0
    return sum(hits.values()) / words / len(hits)


def dominant_domain(hits: Mapping[str, int], *, otherwise: str = "other") -> str:
    """The topic with most hits (Qin et al., Dom(T) = argmax |T ∩ l_i|); the first listed wins a tie."""
    best = max(hits, key=lambda domain: hits[domain], default=otherwise)
    return best if hits.get(best, 0) > 0 else otherwise


def in_domain_dissimilarity(embedding: np.ndarray, domain_sum: np.ndarray, members: int) -> np.ndarray:
    """How unlike the kept items of its domain a text is, in [0, 1].

    Qin et al.: IDD(T, B) = (1/R) sum_r (1 - cos(E_T, E_r)) over the R items of the same domain (section
    3.1). The mean of cosines to a set is one product with the set's sum, so the set itself is not needed.
    With R = 0 the sum is empty; the score is then its maximum, 1.0, because otherwise a new topic could never
    enter. Means above 1 (opposed vectors) are cut to 1.0, so that nothing counts as newer than a new topic.

    Args:
        embedding: float [..., dim], L2-normalised.
        domain_sum: float [..., dim], the sum of the L2-normalised others of its domain, without itself.
        members: R, how many these are.

    Returns:
        float64 [...].
    """
    cosines = np.einsum("...d,...d->...", embedding, domain_sum, dtype=np.float64)
    return np.clip(1.0 - cosines / members, 0.0, 1.0) if members else np.ones(cosines.shape)
