"""Adapters as standard PEFT checkpoints: adapter_model.safetensors and adapter_config.json.

They load with `peft` alone onto the model in transformers' format that the GGUF file was made from.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tuning.architectures import Geometry
from tuning.examples import TuningError
from tuning.weights import Weights

WEIGHTS_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"
FILES = (WEIGHTS_FILE, CONFIG_FILE)

# Name in GGUF → name in transformers, the same for all supported families.
MODULES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def write_peft(
    folder: Path, tensors: Mapping[str, tuple[np.ndarray, np.ndarray]], *, alpha: float, weights: Weights
) -> None:
    """Write `tensors` (GGUF tensor name → (A [rank, in], B [out, rank])) into `folder`, with mode 0600.

    `alpha` is the one of the GGUF adapter, where 0 stands for the factor 1; `weights` is the base model.
    Raises TuningError for a family or a matrix that has no known place in transformers, and OSError.
    """
    from safetensors.numpy import save

    geometry = Geometry.of(weights)
    modules: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, (a, b) in tensors.items():
        matrix = name.split(".")[2] if name.count(".") == 3 else ""
        if matrix not in MODULES:
            raise TuningError(f"{name} has no counterpart in transformers")
        heads = {"attn_q": geometry.heads, "attn_k": geometry.kv_heads}.get(matrix)
        if heads is not None and geometry.architecture.rotary == "pairs":
            b = _halves(b, heads)
        modules[f"model.layers.{name.split('.')[1]}.{MODULES[matrix]}"] = (a, b)
    parts: dict[str, np.ndarray] = {}
    for module, (a, b) in modules.items():
        parts[f"base_model.model.{module}.lora_A.weight"] = np.ascontiguousarray(a, dtype=np.float32)
        parts[f"base_model.model.{module}.lora_B.weight"] = np.ascontiguousarray(b, dtype=np.float32)
    config = _config({module: len(a) for module, (a, _) in modules.items()}, alpha)
    _write(folder / WEIGHTS_FILE, save(parts, metadata={"format": "pt"}))
    _write(folder / CONFIG_FILE, (json.dumps(config, indent=2) + "\n").encode())


def _halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows [heads · width, …] from llama.cpp's order, where neighbours turn together, to transformers'."""
    split = rows.reshape(heads, -1, 2, *rows.shape[1:])
    return split.swapaxes(1, 2).reshape(rows.shape)


def _config(ranks: Mapping[str, int], alpha: float) -> dict[str, Any]:
    """What `peft.LoraConfig` is made of. Its factor is lora_alpha / r, as in llama.cpp."""
    ((rank, _),) = Counter(ranks.values()).most_common(1)
    others = {module: each for module, each in ranks.items() if each != rank}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "r": rank,
        "lora_alpha": alpha or rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": sorted(ranks),
        "rank_pattern": others,
        "alpha_pattern": {} if alpha else others,
    }


def _write(path: Path, content: bytes) -> None:
    """The file appears whole or not at all, and only its owner can read it."""
    partial = path.with_name(path.name + ".partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
