"""What a chat needs, opened together."""

from __future__ import annotations

import numpy as np

from assistant.services import LazyEmbedder
from assistant.settings import Settings


def test_a_released_embedding_model_is_loaded_again_when_it_is_needed() -> None:
    embedder = LazyEmbedder(Settings().embedding_model)
    before = embedder(["What is my dog called?"])
    first = embedder.get()
    assert embedder.get() is first
    embedder.release()
    assert embedder.get() is not first
    assert np.allclose(embedder(["What is my dog called?"]), before)
