"""Single tensors of a GGUF model, dequantised on demand. Nothing else of the file stays in memory."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tuning.examples import TuningError
from tuning.gguf_header import TensorPlace, read_header


class Weights:
    """Read access to the served weights; float32 copies of what is asked for."""

    def __init__(self, path: Path) -> None:
        """Map the file; reads only its header. Raises TuningError when it is no readable GGUF."""
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            header = read_header(self._map)
        except (ValueError, OSError) as error:
            raise TuningError(f"{path.name} can't be read as GGUF: {error}") from error
        self._bytes = np.frombuffer(self._map, dtype=np.uint8)
        self._tensors = header.tensors
        self._values = header.values
        self.architecture = str(self._values.get("general.architecture"))

    def number(self, name: str, default: float | None = None) -> float:
        """A hyperparameter of the architecture, for example `attention.head_count`. Raises TuningError."""
        value = self._values.get(f"{self.architecture}.{name}", default)
        if not isinstance(value, int | float):
            raise TuningError(f"the model does not state {self.architecture}.{name}")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """A hyperparameter that is a word, for example `rope.scaling.type`."""
        return str(self._values.get(f"{self.architecture}.{name}", default))

    def has(self, name: str) -> bool:
        return name in self._tensors

    def shape(self, name: str) -> tuple[int, ...]:
        """Rows first: (out, in) for a matrix. Raises TuningError for an unknown tensor."""
        return self._place(name).shape

    def tensor(self, name: str, rows: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """The tensor, or some of its rows, as float32 with rows first. Raises TuningError."""
        stored, kind = self._stored(name)
        values = _dequantised(name, stored if rows is None else stored[np.asarray(rows)], kind)
        self._forget(name, stored.nbytes)
        return values

    def rows(self, name: str) -> Rows:
        """A copy of the quantised tensor, for reading other rows of it again and again.

        Single rows of the mapped file would each cost a read from disk when the system is short of memory.
        Raises TuningError.
        """
        stored, kind = self._stored(name)
        kept = Rows(name, stored.copy(), kind)
        self._forget(name, stored.nbytes)
        return kept

    @property
    def head(self) -> str:
        """Name of the output head; the token embeddings where the two are tied."""
        return "output.weight" if self.has("output.weight") else "token_embd.weight"

    def _place(self, name: str) -> TensorPlace:
        if name not in self._tensors:
            raise TuningError(f"the model has no tensor {name}")
        return self._tensors[name]

    def _stored(self, name: str) -> tuple[np.ndarray, int]:
        """The tensor's bytes as uint8 [..., bytes of a row] in the mapped file, and its kind."""
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        place = self._place(name)
        try:
            block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(place.kind)]
        except (ValueError, KeyError) as error:
            raise TuningError(f"the tensor {name} has the unknown type {place.kind}") from error
        row_bytes = place.shape[-1] // block * block_bytes
        size = math.prod(place.shape[:-1]) * row_bytes
        if place.offset + size > len(self._bytes):
            raise TuningError(f"the model file ends within the tensor {name}")
        stored = self._bytes[place.offset : place.offset + size]
        return stored.reshape(*place.shape[:-1], row_bytes), place.kind

    def _forget(self, name: str, size: int) -> None:
        """Give the pages of a tensor that was read back to the system: they count as our memory."""
        if hasattr(mmap, "MADV_DONTNEED"):
            offset = self._place(name).offset
            start = offset // mmap.PAGESIZE * mmap.PAGESIZE
            self._map.madvise(mmap.MADV_DONTNEED, start, offset + size - start)


class Rows:
    """Quantised rows held in memory; `take` dequantises those asked for."""

    def __init__(self, name: str, stored: np.ndarray, kind: int) -> None:
        self._name, self._stored, self._kind = name, stored, kind

    def take(self, rows: np.ndarray) -> np.ndarray:
        """float32 [rows, width]. Raises TuningError."""
        return _dequantised(self._name, self._stored[rows], self._kind)


def _dequantised(name: str, stored: np.ndarray, kind: int) -> np.ndarray:
    from gguf import GGMLQuantizationType, dequantize

    plain = {GGMLQuantizationType.F32: np.float32, GGMLQuantizationType.F16: np.float16}
    quantisation = GGMLQuantizationType(kind)
    try:
        values = dequantize(stored.view(plain.get(quantisation, np.uint8)), quantisation)
    except (ValueError, NotImplementedError) as error:
        raise TuningError(f"the tensor {name} can't be dequantised: {error}") from error
    # Unquantised tensors come back as views of the read-only file; torch wants to own what it wraps.
    return np.array(values, dtype=np.float32, order="C", copy=not values.flags.owndata)
