"""The embedding model, loaded late and shared by all who need it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.memory import give_back

if TYPE_CHECKING:
    import numpy as np

    from selection.embedding import Embedder


class LazyEmbedder:
    """The embedding model, loaded by whoever needs it first; one at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None

    def get(self) -> Embedder:
        with self._lock:
            if self._embedder is None:
                from selection.embedding import load_embedder

                self._embedder = load_embedder(self._name)
            return self._embedder

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        return self.get().encode(texts)

    def release(self) -> None:
        """Free it; whoever needs it next loads it again."""
        with self._lock:
            self._embedder = None
        give_back()
