"""Public ±1 directions, drawn alike by every machine from (task, round, index). Knows nothing of models.

Definition: Philox4x64-10 with the two-word key (task seed, round), the task seed being the first 8 bytes of
the task's id, little endian. Direction i of d numbers owns W = ⌈d / 256⌉ · 4 consecutive 64-bit outputs,
starting at output i · W of NumPy's `numpy.random.Philox`; each output gives 64 signs from its lowest bit up,
0 for +1 and 1 for −1, and bits beyond d are dropped. Since Philox counts, any direction can be had alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WORD_BITS = 64
BLOCK_WORDS = 4


def sign_bits(task: bytes, round_: int, first: int, count: int, d: int) -> np.ndarray:
    """Directions `first` … `first + count − 1` as bits: uint8 [count, d], 1 for −1.

    `task` is a task id of at least 8 bytes; `round_` and `first` are not negative.
    """
    words = -(-d // (WORD_BITS * BLOCK_WORDS)) * BLOCK_WORDS
    key = np.array([int.from_bytes(task[:8], "little"), round_], dtype=np.uint64)
    source = np.random.Philox(key=key)
    # `advance` counts blocks of four outputs, so it lands on the first output of a direction.
    source.advance(first * (words // BLOCK_WORDS))
    raw = source.random_raw(count * words)
    bits = np.unpackbits(raw.astype("<u8", copy=False).view(np.uint8), bitorder="little")
    return bits.reshape(count, words * WORD_BITS)[:, :d]


def directions(bits: np.ndarray) -> np.ndarray:
    """The ±1 numbers of `sign_bits`, float32 of the same shape."""
    return np.float32(1.0) - np.float32(2.0) * bits.astype(np.float32)


def most_aligned(task: bytes, round_: int, candidates: int, count: int, gradient: np.ndarray) -> np.ndarray:
    """Indices (ascending, int64 [count]) of the candidates that point most along `gradient` [d].

    Discriminative sampling (FwdLLM, arXiv 2308.13894, section 3.3), ranked by signed cosine: directions have
    one length, so that the dot product ranks them. It is taken with the gradient rounded to 20 bits, exactly
    in integers, and ties go to the lower index; so every machine ranks alike.
    """
    largest = float(np.abs(gradient).max())
    if largest == 0.0:
        return np.arange(count)
    rounded = np.rint(gradient.astype(np.float64) / largest * 2.0**20)
    bits = sign_bits(task, round_, 0, candidates, len(gradient))
    along = rounded.sum() - 2.0 * (bits.astype(np.float64) @ rounded)
    return np.sort(np.argsort(-along, kind="stable")[:count])


def chosen_bits(task: bytes, round_: int, indices: Sequence[int] | np.ndarray, d: int) -> np.ndarray:
    """`sign_bits` of these indices, in this order: uint8 [len(indices), d]."""
    wanted = np.asarray(indices, dtype=np.int64)
    first = int(wanted.min())
    return sign_bits(task, round_, first, int(wanted.max()) - first + 1, d)[wanted - first]
