"""The same (seed, step, index) is the same direction on every machine, today and in ten years."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tuning.directions import rademacher

GOLDEN_0_0 = [-1, -1, 1, -1, -1, 1, 1, -1, 1, 1, 1, -1, -1, 1, -1, -1]
GOLDEN_7_123 = [[[-1, -1, -1, -1, 1], [-1, -1, 1, 1, 1]], [[-1, 1, -1, 1, 1], [1, -1, -1, 1, -1]]]
GOLDEN_LARGE = "a7d6b971f33e933e60e0241acdd757bf2c995072eb4b835fdd7d505c17f24278"


def test_directions_match_the_golden_vectors() -> None:
    assert rademacher(0, 0, range(1), (16,))[0].tolist() == GOLDEN_0_0
    assert rademacher(7, 123, range(2), (2, 5)).astype(int).tolist() == GOLDEN_7_123
    packed = rademacher(2**64 - 1, 9, range(32), (64, 64)).astype(np.int8).tobytes()
    assert hashlib.sha256(packed).hexdigest() == GOLDEN_LARGE


def written_out(seed: int, step: int, index: int, count: int) -> list[int]:
    """The definition in plain integers: Philox4x64-10 as in Salmon et al. 2011, NumPy's way of counting."""
    mask, signs = 2**64 - 1, []
    for block in range(-(-count // 256)):
        x0, x1, x2, x3 = block + 1, 0, 0, index
        k0, k1 = seed, step
        for _ in range(10):
            low, high = 0xD2E7470EE14C6C93 * x0, 0xCA5A826395121157 * x2
            x0, x1, x2, x3 = (high >> 64) ^ x1 ^ k0, high & mask, (low >> 64) ^ x3 ^ k1, low & mask
            k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
        signs += [1 - 2 * (word >> bit & 1) for word in (x0, x1, x2, x3) for bit in range(64)]
    return signs[:count]


@pytest.mark.parametrize(("seed", "step", "index"), [(0, 0, 0), (7, 123, 1), (2**64 - 1, 9, 31)])
def test_directions_follow_the_written_definition(seed: int, step: int, index: int) -> None:
    assert rademacher(seed, step, [index], (700,))[0].tolist() == written_out(seed, step, index, 700)


def test_directions_are_signs_in_float32_and_balanced() -> None:
    drawn = rademacher(1, 2, range(64), (32, 32))
    assert drawn.dtype == np.float32
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    assert abs(float(drawn.mean())) < 0.02


def test_directions_differ_between_steps_seeds_and_indices() -> None:
    first = rademacher(1, 1, [0], (256,))
    for other in (
        rademacher(1, 2, [0], (256,)),
        rademacher(2, 1, [0], (256,)),
        rademacher(1, 1, [1], (256,)),
    ):
        assert not np.array_equal(first, other)


def test_a_direction_needs_none_of_those_before_it() -> None:
    together = rademacher(5, 0, range(9), (8, 8))
    assert np.array_equal(rademacher(5, 0, np.array([7, 2]), (8, 8)), together[[7, 2]])


@pytest.mark.parametrize(("seed", "step", "index"), [(-1, 0, 0), (0, -1, 0), (2**64, 0, 0), (0, 0, -1)])
def test_directions_refuse_what_is_no_unsigned_64_bit_number(seed: int, step: int, index: int) -> None:
    with pytest.raises(ValueError, match="64-bit"):
        rademacher(seed, step, [index], (1,))
