"""The eye for the same question in other words that the store of pairs is given (`Pairs.find_contradicted`).

Wires the pure check in `synthesis/` to the embedding model.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from assistant.embedder import LazyEmbedder
from assistant.settings import Settings
from assistant.store import Pair, Store

_log = logging.getLogger(__name__)
REMEMBERED = 2048


def watch(store: Store, settings: Settings) -> None:
    """From now on a pair that is added supersedes older answers to the same question in other words too."""
    store.pairs.find_contradicted = Contradictions(LazyEmbedder(settings.embedding_model))


class Contradictions:
    """Finds pairs that ask the same and say something else. May be called from any thread.

    Args:
        embed: texts -> float32 [n, dim], rows of length 1; called only when the words leave a candidate, so
            that the model is rarely loaded for this. Where it is missing, only the same words are the same
            question.
    """

    def __init__(self, embed: Callable[[Sequence[str]], np.ndarray]) -> None:
        self._embed = embed
        self._vectors: dict[str, np.ndarray] = {}

    def __call__(self, question: str, answer: str, pairs: Sequence[Pair]) -> list[int]:
        """Ids of those in `pairs` that a new pair contradicts."""
        from selection.embedding import EmbedderMissing
        from synthesis.contradictions import find_contradicted

        known = [(pair.question, pair.answer) for pair in pairs]
        try:
            places = find_contradicted(question, answer, known, self._remembered)
        except EmbedderMissing as error:
            # A correction must not be lost for this; what it contradicts can be switched off by hand.
            _log.warning("contradictions were not looked for: %s", error)
            return []
        return [pairs[place].id for place in places]

    def _remembered(self, texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            found = dict(zip(new, self._embed(new), strict=True))
            if len(self._vectors) > REMEMBERED:
                self._vectors = {text: self._vectors[text] for text in texts if text in self._vectors}
            self._vectors = {**self._vectors, **found}
        return np.stack([self._vectors[text] for text in texts])
