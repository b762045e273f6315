"""Random ±1 directions that every machine draws alike from (seed, step, index). Knows nothing of models.

Definition: the 64-bit outputs of Philox4x64-10 (Salmon et al. 2011) with the two-word key (seed, step) and
NumPy's counter starting at (0, 0, 0, index) (`numpy.random.Philox`), in order; each gives 64 signs from its
lowest bit up, 0 for +1 and 1 for −1; the signs fill an array of the wanted shape in C order. Integers and ±1
only, so nothing depends on rounding, and any direction can be drawn without those before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

WORD_BITS = 64


def rademacher(
    seed: int, step: int, indices: Sequence[int] | np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """The directions with these indices of one step, float32 [indices, *shape] of +1 and −1.

    `seed`, `step` and the indices are unsigned 64-bit numbers; anything else raises ValueError.
    """
    wanted = [int(index) for index in indices]
    if not all(0 <= number < 2**WORD_BITS for number in (seed, step, *wanted)):
        raise ValueError("seed, step and indices must be unsigned 64-bit numbers")
    key = np.array([seed, step], dtype=np.uint64)
    total = math.prod(shape)
    words = np.empty((len(wanted), -(-total // WORD_BITS)), dtype="<u8")
    for row, index in zip(words, wanted, strict=True):
        counter = np.array([0, 0, 0, index], dtype=np.uint64)
        row[:] = np.random.Philox(key=key, counter=counter).random_raw(len(row))
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, :total]
    return (1.0 - 2.0 * bits.astype(np.float32)).reshape(len(wanted), *shape)
