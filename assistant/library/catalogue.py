"""Models that are worth trying, small ones first, with what each needs. Knows no file on this machine.

Sizes are rounded; the hub is asked for the exact one before anything is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass

# What a context of the engine takes beside weights and keys: compute buffers and the vocabulary, roughly.
OVERHEAD_BYTES = 150_000_000
_F16_BYTES = 2


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model file on the Hugging Face hub.

    `layers` and `kv_width` (key heads times their width) give the memory of the conversation's cache.
    `learns`: corrections can be learned with the default method, `layer-chain`; others with `zeroth-order`.
    """

    name: str
    title: str
    repository: str
    file: str
    size_bytes: int
    layers: int
    kv_width: int
    licence: str
    learns: bool

    def memory_bytes(self, context_tokens: int) -> int:
        return memory_bytes(self.size_bytes, self.layers, self.kv_width, context_tokens)


def memory_bytes(size_bytes: int, layers: int, kv_width: int, context_tokens: int) -> int:
    """Memory in use while chatting: the weights, keys and values of the whole context, and buffers."""
    return size_bytes + 2 * _F16_BYTES * layers * kv_width * context_tokens + OVERHEAD_BYTES


def _mb(count: float) -> int:
    return int(count * 1_000_000)


CATALOGUE: tuple[CatalogueModel, ...] = (
    CatalogueModel(
        "gemma-3-270m", "Gemma 3 270M", "ggml-org/gemma-3-270m-it-GGUF", "gemma-3-270m-it-Q8_0.gguf",
        _mb(292), 18, 256, "Gemma", True,
    ),
    CatalogueModel(
        "smollm2-360m", "SmolLM2 360M", "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF",
        "smollm2-360m-instruct-q8_0.gguf", _mb(386), 32, 320, "Apache-2.0", True,
    ),
    CatalogueModel(
        "qwen2.5-0.5b", "Qwen2.5 0.5B", "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
        "qwen2.5-0.5b-instruct-q4_k_m.gguf", _mb(491), 24, 128, "Apache-2.0", True,
    ),
    CatalogueModel(
        "qwen3-0.6b", "Qwen3 0.6B", "Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf",
        _mb(639), 28, 1024, "Apache-2.0", True,
    ),
    CatalogueModel(
        "gemma-3-1b", "Gemma 3 1B", "ggml-org/gemma-3-1b-it-GGUF", "gemma-3-1b-it-Q4_K_M.gguf",
        _mb(806), 26, 256, "Gemma", True,
    ),
    CatalogueModel(
        "llama-3.2-1b", "Llama 3.2 1B", "bartowski/Llama-3.2-1B-Instruct-GGUF",
        "Llama-3.2-1B-Instruct-Q4_K_M.gguf", _mb(808), 16, 512, "Llama 3.2", True,
    ),
    CatalogueModel(
        "smollm2-1.7b", "SmolLM2 1.7B", "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
        "smollm2-1.7b-instruct-q4_k_m.gguf", _mb(1056), 24, 2048, "Apache-2.0", True,
    ),
    CatalogueModel(
        "qwen2.5-1.5b", "Qwen2.5 1.5B", "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        "qwen2.5-1.5b-instruct-q4_k_m.gguf", _mb(1117), 28, 256, "Apache-2.0", True,
    ),
    CatalogueModel(
        "qwen3-1.7b", "Qwen3 1.7B", "Qwen/Qwen3-1.7B-GGUF", "Qwen3-1.7B-Q8_0.gguf",
        _mb(1834), 28, 1024, "Apache-2.0", True,
    ),
    CatalogueModel(
        "llama-3.2-3b", "Llama 3.2 3B", "bartowski/Llama-3.2-3B-Instruct-GGUF",
        "Llama-3.2-3B-Instruct-Q4_K_M.gguf", _mb(2019), 28, 1024, "Llama 3.2", True,
    ),
    CatalogueModel(
        "qwen2.5-3b", "Qwen2.5 3B", "Qwen/Qwen2.5-3B-Instruct-GGUF", "qwen2.5-3b-instruct-q4_k_m.gguf",
        _mb(2105), 36, 256, "Qwen Research", True,
    ),
    CatalogueModel(
        "qwen3-4b", "Qwen3 4B", "Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M.gguf",
        _mb(2497), 36, 1024, "Apache-2.0", True,
    ),
)  # fmt: skip


def in_catalogue(name: str) -> CatalogueModel | None:
    """The model of that name, in any case of letters."""
    return next((model for model in CATALOGUE if model.name == name.casefold()), None)
