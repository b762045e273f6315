from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.engine.engine import Engine
from assistant.models import embedded_model
from tuning.adapter_file import write_adapter


@pytest.fixture(scope="session")
def model_path() -> Path:
    path = embedded_model()
    assert path is not None
    return path


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[Engine]:
    engine = Engine(model_path, context_tokens=1024)
    engine.load()
    yield engine
    engine.close()


@pytest.fixture
def adapter_file(tmp_path: Path) -> Path:
    """A random rank-4 adapter on the last down projection, strong enough to change answers."""
    rng = np.random.Generator(np.random.Philox(7))
    a = rng.standard_normal((4, 1536)).astype(np.float32)
    b = 0.05 * rng.standard_normal((576, 4)).astype(np.float32)
    path = tmp_path / "random.gguf"
    write_adapter(
        path, {"blk.29.ffn_down.weight": (a, b)}, architecture="llama", alpha=4.0, metadata={"version": "t"}
    )
    return path
