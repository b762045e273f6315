"""Random ±1 directions that every machine draws alike from (seed, step). Knows nothing of models.

Definition: the 64-bit outputs of Philox4x64-10 with the two-word key (seed, step) and NumPy's counter
(`numpy.random.Philox`), in order; each gives 64 signs from its lowest bit up, 0 for +1 and 1 for −1; the
signs fill an array [count, *shape] in C order. Integers and ±1 only, so nothing depends on rounding.
"""

from __future__ import annotations

import math

import numpy as np

WORD_BITS = 64


def rademacher(seed: int, step: int, count: int, shape: tuple[int, ...]) -> np.ndarray:
    """`count` directions of `shape` for one step, float32 [count, *shape] of +1 and −1.

    `seed` and `step` are unsigned 64-bit numbers; anything else raises ValueError.
    """
    if not (0 <= seed < 2**WORD_BITS and 0 <= step < 2**WORD_BITS):
        raise ValueError("seed and step must be unsigned 64-bit numbers")
    key = np.array([seed, step], dtype=np.uint64)
    total = count * math.prod(shape)
    words = np.random.Philox(key=key).random_raw(-(-total // WORD_BITS))
    bits = np.unpackbits(words.astype("<u8").view(np.uint8), bitorder="little")[:total]
    return (1.0 - 2.0 * bits.astype(np.float32)).reshape(count, *shape)
