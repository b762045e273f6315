"""Backprop-free tuning learns, repeats itself to the bit, and needs neither torch nor gradients."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuning.answer_features import AnswerFeatures
from tuning.estimator import DifferenceName
from tuning.examples import TuningError, TuningStep
from tuning.subspace import Subspace
from tuning.weights import Weights
from tuning.zeroth_order import Tuned, ZerothOrder, tune

ROOT = Path(__file__).parents[2]
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
    name = "blk.1.ffn_down.weight"
    for one, two in zip(first.tensors[name], again.tensors[name], strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(first.tensors[name][1], other.tensors[name][1])


@pytest.mark.parametrize("estimator", ["standardised", "fzoo", "mezo"])
@pytest.mark.parametrize("more", [{}, {"candidates": 4, "wanted_cosine": 0.9}, {"by_spread": False}], ids=str)
def test_every_way_to_estimate_learns_and_replays(
    tiny: Weights, make_features: Make, estimator: DifferenceName, more: dict[str, Any]
) -> None:
    features = make_features(0)
    tuned = finish(features, tiny, dataclasses.replace(QUICK, steps=120, estimator=estimator, **more))
    a, b = tuned.tensors["blk.1.ffn_down.weight"]
    assert true_loss(features, tiny, b @ a) < 0.7 * true_loss(features, tiny, np.zeros_like(b @ a))
    (window,) = tuned.windows
    for one, two in zip(window.adapter()["blk.1.ffn_down.weight"], (a, b), strict=True):
        assert one.tobytes() == two.tobytes()


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


def test_the_method_never_loads_torch(tiny_path: Path, make_features: Make) -> None:
    """A whole run in a process of its own: without torch there is no autograd to enter."""
    code = (
        "import sys, pickle, pathlib\n"
        "from tuning.weights import Weights\n"
        "from tuning.zeroth_order import ZerothOrder, tune\n"
        "from tuning.run_log import RunLog, read_run_log, write_run_log\n"
        "features, model, folder = pickle.load(sys.stdin.buffer)\n"
        "config = ZerothOrder(rank=8, steps=5, candidates=2, wanted_cosine=0.5, by_spread=True)\n"
        "*_, tuned = tune(features, Weights(model), config, seed=0)\n"
        "path = folder / 'log.run'\n"
        "write_run_log(path, RunLog(tuned.windows, 'llama', tuned.alpha, {}))\n"
        "read_run_log(path).write_adapter(folder / 'adapter.gguf')\n"
        "sys.exit('torch' in sys.modules)"
    )
    with tempfile.TemporaryDirectory() as folder:
        given = pickle.dumps((make_features(0), tiny_path, Path(folder)))
        assert (
            subprocess.run([sys.executable, "-c", code], cwd=ROOT, input=given, check=False).returncode == 0
        )
