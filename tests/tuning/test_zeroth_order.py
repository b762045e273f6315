"""Backprop-free tuning learns, repeats itself to the bit, and needs neither torch nor gradients."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tuning.adapter_file import write_adapter
from tuning.answer_features import AnswerFeatures
from tuning.core import rebuild
from tuning.examples import TuningError, TuningStep
from tuning.head import Head
from tuning.subspace import Subspace, directions
from tuning.weights import Weights
from tuning.zeroth_order import Tuned, ZerothOrder, standardised, tune

Make = Callable[[int], AnswerFeatures]
QUICK = ZerothOrder(
    rank=8, directions=16, steps=300, learning_rate=0.05, refresh_steps=100, report_steps=50, spill_weight=1.0
)


def finish(features: AnswerFeatures, weights: Weights, config: ZerothOrder = QUICK, seed: int = 0) -> Tuned:
    *_, last = tune(features, weights, config, seed=seed)
    assert isinstance(last, Tuned)
    return last


def true_loss(features: AnswerFeatures, weights: Weights, change: np.ndarray) -> float:
    """Cross-entropy of what is taught over the whole vocabulary, in float64."""
    taught = np.concatenate([features.positions("fact"), features.positions("unknown")])
    hidden = (features.h + features.a @ change.T)[taught].astype(np.float64)
    normal = hidden / np.sqrt((hidden**2).mean(axis=1, keepdims=True) + 1e-5)
    normal *= weights.tensor("output_norm.weight")
    logits = normal @ weights.tensor("output.weight").T
    right = logits[np.arange(len(taught)), features.targets[taught]]
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - right))


def test_tuning_lowers_the_loss_over_the_whole_vocabulary(tiny: Weights, make_features: Make) -> None:
    features = make_features(0)
    tuned = finish(features, tiny)
    a, b = tuned.tensors["blk.1.ffn_down.weight"]
    before = true_loss(features, tiny, np.zeros((24, 48), dtype=np.float32))
    after = true_loss(features, tiny, b @ a)
    assert after < 0.5 * before
    assert tuned.alpha == len(a)


@pytest.mark.parametrize("subspace", ["regression", "principal"])
@pytest.mark.parametrize("whiten", [None, 0.1])
def test_every_subspace_can_be_tuned_in(
    tiny: Weights, make_features: Make, subspace: Subspace, whiten: float | None
) -> None:
    features = make_features(3)
    config = dataclasses.replace(QUICK, rank=16, subspace=subspace, whiten=whiten)
    a, b = finish(features, tiny, config).tensors["blk.1.ffn_down.weight"]
    assert true_loss(features, tiny, b @ a) < 0.5 * true_loss(features, tiny, np.zeros_like(b @ a))


def test_tuning_predicts_its_own_loss(tiny: Weights, make_features: Make) -> None:
    features = make_features(0)
    tuned = finish(features, tiny, dataclasses.replace(QUICK, refresh_steps=25))
    a, b = tuned.tensors["blk.1.ffn_down.weight"]
    assert abs(true_loss(features, tiny, b @ a) - tuned.history[-1].loss) < 0.3


def test_tuning_reports_its_steps_so_that_a_caller_can_stop(tiny: Weights, make_features: Make) -> None:
    job = tune(make_features(0), tiny, QUICK, seed=0)
    first = next(job)
    assert isinstance(first, TuningStep)
    assert (first.step, first.steps) == (50, 300)
    job.close()


def test_tuning_repeats_itself_for_a_seed_and_not_for_another(tiny: Weights, make_features: Make) -> None:
    config = dataclasses.replace(QUICK, steps=40)
    first, again, other = (finish(make_features(1), tiny, config, seed) for seed in (7, 7, 8))
    assert np.array_equal(first.log.scalars, again.log.scalars)
    for one, two in zip(first.tensors.values(), again.tensors.values(), strict=True):
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1])
    assert not np.array_equal(first.log.scalars, other.log.scalars)


def test_the_log_rebuilds_the_same_adapter_bytes(tiny: Weights, make_features: Make, tmp_path: Path) -> None:
    features = make_features(2)
    tuned = finish(features, tiny)
    u, v = directions(features, Head(tiny), rank=8, whiten=QUICK.whiten, subspace=QUICK.subspace)
    core = rebuild(tuned.log, u, v)
    again = {"blk.1.ffn_down.weight": (np.ascontiguousarray(v.T), u @ core)}
    paths = [tmp_path / "one.gguf", tmp_path / "two.gguf"]
    for path, tensors in zip(paths, (tuned.tensors, again), strict=True):
        write_adapter(path, tensors, architecture="llama", alpha=tuned.alpha, metadata={})
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_log_with_more_rows_than_steps_is_refused(tiny: Weights, make_features: Make) -> None:
    log = finish(make_features(0), tiny, dataclasses.replace(QUICK, steps=3)).log
    with pytest.raises(TuningError, match="one row"):
        rebuild(dataclasses.replace(log, steps=2), np.zeros((24, 8)), np.zeros((48, 8)))


def test_general_prompts_hold_the_model_back(tiny: Weights, make_features: Make) -> None:
    features = make_features(0)
    plain = dataclasses.replace(QUICK, whiten=None)
    free = finish(features, tiny, dataclasses.replace(plain, spill_weight=0.0))
    held = finish(features, tiny, dataclasses.replace(plain, spill_weight=3.0))
    assert held.history[-1].spill < 0.5 * free.history[-1].spill


def test_features_of_another_model_are_refused(tiny: Weights, make_features: Make) -> None:
    features = make_features(0)
    narrow = dataclasses.replace(features, a=features.a[:, :-1])
    with pytest.raises(TuningError, match="not taken from this model"):
        next(tune(narrow, tiny, QUICK, seed=0))


def test_features_without_a_fact_are_refused(make_features: Make) -> None:
    with pytest.raises(TuningError, match="nothing to learn"):
        dataclasses.replace(make_features(0), kinds=("general",) * 8)


def test_standardised_losses_have_a_fixed_length() -> None:
    scores = standardised(np.array([1.0, 2.0, 4.0, 9.0], dtype=np.float32))
    assert abs(float(scores.sum())) < 1e-5
    assert abs(float(np.linalg.norm(scores)) - np.sqrt(3.0)) < 1e-5


def test_equal_losses_say_nothing() -> None:
    assert not standardised(np.full(8, 2.5, dtype=np.float32)).any()


def test_the_method_does_not_import_torch() -> None:
    code = "import sys, tuning.zeroth_order, tuning.adapter_file; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
