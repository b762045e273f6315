"""The reduced window gives the logits of the real norm and head, at a fraction of the width."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tuning.answer_features import AnswerFeatures
from tuning.head import Head
from tuning.reduced_window import NONE, DownWindow
from tuning.subspace import input_directions, output_directions
from tuning.weights import Weights

Make = Callable[[int], AnswerFeatures]


def directly(tiny: Weights, hidden: np.ndarray) -> np.ndarray:
    """Logits of the whole vocabulary through norm and head, in float64."""
    hidden = hidden.astype(np.float64)
    normal = hidden / np.sqrt((hidden**2).mean(axis=1, keepdims=True) + 1e-5)
    normal *= tiny.tensor("output_norm.weight")
    return normal @ tiny.tensor("output.weight").T.astype(np.float64)


def log_sum_exp(logits: np.ndarray) -> np.ndarray:
    return np.log(np.exp(logits).sum(axis=1))


def build(
    tiny: Weights, features: AnswerFeatures, rank: int = 6
) -> tuple[DownWindow, np.ndarray, np.ndarray]:
    head = Head(tiny)
    u, v = output_directions(features, head, rank), input_directions(features, rank, 0.1)
    return DownWindow(features, head, u, v), u, v


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reduced_logits_equal_the_real_ones(tiny: Weights, make_features: Make, seed: int) -> None:
    features = make_features(seed)
    window, u, v = build(tiny, features)
    core = np.random.default_rng(seed).normal(size=(6, 6)).astype(np.float32)
    moved = features.a @ v @ core.T
    logits = window.logits(np.arange(24), moved[:, :, None])[:, :-1, 0]
    real = directly(tiny, features.h + moved @ u.T)
    listed = window.tokens != NONE
    expected = np.take_along_axis(real, np.maximum(window.tokens, 0), axis=1)
    assert np.abs(logits - expected)[listed].max() < 1e-4
    assert (logits[~listed] < -1e6).all()


def test_the_target_is_the_first_candidate_and_no_candidate_comes_twice(
    tiny: Weights, make_features: Make
) -> None:
    features = make_features(0)
    window, _, _ = build(tiny, features)
    assert np.array_equal(window.tokens[:, 0], features.targets)
    for row in window.tokens:
        listed = row[row != NONE]
        assert len(np.unique(listed)) == len(listed)


@pytest.mark.parametrize("added", [0, 5])
def test_a_refresh_makes_the_total_probability_exact(tiny: Weights, make_features: Make, added: int) -> None:
    features = make_features(1)
    window, u, v = build(tiny, features)
    before = window.tokens.shape[1]
    core = np.random.default_rng(4).normal(size=(6, 6)).astype(np.float32)
    window.refresh(core, added)
    moved = features.a @ v @ core.T
    total = log_sum_exp(window.logits(np.arange(24), moved[:, :, None])[..., 0])
    assert np.abs(total - log_sum_exp(directly(tiny, features.h + moved @ u.T))).max() < 1e-3
    assert window.tokens.shape[1] == before + added


def test_added_candidates_are_the_likeliest_unseen_tokens(tiny: Weights, make_features: Make) -> None:
    features = make_features(2)
    window, u, v = build(tiny, features)
    seen = window.tokens
    core = np.random.default_rng(5).normal(size=(6, 6)).astype(np.float32)
    window.refresh(core, 3)
    real = directly(tiny, features.h + features.a @ v @ core.T @ u.T)
    for row in range(24):
        real[row, seen[row][seen[row] != NONE]] = -np.inf
        assert set(window.tokens[row, -3:]) == set(np.argsort(real[row])[-3:])


def test_base_probabilities_are_those_of_the_untouched_model_after_a_refresh(
    tiny: Weights, make_features: Make
) -> None:
    features = make_features(3)
    window, _, _ = build(tiny, features)
    window.refresh(np.full((6, 6), 0.3, dtype=np.float32), 4)
    real = directly(tiny, features.h)
    expected = np.exp(real - log_sum_exp(real)[:, None])
    base = window.base(np.arange(24))
    listed = window.tokens != NONE
    expected = np.take_along_axis(expected, np.maximum(window.tokens, 0), axis=1)
    assert np.abs(base[:, :-1] - expected)[listed].max() < 1e-5
    assert np.abs(base.sum(axis=1) - 1.0).max() < 1e-5


def test_whitened_keys_hardly_react_to_general_prompts(make_features: Make) -> None:
    features = make_features(0)
    general = features.a[features.positions("general")]

    def energy(whiten: float | None) -> float:
        return float(np.mean((general @ input_directions(features, 4, whiten)) ** 2))

    assert energy(0.001) < 0.2 * energy(None)


def test_output_directions_need_be_neither_orthogonal_nor_of_one_length(
    tiny: Weights, make_features: Make
) -> None:
    features = make_features(0)
    head = Head(tiny)
    u = np.random.default_rng(1).normal(size=(24, 5)).astype(np.float32)
    window = DownWindow(features, head, u, input_directions(features, 4, None))
    moved = np.random.default_rng(2).normal(size=(24, 5)).astype(np.float32)
    logits = window.logits(np.arange(24), moved[:, :, None])[:, 0, 0]
    real = directly(tiny, features.h + moved @ u.T)
    assert np.allclose(logits, real[np.arange(24), features.targets], atol=1e-4)
