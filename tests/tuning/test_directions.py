"""The same (seed, step) is the same direction on every machine, today and in ten years."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tuning.directions import rademacher

GOLDEN_0_0 = [-1, -1, 1, -1, -1, 1, 1, -1, 1, 1, 1, -1, -1, 1, -1, -1]
GOLDEN_7_123 = [[[-1, -1, -1, -1, 1], [-1, -1, 1, 1, 1]], [[1, -1, -1, -1, -1], [1, 1, -1, -1, -1]]]
GOLDEN_LARGE = "666c3aab015fd47a124e65d1f1591a30a0492696cb31bee3f9632998eb70a10b"


def test_directions_match_the_golden_vectors() -> None:
    assert rademacher(0, 0, 1, (16,))[0].tolist() == GOLDEN_0_0
    assert rademacher(7, 123, 2, (2, 5)).astype(int).tolist() == GOLDEN_7_123
    packed = rademacher(2**64 - 1, 9, 32, (64, 64)).astype(np.int8).tobytes()
    assert hashlib.sha256(packed).hexdigest() == GOLDEN_LARGE


def test_directions_are_signs_in_float32_and_balanced() -> None:
    drawn = rademacher(1, 2, 64, (32, 32))
    assert drawn.dtype == np.float32
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    assert abs(float(drawn.mean())) < 0.02


def test_directions_differ_between_steps_and_seeds() -> None:
    first = rademacher(1, 1, 1, (256,))
    assert not np.array_equal(first, rademacher(1, 2, 1, (256,)))
    assert not np.array_equal(first, rademacher(2, 1, 1, (256,)))


def test_directions_share_a_beginning_whatever_the_count() -> None:
    assert np.array_equal(rademacher(5, 0, 3, (8, 8)), rademacher(5, 0, 7, (8, 8))[:3])


@pytest.mark.parametrize(("seed", "step"), [(-1, 0), (0, -1), (2**64, 0)])
def test_directions_refuse_what_is_no_unsigned_64_bit_number(seed: int, step: int) -> None:
    with pytest.raises(ValueError, match="64-bit"):
        rademacher(seed, step, 1, (1,))
