"""ChainFed: where the chain starts, how the window slides, what its losses see, how it is cut off."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tuning.families import VOCABULARY, write_random_llama
from tuning.activations import Activations
from tuning.architectures import Geometry
from tuning.chainfed import Chain, ChainFed, read_chain, tune_chain
from tuning.checkpoint import Checkpoint
from tuning.examples import Example, Kind, Sequences, TuningStep
from tuning.layer_chain import Tuned
from tuning.llama_layer import Layer
from tuning.similarity import linear_cka
from tuning.surrogates import fit_surrogate
from tuning.trunk import read_sequences
from tuning.weights import Weights

pytestmark = pytest.mark.timeout(60)

LAYERS = 6
CONFIG = ChainFed(
    layers=2,
    foat=False,
    surrogate_rank=4,
    passes=2,
    rounds=2,
    rank=2,
    facts_per_step=3,
    unknowns_per_step=2,
    generals_per_step=2,
    sampled_tokens=16,
    learning_rate=1e-2,
)


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in single precision, also where the processor would take half of it."""
    monkeypatch.setattr("tuning.llama_layer.product_dtype", lambda device="cpu": torch.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    path = tmp_path_factory.mktemp("model") / "random.gguf"
    write_random_llama(path, layers=LAYERS)
    return Weights(path)


def examples(count: int = 4) -> list[Example]:
    rng = np.random.default_rng(4)

    def tokens(number: int) -> tuple[int, ...]:
        return tuple(int(each) for each in rng.integers(3, VOCABULARY, number))

    kinds: tuple[Kind, ...] = ("fact", "fact", "unknown", "general")
    return [Example((1, 2, *tokens(3 + i)), tokens(3), kind) for i in range(count) for kind in kinds]


def read(weights: Weights, config: ChainFed, folder: Path) -> Chain:
    *_, chain = read_chain(examples(), weights, config, top=4, folder=folder, threads=1)
    assert isinstance(chain, Chain)
    return chain


def tuned(
    chain: Chain, weights: Weights, config: ChainFed, checkpoint: Checkpoint | None = None
) -> tuple[Tuned, list[TuningStep]]:
    *steps, last = tune_chain(chain, weights, config, seed=3, threads=1, checkpoint=checkpoint)
    assert isinstance(last, Tuned)
    return last, [step for step in steps if isinstance(step, TuningStep)]


def test_cka_is_blind_to_rotation_and_scale_and_low_for_strangers() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(400, 12))
    rotation, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    assert linear_cka(a, 3.0 * a) == pytest.approx(1.0)
    # Standardised channels are hardly scaled by a rotation of independent ones.
    assert linear_cka(a, a @ rotation) > 0.98
    assert linear_cka(a, rng.normal(size=(400, 12))) < 0.1


def test_cka_is_the_same_from_few_rows_or_many() -> None:
    rng = np.random.default_rng(0)
    few, wide = rng.normal(size=(20, 50)), rng.normal(size=(20, 30))
    narrow = wide[:, :5]

    def by_channels(a: np.ndarray, b: np.ndarray) -> float:
        a, b = (a - a.mean(0)) / a.std(0), (b - b.mean(0)) / b.std(0)
        return float(np.linalg.norm(b.T @ a) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)))

    assert linear_cka(few, wide) == pytest.approx(by_channels(few, wide))
    assert linear_cka(narrow, narrow**3) == pytest.approx(by_channels(narrow, narrow**3))


def test_one_outlying_channel_does_not_make_everything_alike() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(300, 8)), rng.normal(size=(300, 8))
    a[:, 0] = b[:, 0] = 1000.0 * rng.normal(size=300)
    assert linear_cka(a, b) < 0.3


def test_a_surrogate_stands_for_a_layer_that_is_linear() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=(500, 16)).astype(np.float32)
    unit = before / np.sqrt((before**2).mean(1, keepdims=True))
    low_rank = rng.normal(size=(16, 3)) @ rng.normal(size=(3, 16))
    after = (before + unit @ low_rank + 0.5).astype(np.float32)
    found = fit_surrogate(before, after, rank=3)(torch.from_numpy(before)).numpy()
    assert np.abs(found - after).mean() < 0.05 * np.abs(after - before).mean()


def test_windows_overlap_or_lie_side_by_side() -> None:
    assert ChainFed(layers=3).windows(1, 8) == [1, 2, 3, 4, 5]
    assert ChainFed(layers=3, dlct=False).windows(0, 8) == [0, 3, 5]
    assert ChainFed(layers=3).windows(7, 8) == [5]
    assert ChainFed(layers=9).windows(0, 8) == [0]


