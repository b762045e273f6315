"""Linear CKA: how alike two sets of activations are, whatever their rotation and scale.

Kornblith et al., "Similarity of Neural Network Representations Revisited", ICML 2019, section 3, with a
linear kernel. ChainFed's FOAT compares each layer's output with the embedding by it.
"""

from __future__ import annotations

import numpy as np

_TINY = 1e-12


def linear_cka(a: np.ndarray, b: np.ndarray) -> float:
    """0 to 1 for `a` [n, p] and `b` [n, q], rows being the same tokens.

    Channels are standardised first: a few outlying ones of a language model would make everything alike.
    """
    a, b = _standardised(a), _standardised(b)
    if len(a) < max(a.shape[1], b.shape[1]):
        # The same numbers from n × n matrices, which are smaller here.
        left, right = a @ a.T, b @ b.T
        cross, own, other = (left * right).sum(), np.linalg.norm(left), np.linalg.norm(right)
    else:
        cross = np.linalg.norm(b.T @ a) ** 2
        own, other = np.linalg.norm(a.T @ a), np.linalg.norm(b.T @ b)
    return float(cross / max(float(own * other), _TINY))


def _standardised(values: np.ndarray) -> np.ndarray:
    centred = values.astype(np.float64) - values.mean(axis=0)
    return centred / np.maximum(centred.std(axis=0), _TINY)
