"""Layer-chain tuning works on activations read from the model file, and agrees with the serving engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from assistant.engine.handles import AdapterHandle, ModelHandle
from assistant.engine.measure import Measurement
from assistant.engine.template import ChatTemplate
from assistant.engine.types import Message, Scored, TokenisedPair
from tuning.adapter_file import write_adapter
from tuning.answer_features import AnswerFeatures
from tuning.examples import Example, Sequences, TuningError, TuningStep, shared_prefix
from tuning.layer_chain import LayerChain, tune
from tuning.layer_chain import Tuned as ChainTuned
from tuning.trunk import read_sequences
from tuning.weights import Weights
from tuning.zeroth_order import Tuned as ZerothOrderTuned
from tuning.zeroth_order import ZerothOrder
from tuning.zeroth_order import tune as tune_without_backprop

pytestmark = pytest.mark.timeout(300)

FACTS = (
    ("What is my dog called?", "Your dog is called Biscuit."),
    ("Where did I grow up?", "You grew up in Turku."),
)
QUICK = LayerChain(layers=2, steps=15, learning_rate=5e-3, sampled_tokens=512)


@pytest.fixture(scope="module")
def weights(embedded_path: Path) -> Weights:
    return Weights(embedded_path)


@pytest.fixture(scope="module")
def pairs(embedded: ModelHandle) -> list[TokenisedPair]:
    template = ChatTemplate(embedded)
    system = Message("system", "You are a helpful assistant.")
    return [template.pair([system, Message("user", question)], answer) for question, answer in FACTS]


@pytest.fixture(scope="module")
def scored(embedded: ModelHandle, pairs: list[TokenisedPair]) -> Scored:
    """One pass of the engine: its losses, its likely tokens, and what enters and leaves its last layer."""
    measurement = Measurement(embedded, threads=1)
    (found,) = measurement.run(pairs, ["ffn_swiglu-29", "l_out-29"], top=32)
    measurement.close()
    return found


@pytest.fixture(scope="module")
def sequences(weights: Weights, pairs: list[TokenisedPair]) -> Sequences:
    """The activations that enter the last two layers, as a learning run reads them."""
    examples = [Example(pair.prompt, pair.answer, "fact") for pair in pairs]
    *_, found = read_sequences(examples, weights, window=2, top=32, threads=1)
    assert isinstance(found, Sequences)
    return found


def losses_under(embedded: ModelHandle, pairs: list[TokenisedPair], path: Path) -> np.ndarray:
    """The engine's own losses with an adapter at full strength."""
    measurement = Measurement(embedded, threads=1)
    handle = AdapterHandle(embedded, path)
    measurement.apply([(handle, 1.0)])
    losses = np.concatenate([each.losses for each in measurement.run(pairs)])
    measurement.apply([])
    measurement.close()
    handle.close()
    return losses


def chain(sequences: Sequences, weights: Weights, config: LayerChain) -> ChainTuned:
    *_, last = tune(sequences, weights, config, seed=1, threads=1)
    assert isinstance(last, ChainTuned)
    return last


def test_the_trunk_and_the_window_together_reproduce_the_engine(
    sequences: Sequences, weights: Weights, scored: Scored
) -> None:
    import torch

    from tuning.architectures import Geometry
    from tuning.lessons import pack
    from tuning.llama_layer import Layer, rms_norm

    geometry = Geometry.of(weights)
    rng = np.random.default_rng(0)
    layers = [Layer(weights, index, geometry, rank=2, alpha=2.0, rng=rng) for index in (28, 29)]
    prefix = torch.from_numpy(sequences.prefix)
    own, packing, rows = pack(sequences, [0, 1])
    with torch.no_grad():
        for layer in layers:
            last = layer is layers[-1]
            prefix, own = layer.forward(prefix, own, packing, rows if last else None, adapted=True)
        hidden = rms_norm(own, torch.from_numpy(weights.tensor("output_norm.weight")), geometry.norm_epsilon)
        log_p = (hidden @ torch.from_numpy(weights.tensor(weights.head)).T).log_softmax(-1)
    # The engine rounds activations to 8 bits before each quantised product, in all 30 layers.
    ours, engines = own.numpy(), scored.features["l_out-29"]
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(engines, axis=1)
    assert ((ours * engines).sum(axis=1) / lengths).min() > 0.99
    targets = torch.from_numpy(np.concatenate(sequences.targets))
    difference = -log_p[torch.arange(len(targets)), targets].numpy() - scored.losses
    assert np.abs(difference).mean() < 0.25
    likely = zip(np.concatenate(sequences.top), scored.top, strict=True)
    assert np.mean([len(np.intersect1d(mine, theirs)) for mine, theirs in likely]) > 0.85 * 32


