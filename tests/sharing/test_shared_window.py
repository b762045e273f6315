"""The shared adapter on this machine: true losses for the protocol, and the same file from the same core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from assistant.shared_window import PairLosses, ProjectedGradient, write_shared_adapter
from federation.schedule import ExampleSchedule, redundancy
from federation.subspace import PublicSubspace
from federation.task import Optimiser, Subspace, Window
from tests.federation.conftest import DEADLINE, NOW, Federation
from tests.tuning.test_zeroth_order import true_loss
from tuning.adapter_file import read_adapter
from tuning.answer_features import AnswerFeatures
from tuning.weights import Weights

Make = Callable[[int], AnswerFeatures]
NAME = "blk.1.ffn_down.weight"
WINDOW = Window((NAME,), 6, Subspace("seed", "3", key_scale=0.2))
SHARED = PublicSubspace.from_seed(WINDOW, [(24, 48)])


def changed(core: np.ndarray) -> np.ndarray:
    ((a, b),) = SHARED.factors(core)
    return b @ a


def test_losses_are_those_of_the_whole_vocabulary(tiny: Weights, make_features: Make) -> None:
    features = make_features(0)
    taught = np.concatenate([features.positions("fact"), features.positions("unknown")])
    losses = PairLosses(features, tiny, SHARED)
    rng = np.random.Generator(np.random.Philox(0))
    core = (0.05 * rng.normal(size=36)).astype(np.float32)
    for change in (np.zeros(36), 0.05 * rng.normal(size=36)):
        each = losses.by_position(core, change[None].astype(np.float32), taught)
        assert abs(each.mean() - true_loss(features, tiny, changed(core + change))) < 0.05


def test_devices_with_pairs_improve_a_shared_adapter(
    tiny: Weights, make_features: Make, federate: Callable[..., Federation], tmp_path: Path
) -> None:
    task = {"window": WINDOW, "rounds": 60, "optimiser": Optimiser(learning_rate=0.1), "directions": 32}
    pairs = [make_features(seed) for seed in range(3)]
    federation = federate(measures=[PairLosses(each, tiny, SHARED) for each in pairs], **task)
    for _ in range(60):
        federation.round()
    core = federation.coordinator.log.state().value
    before = np.mean([true_loss(each, tiny, np.zeros((24, 48))) for each in pairs])
    after = np.mean([true_loss(each, tiny, changed(core)) for each in pairs])
    assert after < before - 0.3

    paths = [tmp_path / "one.gguf", tmp_path / "two.gguf"]
    for path in paths:
        write_shared_adapter(
            path,
            federation.signed.task,
            SHARED,
            federation.coordinator.log.state().value,
            architecture=tiny.architecture,
            head=federation.coordinator.log.head,
        )
    assert paths[0].read_bytes() == paths[1].read_bytes()
    tensors, alpha, own = read_adapter(paths[0])
    a, b = tensors[NAME]
    assert np.array_equal(b @ a, changed(core))
    assert (alpha, own["federation.task"]) == (6.0, federation.signed.task.digest.hex())


def test_a_device_looks_at_the_examples_its_schedule_draws(tiny: Weights, make_features: Make) -> None:
    features = make_features(1)
    every = PairLosses(features, tiny, SHARED)
    schedule = ExampleSchedule(redundancy(every.keys), np.random.Generator(np.random.Philox(2)))
    seen = []

    def observe(examples: np.ndarray, losses: np.ndarray) -> None:
        seen.append((examples, losses))
        schedule.observe(examples, losses)

    losses = PairLosses(features, tiny, SHARED, examples=lambda round_: schedule.draw(3), observe=observe)
    changes = np.random.Generator(np.random.Philox(3)).normal(size=(5, 36)).astype(np.float32)
    mean = losses(np.zeros(36, np.float32), changes, 0)
    ((examples, each),) = seen
    assert each.shape == (3, 5)
    assert np.allclose(mean, each.mean(axis=0), rtol=1e-5)
    positions = np.flatnonzero(np.isin(np.repeat(np.arange(8), 3), examples))
    assert np.allclose(mean, every.by_position(np.zeros(36, np.float32), changes, positions).mean(axis=0))


def test_preview_shows_the_scores_without_answering(
    tiny: Weights, make_features: Make, federate: Callable[..., Federation]
) -> None:
    federation = federate(measures=[PairLosses(make_features(2), tiny, SHARED)], window=WINDOW)
    device = federation.devices[0]
    request = federation.coordinator.open_round(DEADLINE).to_bytes()
    asked = device.check(request, now=NOW)
    assert np.isclose(np.linalg.norm(device.scores(asked.round)), np.sqrt(15))
    assert device.answer(request, now=NOW)


def test_the_gradient_is_that_of_the_losses(tiny: Weights, make_features: Make) -> None:
    losses = PairLosses(make_features(3), tiny, SHARED)
    rng = np.random.Generator(np.random.Philox(4))
    core = (0.1 * rng.normal(size=36)).astype(np.float32)
    steps = np.concatenate([1e-2 * np.eye(36), -1e-2 * np.eye(36)]).astype(np.float32)
    each = losses(core, steps, 0)
    assert np.allclose(losses.gradient(core), (each[:36] - each[36:]) / 2e-2, atol=2e-3)


def test_a_strong_device_says_nearly_what_its_losses_say(tiny: Weights, make_features: Make) -> None:
    losses = PairLosses(make_features(3), tiny, SHARED)
    core = np.zeros(36, dtype=np.float32)
    changes = 1e-3 * np.random.Generator(np.random.Philox(5)).choice([-1.0, 1.0], size=(32, 36))
    one, two = losses(core, changes, 0), ProjectedGradient(losses)(core, changes, 0)
    assert np.corrcoef(one, two)[0, 1] > 0.99
