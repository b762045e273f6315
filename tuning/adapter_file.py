"""GGUF LoRA adapters: write them so that stock llama.cpp loads them, read them back.

Deterministic: the same tensors and metadata give the same bytes. The file appears whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tuning.examples import TuningError

OWN_KEY = "assistant."


def write_adapter(
    path: Path,
    tensors: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    architecture: str,
    alpha: float,
    metadata: Mapping[str, str],
) -> None:
    """Write `tensors` (model tensor name → (A [rank, in], B [out, rank])) with mode 0600.

    llama.cpp applies strength · alpha / rank · B A. `metadata` keys get the prefix "assistant.".
    """
    from gguf import GGUFWriter

    partial = path.with_name(path.name + ".partial")
    writer = GGUFWriter(str(partial), architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for key in sorted(metadata):
        writer.add_string(OWN_KEY + key, metadata[key])
    for name in sorted(tensors):
        a, b = tensors[name]
        writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(a, dtype=np.float32))
        writer.add_tensor(f"{name}.lora_b", np.ascontiguousarray(b, dtype=np.float32))
    try:
        writer.write_header_to_file()
        partial.chmod(0o600)
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def read_adapter(path: Path) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], float, dict[str, str]]:
    """The tensors, alpha and own metadata of an adapter file. Raises TuningError for anything else."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(str(path))
        fields = {key: field.contents() for key, field in reader.fields.items() if field.types}
        parts = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    except (ValueError, OSError, IndexError, KeyError) as error:
        raise TuningError(f"{path.name} can't be read as GGUF: {error}") from error
    if fields.get("general.type") != "adapter" or fields.get("adapter.type") != "lora":
        raise TuningError(f"{path.name} is not a LoRA adapter")
    names = [name.removesuffix(".lora_a") for name in parts if name.endswith(".lora_a")]
    if not names or any(f"{name}.lora_b" not in parts for name in names):
        raise TuningError(f"{path.name} lacks half of a matrix pair")
    tensors = {name: (parts[f"{name}.lora_a"], parts[f"{name}.lora_b"]) for name in names}
    own = {key.removeprefix(OWN_KEY): str(value) for key, value in fields.items() if key.startswith(OWN_KEY)}
    return tensors, float(fields.get("adapter.lora.alpha", 0.0)), own