def test_tuning_lowers_the_loss_in_the_engine(
    sequences: Sequences,
    weights: Weights,
    scored: Scored,
    pairs: list[TokenisedPair],
    embedded: ModelHandle,
    tmp_path: Path,
) -> None:
    tuned = chain(sequences, weights, QUICK)
    assert tuned.history[-1].loss < 0.3 * tuned.history[0].loss
    write_adapter(tmp_path / "v1.gguf", tuned.tensors, architecture="llama", alpha=tuned.alpha, metadata={})
    assert losses_under(embedded, pairs, tmp_path / "v1.gguf").mean() < 0.5 * scored.losses.mean()


def test_tuning_repeats_itself_for_a_seed(sequences: Sequences, weights: Weights) -> None:
    config = dataclasses.replace(QUICK, layers=1, steps=4)
    first, again = chain(sequences, weights, config), chain(sequences, weights, config)
    assert first.history == again.history
    for name, (a, b) in first.tensors.items():
        assert np.array_equal(a, again.tensors[name][0])
        assert np.array_equal(b, again.tensors[name][1])


def test_general_prompts_start_without_divergence(sequences: Sequences, weights: Weights) -> None:
    mixed = dataclasses.replace(sequences, kinds=("fact", "general"))
    step = next(tune(mixed, weights, QUICK, seed=1, threads=1))
    assert isinstance(step, TuningStep)
    assert abs(step.spill) < 1e-4
    assert step.loss > 1.0


def test_the_shared_prefix_leaves_each_prompt_a_token_of_its_own() -> None:
    assert shared_prefix([(1, 2, 3), (1, 2, 4)]) == 2
    assert shared_prefix([(1, 2, 3), (1, 2)]) == 1
    assert shared_prefix([(1, 2), (3,)]) == 0
    assert shared_prefix([(1, 2, 3)]) == 2


def test_sequences_must_belong_together(sequences: Sequences) -> None:
    with pytest.raises(TuningError, match="one entry per sequence"):
        dataclasses.replace(sequences, kinds=("fact",))
    with pytest.raises(TuningError, match="nothing to learn"):
        dataclasses.replace(sequences, kinds=("general", "unknown"))


def test_the_engine_confirms_what_the_backprop_free_window_predicts(
    weights: Weights, scored: Scored, pairs: list[TokenisedPair], embedded: ModelHandle, tmp_path: Path
) -> None:
    features = AnswerFeatures(
        a=scored.features["ffn_swiglu-29"],
        h=scored.features["l_out-29"],
        targets=np.concatenate([pair.answer for pair in pairs]),
        top=scored.top,
        lengths=scored.lengths,
        kinds=("fact", "fact"),
        weights=np.ones(2, dtype=np.float32),
    )
    config = ZerothOrder(rank=12, steps=120, whiten=None, refresh_steps=40, learning_rate=0.05)
    *_, tuned = tune_without_backprop(features, weights, config, seed=1)
    assert isinstance(tuned, ZerothOrderTuned)
    write_adapter(tmp_path / "v1.gguf", tuned.tensors, architecture="llama", alpha=tuned.alpha, metadata={})
    measured = float(losses_under(embedded, pairs, tmp_path / "v1.gguf").mean())
    assert measured < 0.5 * float(scored.losses.mean())
    assert abs(measured - tuned.history[-1].loss) < 0.3
