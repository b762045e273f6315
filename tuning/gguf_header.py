"""The header of a GGUF file: single values, and where each tensor lies. Arrays are stepped over.

The `gguf` package makes an object of every entry of the vocabulary, which takes two seconds and, for a
vocabulary of 49,152, 160 MiB. Tuning wants neither (format: ggml's docs/gguf.md, versions 2 and 3).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from mmap import mmap

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
MOST_DIMENSIONS = 4

_STRING, _ARRAY = 8, 9
# Value type → struct format, as numbered by the format.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

Value = int | float | bool | str


@dataclass(frozen=True, slots=True)
class TensorPlace:
    """`shape` rows first, `kind` the number of the quantisation, `offset` in bytes from the file's start."""

    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True, slots=True)
class Header:
    values: dict[str, Value]
    tensors: dict[str, TensorPlace]


class _Reader:
    """A position in the file that only moves forward."""

    def __init__(self, data: mmap) -> None:
        self._data = data
        self.position = 0

    def number(self, form: str) -> int | float | bool:
        fixed = struct.Struct(f"<{form}")
        (value,) = fixed.unpack_from(self._data, self.position)
        self.position += fixed.size
        return value

    def count(self, form: str = "Q") -> int:
        """A number of things to come; each takes at least one byte, so more than the file holds is a lie."""
        value = int(self.number(form))
        if value > len(self._data) - self.position:
            raise ValueError("it is cut short")
        return value

    def skip(self, size: int) -> None:
        if size > len(self._data) - self.position:
            raise ValueError("it is cut short")
        self.position += size

    def bytes(self, size: int) -> bytes:
        start = self.position
        self.skip(size)
        return self._data[start : start + size]

    def text(self) -> str:
        return self.bytes(self.count()).decode("utf-8", "replace")

    def value(self, kind: int) -> Value | None:
        """A single value, or None for an array, which is stepped over."""
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            self._skip_array()
            return None
        if kind not in _SCALARS:
            raise ValueError(f"it has a value of the unknown type {kind}")
        return self.number(_SCALARS[kind])

    def _skip_array(self) -> None:
        kind, count = int(self.number("I")), self.count()
        if kind in _SCALARS:
            self.skip(count * struct.calcsize(f"<{_SCALARS[kind]}"))
            return
        step: Callable[[], object]
        if kind == _STRING:
            step = lambda: self.skip(self.count())  # noqa: E731
        elif kind == _ARRAY:
            step = self._skip_array
        else:
            raise ValueError(f"it has a list of the unknown type {kind}")
        for _ in range(count):
            step()


def read_header(data: mmap) -> Header:
    """Raises ValueError, with the reason, for anything that is not a complete little-endian GGUF header."""
    try:
        return _read(_Reader(data))
    except (struct.error, RecursionError) as error:
        raise ValueError("it is cut short") from error


def _read(reader: _Reader) -> Header:
    if reader.bytes(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin as a GGUF file does")
    version = int(reader.number("I"))
    if version not in VERSIONS:
        raise ValueError(f"it has version {version} of the format; known are {VERSIONS}")
    tensor_count, value_count = reader.count(), reader.count()
    values: dict[str, Value] = {}
    for _ in range(value_count):
        key, kind = reader.text(), int(reader.number("I"))
        value = reader.value(kind)
        if value is not None:
            values[key] = value
    places: dict[str, TensorPlace] = {}
    for _ in range(tensor_count):
        name, dimensions = reader.text(), int(reader.number("I"))
        if dimensions > MOST_DIMENSIONS:
            raise ValueError(f"its tensor {name[:60]!r} has {dimensions} dimensions")
        sizes = [int(reader.number("Q")) for _ in range(dimensions)]
        places[name] = TensorPlace(tuple(reversed(sizes)), int(reader.number("I")), int(reader.number("Q")))
    alignment = int(values.get("general.alignment", DEFAULT_ALIGNMENT))
    if alignment <= 0 or alignment & (alignment - 1):
        raise ValueError(f"its alignment is {alignment}")
    base = -(-reader.position // alignment) * alignment
    placed = {name: TensorPlace(each.shape, each.kind, base + each.offset) for name, each in places.items()}
    return Header(values, placed)
