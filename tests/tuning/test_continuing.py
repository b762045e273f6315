"""Tuning goes on from a former adapter: five rounds of eight facts, and the first ones are still known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.tuning.families import VOCABULARY, write_random_llama
from tuning.examples import Example, Sequences, TuningError, TuningStep
from tuning.layer_chain import LayerChain, Tuned, tune
from tuning.trunk import read_sequences
from tuning.weights import Weights
from tuning.window import Tensors

pytestmark = pytest.mark.timeout(60)

CONFIG = LayerChain(
    rank=8, steps=50, facts_per_step=12, unknowns_per_step=0, generals_per_step=0, learning_rate=1e-2
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    path = tmp_path_factory.mktemp("model") / "random.gguf"
    write_random_llama(path)
    return Weights(path)


def facts(count: int) -> list[Example]:
    rng = np.random.default_rng(4)

    def tokens(number: int) -> tuple[int, ...]:
        return tuple(int(each) for each in rng.integers(3, VOCABULARY, number))

    return [Example((1, 2, *tokens(4)), tokens(2), "fact") for _ in range(count)]


def tuned(
    examples: list[Example], weights: Weights, config: LayerChain, start: Tensors | None = None
) -> tuple[Tuned, float]:
    """The result, and the loss of the first step."""
    *_, read = read_sequences(examples, weights, window=config.layers, top=4, threads=1)
    assert isinstance(read, Sequences)
    first, *_, last = tune(read, weights, config, seed=1, threads=1, start=start)
    assert isinstance(last, Tuned) and isinstance(first, TuningStep)
    return last, first.loss


def loss_of(examples: list[Example], weights: Weights, start: Tensors | None) -> float:
    """Mean loss on these examples, all in one step."""
    config = replace(CONFIG, steps=1, facts_per_step=len(examples))
    return tuned(examples, weights, config, start)[1]


def test_after_five_rounds_the_first_facts_are_still_known(weights: Weights) -> None:
    known, start = facts(40), None
    for count in (8, 16, 24, 32, 40):
        start = tuned(known[:count], weights, CONFIG, start)[0].tensors
    assert loss_of(known[:8], weights, start) < 0.2 * loss_of(known[:8], weights, None)
    assert loss_of(known, weights, start) < 0.2 * loss_of(known, weights, None)


def test_going_on_begins_where_the_former_adapter_was(weights: Weights) -> None:
    known = facts(8)
    former, first = tuned(known, weights, CONFIG)
    assert loss_of(known, weights, former.tensors) < 0.5 * first


def test_an_adapter_of_another_shape_is_refused(weights: Weights) -> None:
    former, _ = tuned(facts(8), weights, replace(CONFIG, steps=1))
    with pytest.raises(TuningError, match="does not fit"):
        tuned(facts(8), weights, replace(CONFIG, rank=4), former.tensors)
    with pytest.raises(TuningError, match="does not fit"):
        tuned(facts(8), weights, replace(CONFIG, layers=3), former.tensors)
