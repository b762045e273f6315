"""The real sentence embedder, loaded once for all tests of the room."""

from __future__ import annotations

import pytest

from selection.embedding import load_embedder
from synthesis.judge import Embed


@pytest.fixture(scope="session")
def embed() -> Embed:
    return load_embedder().encode
