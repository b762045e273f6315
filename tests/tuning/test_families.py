"""Layers, adapters and checkpoints of each supported family against transformers, PEFT and llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assistant.engine.handles import AdapterHandle, Batch, ContextHandle, ModelHandle
from tests.tuning.families import FAMILIES, VOCABULARY, tiny_model, write_model
from tuning.adapter_file import write_adapter
from tuning.architectures import Geometry
from tuning.examples import Example, Sequences, TuningError
from tuning.lessons import pack
from tuning.llama_layer import Layer, rms_norm
from tuning.peft_checkpoint import write_peft
from tuning.trunk import read_sequences
from tuning.weights import Weights

pytestmark = pytest.mark.timeout(300)

RANK, ALPHA = 3, 6.0
# Longer than the sliding window, of different length, with a common beginning.
EXAMPLES = (
    Example((1, 7, 8, 9, 3, 4, 5, 6, 11, 12), (40, 41, 2), "fact"),
    Example((1, 7, 8, 9, 50, 51, 52), (60, 61, 62, 63, 64, 65, 2), "fact"),
)


@dataclass(frozen=True)
class Tiny:
    """One family: the model in transformers, the same as GGUF, and an adapter of its last two layers."""

    family: str
    model: Any
    path: Path
    weights: Weights
    tensors: dict[str, tuple[np.ndarray, np.ndarray]]


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in single precision, also where the processor would take half of it."""
    monkeypatch.setattr("tuning.llama_layer.product_dtype", lambda device="cpu": torch.float32)


@pytest.fixture(scope="module", params=FAMILIES)
def tiny_family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    family = request.param
    model = tiny_model(family)
    path = tmp_path_factory.mktemp(family) / f"{family}.gguf"
    write_model(family, model, path)
    weights = Weights(path)
    rng = np.random.default_rng(9)
    tensors = {
        name: (a, rng.normal(scale=0.05, size=b.shape).astype(np.float32))
        for layer in window(weights, rng)
        for name, (a, b) in layer.tensors().items()
    }
    return Tiny(family, model, path, weights, tensors)


def window(weights: Weights, rng: np.random.Generator | None = None) -> list[Layer]:
    geometry = Geometry.of(weights)
    rng = rng or np.random.default_rng(0)
    return [
        Layer(weights, index, geometry, rank=RANK, alpha=ALPHA, rng=rng)
        for index in range(geometry.layers - 2, geometry.layers)
    ]


def logits(model: Any) -> torch.Tensor:
    """What transformers says at the answer tokens of all examples, one after the other."""
    with torch.no_grad():
        found = [model(torch.tensor([each.inputs])).logits[0, -len(each.answer) :] for each in EXAMPLES]
    return torch.cat(found)


def ours(tiny: Tiny, adapted: bool) -> torch.Tensor:
    """The same by the trunk and a window of two layers."""
    *_, sequences = read_sequences(EXAMPLES, tiny.weights, window=2, top=4, threads=1)
    assert isinstance(sequences, Sequences)
    layers = window(tiny.weights)
    own, packing, rows = pack(sequences, [0, 1])
    prefix = torch.from_numpy(sequences.prefix)
    with torch.no_grad():
        for layer in layers:
            layer.load(tiny.tensors)
            last = layer is layers[-1]
            prefix, own = layer.forward(prefix, own, packing, rows if last else None, adapted=adapted)
        norm = torch.from_numpy(tiny.weights.tensor("output_norm.weight"))
        hidden = rms_norm(own, norm, Geometry.of(tiny.weights).norm_epsilon)
        return hidden @ torch.from_numpy(tiny.weights.tensor(tiny.weights.head)).T


def peft_logits(tiny: Tiny, folder: Path) -> torch.Tensor:
    """Logits of transformers with the exported checkpoint, loaded by `peft` alone."""
    from peft import PeftModel

    write_peft(folder, tiny.tensors, alpha=ALPHA, weights=tiny.weights)
    return logits(PeftModel.from_pretrained(tiny_model(tiny.family), folder))


def test_trunk_and_window_agree_with_transformers(tiny_family: Tiny) -> None:
    assert torch.allclose(ours(tiny_family, adapted=False), logits(tiny_family.model), atol=1e-4)


def test_an_adapted_window_agrees_with_peft(tiny_family: Tiny, tmp_path: Path) -> None:
    expected = peft_logits(tiny_family, tmp_path)
    assert torch.allclose(ours(tiny_family, adapted=True), expected, atol=1e-4)
    assert not torch.allclose(expected, logits(tiny_family.model), atol=0.05)


def test_the_serving_engine_agrees_on_model_and_adapter(tiny_family: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "v1.gguf"
    architecture = tiny_family.weights.architecture
    write_adapter(path, tiny_family.tensors, architecture=architecture, alpha=ALPHA, metadata={})
    plain, adapted = engine_logits(tiny_family.path, None), engine_logits(tiny_family.path, path)
    # The engine keeps keys and values in half precision.
    assert np.abs(plain - ours(tiny_family, adapted=False).numpy()).max() < 0.05
    assert np.abs(adapted - ours(tiny_family, adapted=True).numpy()).max() < 0.05
    assert np.abs(adapted - plain).max() > 0.2


def engine_logits(model_path: Path, adapter: Path | None) -> np.ndarray:
    """float32 [answer tokens of all examples, vocabulary]."""
    model = ModelHandle(model_path)
    context = ContextHandle(model, context_tokens=64, batch_tokens=64, threads=1, outputs=64)
    model.vocabulary = VOCABULARY  # the file holds no words
    handle = AdapterHandle(model, adapter) if adapter else None
    found = []
    for example in EXAMPLES:
        context.apply([(handle, 1.0)] if handle else [])
        batch = Batch(64)
        first = len(example.inputs) - len(example.answer)
        for position, token in enumerate(example.inputs):
            batch.add(token, position, [0], output=position >= first)
        batch.decode(context)
        found += [context.logits(position) for position in range(first, len(example.inputs))]
        batch.close()
    context.apply([])
    context.close()
    if handle:
        handle.close()
    model.close()
    return np.stack(found)


def test_a_model_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    from gguf import GGUFWriter, RopeScalingType

    def written(name: str, architecture: str, *, experts: int = 0, yarn: bool = False) -> Weights:
        writer = GGUFWriter(str(tmp_path / name), architecture)
        writer.add_block_count(2)
        writer.add_embedding_length(32)
        writer.add_head_count(2)
        if experts:
            writer.add_expert_count(experts)
        if yarn:
            writer.add_rope_scaling_type(RopeScalingType.YARN)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return Weights(tmp_path / name)

    with pytest.raises(TuningError, match="architecture 'mamba'"):
        Geometry.of(written("a.gguf", "mamba"))
    with pytest.raises(TuningError, match="mixtures of experts"):
        Geometry.of(written("b.gguf", "llama", experts=8))
    with pytest.raises(TuningError, match="'yarn'"):
        Geometry.of(written("c.gguf", "qwen2", yarn=True))
