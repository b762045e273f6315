"""On a CUDA device the same comes out as on the processor, within the tolerance of single precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tuning.families import VOCABULARY, write_random_llama
from tuning.chainfed import Chain, ChainFed, read_chain, tune_chain
from tuning.device import best_device, free_memory
from tuning.examples import Example, Sequences, TuningStep
from tuning.layer_chain import LayerChain, tune
from tuning.trunk import read_sequences
from tuning.weights import Weights

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    monkeypatch.setattr("tuning.llama_layer.product_dtype", lambda device="cpu": torch.float32)
    monkeypatch.setattr("tuning.trunk.product_dtype", lambda device="cpu": torch.float32)
    write_random_llama(tmp_path / "random.gguf")
    return Weights(tmp_path / "random.gguf")


def examples() -> list[Example]:
    rng = np.random.default_rng(4)

    def tokens(number: int) -> tuple[int, ...]:
        return tuple(int(each) for each in rng.integers(3, VOCABULARY, number))

    return [
        Example((1, 2, *tokens(3)), tokens(2), kind)
        for _ in range(4)
        for kind in ("fact", "unknown", "general")
    ]


def losses(steps: list[object]) -> list[float]:
    return [step.loss for step in steps if isinstance(step, TuningStep)]


@needs_cuda
def test_layer_chain_is_the_same_on_cuda(weights: Weights) -> None:
    found = []
    for device in ("cpu", "cuda"):
        *_, read = read_sequences(examples(), weights, window=2, top=4, threads=1, device=device)
        assert isinstance(read, Sequences)
        found.append(
            losses(list(tune(read, weights, LayerChain(steps=20), seed=1, threads=1, device=device)))
        )
    assert np.allclose(*found, rtol=1e-3)


@needs_cuda
def test_chainfed_is_the_same_on_cuda(weights: Weights, tmp_path: Path) -> None:
    config, found = ChainFed(layers=2, passes=1, rounds=3), []
    for device in ("cpu", "cuda"):
        *_, chain = read_chain(examples(), weights, config, top=4, folder=tmp_path, threads=1, device=device)
        assert isinstance(chain, Chain)
        found.append(losses(list(tune_chain(chain, weights, config, seed=1, threads=1, device=device))))
    assert np.allclose(*found, rtol=1e-3)


def test_a_gpu_is_used_only_where_there_is_one_and_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (best_device(), best_device(gpu=False)) == ("cuda", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == "cpu"
    assert free_memory("cpu") > 0
