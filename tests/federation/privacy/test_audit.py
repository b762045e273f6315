"""The audit finds what is there to be found, and noise hides it as far as promised."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from federation.privacy.accountant import noise_multiplier
from federation.privacy.audit import auc, auc_error, auc_limit, matched_loss
from federation.refusal import FederationError
from federation.scores import z_scores

ROUNDS, COUNT = 10, 64


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def texts(count: int, source: np.random.Generator) -> np.ndarray:
    losses = source.normal(size=(count * ROUNDS, COUNT))
    return np.array([z_scores(each) for each in losses]).reshape(count, ROUNDS, COUNT)


@given(st.lists(st.integers(0, 9), min_size=1), st.lists(st.integers(0, 9), min_size=1))
def test_auc_is_the_share_of_pairs_in_order(present: list[int], absent: list[int]) -> None:
    u = mannwhitneyu(present, absent).statistic
    assert auc(np.array(present), np.array(absent)) == pytest.approx(u / (len(present) * len(absent)))


def test_without_noise_a_device_with_one_text_is_found_out() -> None:
    candidates = texts(200, rng())
    scores = matched_loss(candidates[3], candidates)
    assert int(np.argmax(scores)) == 3
    assert scores[3] == pytest.approx(ROUNDS * (COUNT - 1))


def test_the_best_attack_stays_within_the_limit_and_comes_close() -> None:
    source = rng(1)
    multiplier = noise_multiplier(8.0, 1e-5, ROUNDS)
    present, absent = [], []
    for text in texts(400, source):
        noise = multiplier * math.sqrt(COUNT - 1) * source.normal(size=(ROUNDS, COUNT))
        other = multiplier * math.sqrt(COUNT - 1) * source.normal(size=(ROUNDS, COUNT))
        present.append(matched_loss(text + noise, text[None])[0])
        absent.append(matched_loss(other, text[None])[0])
    found = auc(np.array(present), np.array(absent))
    limit = auc_limit(multiplier, ROUNDS)
    assert found == pytest.approx(limit, abs=3 * auc_error(limit, 400, 400))


def test_more_noise_and_fewer_rounds_lower_the_limit() -> None:
    assert auc_limit(0.0, 10) == 1.0
    limits = [auc_limit(multiplier, 10) for multiplier in (0.5, 2.0, 10.0)]
    assert limits == sorted(limits, reverse=True)
    assert auc_limit(2.0, 1) < auc_limit(2.0, 100)


def test_the_error_of_an_auc_shrinks_with_the_scores() -> None:
    assert auc_error(0.5, 100, 100) == pytest.approx(math.sqrt(201 / 12) / 100, rel=0.01)
    assert auc_error(0.7, 1000, 1000) < auc_error(0.7, 100, 100)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(FederationError):
        matched_loss(np.zeros((2, 8)), np.zeros((5, 2, 9)))
    with pytest.raises(FederationError):
        auc(np.array([]), np.array([1.0]))
