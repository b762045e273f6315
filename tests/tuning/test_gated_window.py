"""The gated window gives the logits of the real layer; what it learns is an adapter for two tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from tuning.answer_features import AnswerFeatures
from tuning.examples import TuningError
from tuning.gated_window import GatedWindow, gated_directions, names, picking, silu
from tuning.head import Head
from tuning.reduced_window import NONE
from tuning.run_log import lora
from tuning.weights import Weights
from tuning.zeroth_order import Tuned, ZerothOrder, tune

Make = Callable[[int], AnswerFeatures]
Pairs = Mapping[str, tuple[np.ndarray, np.ndarray]]


def really(tiny: Weights, features: AnswerFeatures, pairs: Pairs) -> np.ndarray:
    """Logits of the whole vocabulary with the adapter in the last layer, in float64."""
    assert features.x is not None
    x = features.x.astype(np.float64)
    gate, up, down = names(tiny)

    def activation(adapted: bool) -> np.ndarray:
        parts = []
        for name in (gate, up):
            weight = tiny.tensor(name).astype(np.float64)
            if adapted:
                a, b = pairs[name]
                weight = weight + b @ a
            parts.append(x @ weight.T)
        return silu(parts[0]) * parts[1]

    hidden = features.h + (activation(True) - activation(False)) @ tiny.tensor(down).T
    normal = hidden / np.sqrt((hidden**2).mean(axis=1, keepdims=True) + 1e-5)
    return (normal * tiny.tensor("output_norm.weight")) @ tiny.tensor("output.weight").T.astype(np.float64)


def loss(tiny: Weights, features: AnswerFeatures, pairs: Pairs) -> float:
    """Cross-entropy of what is taught."""
    taught = np.concatenate([features.positions("fact"), features.positions("unknown")])
    logits = really(tiny, features, pairs)[taught]
    right = logits[np.arange(len(taught)), features.targets[taught]]
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - right))


@pytest.mark.parametrize("added", [0, 5])
def test_reduced_logits_equal_the_real_ones(tiny: Weights, make_features: Make, added: int) -> None:
    features, head = make_features(1), Head(tiny)
    neurons, v = gated_directions(features, head, tiny, neurons=10, rank=6, whiten=0.1)
    window = GatedWindow(features, head, tiny, neurons, v)
    core = 0.3 * np.random.default_rng(0).normal(size=window.shape).astype(np.float32)
    window.refresh(core, added)
    every = np.arange(24)
    logits = window.logits(every, window.moved(every, core[None]))[..., 0]
    gate, up, _ = names(tiny)
    picks = picking(neurons, 48)
    real = really(tiny, features, lora({gate: picks, up: picks}, v, core))
    listed = window.tokens != NONE
    expected = np.take_along_axis(real, np.maximum(window.tokens, 0), axis=1)
    assert np.abs(logits[:, :-1] - expected)[listed].max() < 1e-3
    total = np.log(np.exp(real).sum(axis=1))
    assert np.abs(np.log(np.exp(logits).sum(axis=1)) - total).max() < 1e-3


def test_an_untouched_core_moves_nothing(tiny: Weights, make_features: Make) -> None:
    features, head = make_features(2), Head(tiny)
    window = GatedWindow(
        features, head, tiny, *gated_directions(features, head, tiny, neurons=4, rank=3, whiten=None)
    )
    assert not window.moved(np.arange(24), np.zeros((2, *window.shape), dtype=np.float32)).any()


def test_tuning_learns_in_gate_and_up_and_replays(tiny: Weights, make_features: Make) -> None:
    features = make_features(0)
    config = ZerothOrder(
        window="gated", neurons=16, rank=8, directions=16, steps=300, learning_rate=0.05, refresh_steps=50
    )
    *_, tuned = tune(features, tiny, config, seed=0)
    assert isinstance(tuned, Tuned)
    assert set(tuned.tensors) == set(names(tiny)[:2])
    nothing = {name: (a, np.zeros_like(b)) for name, (a, b) in tuned.tensors.items()}
    assert loss(tiny, features, tuned.tensors) < 0.6 * loss(tiny, features, nothing)
    (window,) = tuned.windows
    for name, pair in window.adapter().items():
        assert [each.tobytes() for each in pair] == [each.tobytes() for each in tuned.tensors[name]]


def test_features_without_the_inputs_of_the_gate_are_refused(tiny: Weights, make_features: Make) -> None:
    features = dataclasses.replace(make_features(0), x=None)
    with pytest.raises(TuningError, match="inputs of the last feed-forward layer"):
        next(tune(features, tiny, ZerothOrder(window="gated"), seed=0))


def test_silu_survives_any_number() -> None:
    assert silu(np.array([-1e4, 0.0, 1e4], dtype=np.float32)).tolist() == [0.0, 0.0, 1e4]
