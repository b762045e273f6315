"""Adapters are files that stock llama.cpp loads, that come out the same each time and appear whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.engine.handles import AdapterHandle, ContextHandle, ModelHandle
from assistant.errors import AdapterError
from tuning.adapter_file import read_adapter, write_adapter
from tuning.examples import TuningError

NAME = "blk.29.ffn_down.weight"


def matrices(seed: int = 0, columns: int = 1536) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(4, columns)), rng.normal(size=(576, 4))
    return {NAME: (a.astype(np.float32), b.astype(np.float32))}


def write(path: Path, **changes: object) -> Path:
    arguments = {"tensors": matrices(), "architecture": "llama", "alpha": 4.0, "metadata": {"method": "test"}}
    write_adapter(path, **(arguments | changes))
    return path


def test_an_adapter_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = write(tmp_path / "v1.gguf", metadata={"method": "zeroth-order", "seed": "7"})
    tensors, alpha, own = read_adapter(path)
    assert alpha == 4.0
    assert own == {"method": "zeroth-order", "seed": "7"}
    assert list(tensors) == [NAME]
    for read, written in zip(tensors[NAME], matrices()[NAME], strict=True):
        assert np.array_equal(read, written)


def test_the_same_adapter_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one.gguf"), write(tmp_path / "two.gguf")
    other = write(tmp_path / "other.gguf", tensors=matrices(1))
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_only_the_owner_can_read_an_adapter(tmp_path: Path) -> None:
    assert write(tmp_path / "v1.gguf").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    taken = tmp_path / "v1.gguf"
    taken.mkdir()
    with pytest.raises(OSError, match=r"v1\.gguf"):
        write(taken)
    assert list(tmp_path.iterdir()) == [taken]


def test_a_rewrite_replaces_the_former_file(tmp_path: Path) -> None:
    path = write(tmp_path / "v1.gguf")
    write(path, tensors=matrices(1))
    assert np.array_equal(read_adapter(path)[0][NAME][0], matrices(1)[NAME][0])
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_adapter_is_refused(tmp_path: Path, embedded_path: Path) -> None:
    noise = tmp_path / "noise.gguf"
    noise.write_bytes(b"not a model at all, and long enough to hold a header")
    with pytest.raises(TuningError, match="can't be read"):
        read_adapter(noise)
    with pytest.raises(TuningError, match="not a LoRA adapter"):
        read_adapter(embedded_path)
    with pytest.raises(TuningError, match="can't be read"):
        read_adapter(tmp_path / "missing.gguf")


def test_a_truncated_adapter_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "v1.gguf")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(TuningError):
        read_adapter(path)


def test_the_serving_engine_loads_an_adapter(tmp_path: Path, embedded: ModelHandle) -> None:
    context = ContextHandle(embedded, context_tokens=64, batch_tokens=64, threads=1, outputs=1)
    handle = AdapterHandle(embedded, write(tmp_path / "v1.gguf"))
    context.apply([(handle, 1.0)])
    context.apply([])
    context.close()
    handle.close()


def test_the_serving_engine_refuses_an_adapter_of_another_shape(
    tmp_path: Path, embedded: ModelHandle
) -> None:
    path = write(tmp_path / "v1.gguf", tensors=matrices(columns=100))
    with pytest.raises(AdapterError, match="can't be used"):
        AdapterHandle(embedded, path)
