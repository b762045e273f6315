"""What a run will take is told from counts and shapes alone."""

from __future__ import annotations

import dataclasses

import pytest

from tests.tuning.families import FEED_FORWARD, HEAD_WIDTH, HEADS, KV_HEADS, WIDTH, write_random_llama
from tuning.examples import Example
from tuning.needs import Plan, needs_of
from tuning.weights import Weights

PLAN = Plan(window=2, adapted=2, rank=4, per_step=6, sampled_tokens=8, exact=4, mapped=False)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    path = tmp_path_factory.mktemp("model") / "random.gguf"
    write_random_llama(path)
    return Weights(path)


def rows(count: int, length: int = 8) -> list[Example]:
    return [Example((1, 2, *range(3, 3 + length)), (9, 8, 7), "fact") for _ in range(count)]


def test_memory_grows_with_rows_layers_and_length(weights: Weights) -> None:
    few, many, more = (needs_of(rows(count), weights, PLAN).memory for count in (50, 500, 1000))
    # 500 more rows of 3 own tokens each (of 12 read, 9 are shared by all), once read and once passed on.
    assert more - many == 2 * 500 * 3 * WIDTH * 4
    deeper = dataclasses.replace(PLAN, window=4, adapted=4)
    assert needs_of(rows(50), weights, deeper).memory > few
    unlike = [Example((i, *each.prompt), each.answer, "fact") for i, each in enumerate(rows(50))]
    assert needs_of(unlike, weights, PLAN).memory > few


def test_the_window_counts_as_it_is_dequantised(weights: Weights) -> None:
    whole, half = (needs_of(rows(2), weights, PLAN, product_bytes=size).memory for size in (4, 2))
    inner, keys = HEADS * HEAD_WIDTH, KV_HEADS * HEAD_WIDTH
    layer = WIDTH * (2 * inner + 2 * keys + 3 * FEED_FORWARD)
    assert whole - half == 2 * layer * 2


def test_a_chain_keeps_its_activations_on_disk(weights: Weights) -> None:
    mapped = dataclasses.replace(PLAN, mapped=True)
    few, many = needs_of(rows(50), weights, mapped), needs_of(rows(500), weights, mapped)
    assert few.memory == pytest.approx(many.memory, rel=0.6)
    assert many.disk - few.disk == 2 * 450 * 3 * WIDTH * 4
