"""Public matrices: the same from a seed everywhere, or exactly the file that the task names."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from federation.refusal import FederationError, Refused
from federation.subspace import PublicSubspace
from federation.task import Subspace, Window

SEEDED = Window(("a", "b"), 6, Subspace("seed", "12", residual_scale=2.0, key_scale=0.5))
SHAPES = [(20, 48), (32, 20)]
GOLDEN = "d4731a35b28d67ec3c70ce8c7013db280f8a5543bd7d7f7496f01b34ee8d7d36"


def shipped(subspace: PublicSubspace) -> Window:
    return dataclasses.replace(SEEDED, subspace=Subspace("content", subspace.sha256))


def test_a_seed_gives_orthogonal_outputs_of_one_length() -> None:
    for (u, v), (out, inner) in zip(PublicSubspace.from_seed(SEEDED, SHAPES).matrices, SHAPES, strict=True):
        assert u.shape == (out, 6) and v.shape == (inner, 6)
        assert np.allclose(u.T @ u, 4.0 * np.eye(6), atol=1e-5)
        assert set(np.unique(v)) == {-0.5, 0.5}


def test_a_seed_gives_the_same_bytes_everywhere() -> None:
    made = PublicSubspace.from_seed(SEEDED, SHAPES).to_bytes()
    assert hashlib.sha256(made).hexdigest() == GOLDEN


def test_a_shipped_file_is_exactly_the_one_that_is_named() -> None:
    made = PublicSubspace.from_seed(SEEDED, SHAPES)
    data = made.to_bytes()
    again = PublicSubspace.from_bytes(data, shipped(made))
    assert again.to_bytes() == data
    for wrong in (data[:-1], data + b"\0", b"", bytes(len(data))):
        with pytest.raises(Refused):
            PublicSubspace.from_bytes(wrong, shipped(made))
        named = dataclasses.replace(SEEDED, subspace=Subspace("content", hashlib.sha256(wrong).hexdigest()))
        with pytest.raises(Refused):
            PublicSubspace.from_bytes(wrong, named)


def test_a_rank_above_the_width_and_missing_shapes_are_errors() -> None:
    with pytest.raises(FederationError):
        PublicSubspace.from_seed(SEEDED, [(4, 48), (32, 20)])
    with pytest.raises(FederationError):
        PublicSubspace.from_seed(SEEDED, SHAPES[:1])


def test_factors_are_the_change_of_the_core() -> None:
    subspace = PublicSubspace.from_seed(SEEDED, SHAPES)
    core = np.random.Generator(np.random.Philox(0)).normal(size=72).astype(np.float32)
    for (u, v), (a, b), square in zip(
        subspace.matrices, subspace.factors(core), core.reshape(2, 6, 6), strict=True
    ):
        assert np.allclose(b @ a, u @ square @ v.T, atol=1e-4)
