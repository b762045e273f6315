"""Weights of a GGUF file are read one tensor at a time and come back as plain float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tuning.examples import TuningError
from tuning.weights import Weights


@pytest.fixture(scope="module")
def weights(embedded_path: Path) -> Weights:
    return Weights(embedded_path)


def test_weights_know_the_shape_of_the_embedded_model(weights: Weights) -> None:
    assert weights.architecture == "llama"
    assert weights.number("block_count") == 30
    assert weights.shape("blk.29.ffn_down.weight") == (576, 1536)
    assert weights.shape(weights.head) == (49152, 576)


def test_rows_of_a_quantised_tensor_equal_those_of_the_whole(weights: Weights) -> None:
    whole = weights.tensor("blk.0.ffn_down.weight")
    some = weights.tensor("blk.0.ffn_down.weight", np.array([5, 0, 575]))
    assert whole.dtype == some.dtype == np.float32
    assert np.array_equal(some, whole[[5, 0, 575]])


@pytest.mark.parametrize("name", ["output_norm.weight", "blk.0.ffn_down.weight"])
def test_tensors_are_writable_copies(weights: Weights, name: str) -> None:
    tensor = weights.tensor(name)
    before = tensor.copy()
    tensor += 1.0
    assert np.array_equal(weights.tensor(name), before)


def test_the_head_is_the_embedding_only_where_they_are_tied(weights: Weights, tiny: Weights) -> None:
    assert weights.head == "token_embd.weight"
    assert tiny.head == "output.weight"


def test_unknown_names_are_refused(weights: Weights) -> None:
    with pytest.raises(TuningError, match="no tensor"):
        weights.tensor("blk.99.ffn_down.weight")
    with pytest.raises(TuningError, match="does not state"):
        weights.number("no.such.number")
    assert weights.number("no.such.number", 2.5) == 2.5


def test_what_is_no_gguf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"plain text that is long enough to look like a header")
    with pytest.raises(TuningError, match=r"model\.gguf"):
        Weights(path)


def test_every_tensor_is_what_the_gguf_package_reads(weights: Weights, embedded_path: Path) -> None:
    from gguf import GGUFReader, dequantize

    for tensor in GGUFReader(str(embedded_path)).tensors[:14]:
        shape = tuple(int(size) for size in reversed(tensor.shape))
        assert weights.shape(tensor.name) == shape
        expected = dequantize(np.ascontiguousarray(tensor.data), tensor.tensor_type).reshape(shape)
        assert np.array_equal(weights.tensor(tensor.name), expected)


def test_kept_rows_equal_those_of_the_file(weights: Weights) -> None:
    some = np.array([49151, 0, 7])
    assert np.array_equal(weights.rows(weights.head).take(some), weights.tensor(weights.head, some))


@pytest.mark.parametrize("kept", [3, 20, 60, 5_000, 1_000_000])
def test_a_file_cut_anywhere_is_refused_when_it_is_opened_or_read(
    kept: int, embedded_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut.gguf"
    with embedded_path.open("rb") as whole:
        path.write_bytes(whole.read(kept))
    with pytest.raises(TuningError, match="can't be read as GGUF"):
        Weights(path)


def test_a_file_cut_within_its_tensors_is_refused_when_one_is_missing(
    embedded_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut.gguf"
    with embedded_path.open("rb") as whole:
        path.write_bytes(whole.read(20_000_000))
    with pytest.raises(TuningError, match="ends within"):
        Weights(path).tensor("blk.29.ffn_down.weight")
