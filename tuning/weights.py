"""Single tensors of a GGUF model, dequantised on demand. Nothing else of the file is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tuning.examples import TuningError


class Weights:
    """Read access to the served weights; float32 copies of what is asked for."""

    def __init__(self, path: Path) -> None:
        """Map the file; reads only its header. Raises TuningError when it is no readable GGUF."""
        from gguf import GGUFReader, GGUFValueType

        try:
            reader = GGUFReader(str(path))
        except (ValueError, OSError, IndexError, KeyError) as error:
            raise TuningError(f"{path.name} can't be read as GGUF: {error}") from error
        self._tensors = {tensor.name: tensor for tensor in reader.tensors}
        # The reader keeps every vocabulary entry as an object of its own, more than a hundred megabytes.
        # Only the single values are kept here.
        self._values = {
            key: field.contents()
            for key, field in reader.fields.items()
            if field.types[:1] != [GGUFValueType.ARRAY]
        }
        self.architecture = str(self._values.get("general.architecture"))

    def number(self, name: str, default: float | None = None) -> float:
        """A hyperparameter of the architecture, for example `attention.head_count`. Raises TuningError."""
        value = self._values.get(f"{self.architecture}.{name}", default)
        if not isinstance(value, int | float):
            raise TuningError(f"the model does not state {self.architecture}.{name}")
        return float(value)

    def has(self, name: str) -> bool:
        return name in self._tensors

    def shape(self, name: str) -> tuple[int, ...]:
        """Rows first: (out, in) for a matrix. Raises TuningError for an unknown tensor."""
        if name not in self._tensors:
            raise TuningError(f"the model has no tensor {name}")
        return tuple(int(size) for size in reversed(self._tensors[name].shape))

    def tensor(self, name: str, rows: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """The tensor, or some of its rows, as float32 with rows first. Raises TuningError."""
        from gguf import dequantize

        shape = self.shape(name)
        tensor = self._tensors[name]
        data = tensor.data if rows is None else tensor.data[np.asarray(rows)]
        values = dequantize(np.ascontiguousarray(data), tensor.tensor_type)
        full = (len(rows), *shape[1:]) if rows is not None else shape
        # Unquantised tensors come back as views of the read-only file; torch wants to own what it wraps.
        return np.require(values, dtype=np.float32, requirements=["C", "W"]).reshape(full)

    @property
    def head(self) -> str:
        """Name of the output head; the token embeddings where the two are tied."""
        return "output.weight" if self.has("output.weight") else "token_embd.weight"