def from_the_second(weights: Weights, folder: Path) -> ChainFed:
    """A configuration whose threshold lets the chain start at layer 1."""
    similarity = read(weights, dataclasses.replace(CONFIG, foat=True, threshold=0.0), folder).similarity
    assert len(similarity) == LAYERS - CONFIG.layers
    assert 1.0 >= similarity[0] > similarity[1] > 0.0
    return dataclasses.replace(CONFIG, foat=True, threshold=(similarity[0] + similarity[1]) / 2)


def test_the_chain_starts_where_layers_stop_being_like_the_embedding(
    weights: Weights, tmp_path: Path
) -> None:
    config = from_the_second(weights, tmp_path)
    assert read(weights, config, tmp_path).first == 1


def test_reading_agrees_with_the_trunk_and_leaves_no_file(weights: Weights, tmp_path: Path) -> None:
    chain = read(weights, CONFIG, tmp_path)
    *_, expected = read_sequences(examples(), weights, window=LAYERS, top=4, threads=1)
    assert isinstance(expected, Sequences)
    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(chain.sequences.prefix, expected.prefix)
    for mine, theirs in zip(chain.sequences.inputs, expected.inputs, strict=True):
        assert np.array_equal(mine, theirs)
    for mine, theirs in zip(chain.sequences.top, expected.top, strict=True):
        assert set(mine.ravel()) == set(theirs.ravel())


def test_activations_follow_the_window_through_what_was_tuned(weights: Weights, tmp_path: Path) -> None:
    chain = read(weights, CONFIG, tmp_path)
    result, _ = tuned(chain, weights, CONFIG)
    again = Activations(examples(), weights, tmp_path)
    rng = np.random.default_rng(0)
    for index in range(LAYERS - CONFIG.layers):
        layer = Layer(weights, index, Geometry.of(weights), rank=2, alpha=CONFIG.alpha, rng=rng)
        layer.load(result.tensors)
        again.advance(layer, adapted=True)
    for mine, theirs in zip(chain.moving.inputs, again.inputs, strict=True):
        assert np.allclose(mine, theirs, atol=1e-5)
    assert len(result.tensors) == 7 * LAYERS


@pytest.mark.parametrize("part", ["foat", "dlct", "gpo"])
def test_each_part_can_be_switched_off(weights: Weights, tmp_path: Path, part: str) -> None:
    whole = from_the_second(weights, tmp_path)
    without = dataclasses.replace(whole, **{part: False})
    chains = [read(weights, config, tmp_path) for config in (whole, without)]
    results = [tuned(chains[0], weights, whole)[0], tuned(chains[1], weights, without)[0]]
    firsts, maps = [chain.first for chain in chains], [len(chain.surrogates) for chain in chains]
    steps = [len(result.history) for result in results]
    assert (firsts[1] < firsts[0]) == (part == "foat")
    assert (maps[1] == 0) == (part == "gpo")
    assert (steps[1] < steps[0]) == (part == "dlct")
    assert (steps[1] > steps[0]) == (part == "foat")
    assert results[0].history != results[1].history


def test_tuning_lowers_the_loss(weights: Weights, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, rounds=8)
    _, steps = tuned(read(weights, config, tmp_path), weights, config)
    passes = len(steps) // config.passes
    at_the_top = [steps[end - config.rounds : end] for end in (passes, 2 * passes)]
    assert steps[-1].loss < at_the_top[0][0].loss
    assert all(np.isfinite(step.loss) for step in steps)


def test_no_more_than_the_window_is_dequantised(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: weakref.WeakSet[Layer] = weakref.WeakSet()
    most = 0
    made = Layer.__init__

    def counted(self: Layer, *arguments: object, **named: object) -> None:
        nonlocal most
        made(self, *arguments, **named)
        alive.add(self)
        most = max(most, len(alive))

    monkeypatch.setattr(Layer, "__init__", counted)
    tuned(read(weights, CONFIG, tmp_path), weights, CONFIG)
    assert most == CONFIG.layers


@pytest.mark.parametrize("windows", [3, 5, 7])
def test_a_chain_that_was_cut_off_ends_the_same(weights: Weights, tmp_path: Path, windows: int) -> None:
    whole, _ = tuned(read(weights, CONFIG, tmp_path), weights, CONFIG)
    checkpoint = Checkpoint(tmp_path / "tuning.checkpoint", "job")
    job: Iterator[TuningStep | Tuned] = tune_chain(
        read(weights, CONFIG, tmp_path), weights, CONFIG, seed=3, threads=1, checkpoint=checkpoint
    )
    for _ in range(windows * CONFIG.rounds + 1):
        next(job)
    resumed, left = tuned(read(weights, CONFIG, tmp_path), weights, CONFIG, checkpoint)
    assert len(left) == len(whole.history) - windows * CONFIG.rounds
    assert resumed.history == whole.history
    assert resumed.forward_passes == whole.forward_passes
    for name, (a, b) in whole.tensors.items():
        assert np.array_equal(resumed.tensors[name][0], a)
        assert np.array_equal(resumed.tensors[name][1], b)
