from __future__ import annotations

import numpy as np
import pytest

from selection.scores import (
    domain_specific_score,
    dominant_domain,
    entropy_of_embedding,
    in_domain_dissimilarity,
)
from tests.selection.turns import DIM, unit, varied


def test_entropy_is_one_when_every_token_means_something_else():
    assert entropy_of_embedding(np.eye(8)) == pytest.approx(1.0)


def test_entropy_is_zero_when_one_token_is_repeated():
    assert entropy_of_embedding(np.ones((8, 4))) == pytest.approx(0.0, abs=1e-6)


def test_entropy_counts_meanings_and_not_the_length_of_vectors():
    scale = np.linspace(1, 100, 12)[:, None]
    assert entropy_of_embedding(varied(4) * scale) == pytest.approx(entropy_of_embedding(varied(4)))
    assert (
        entropy_of_embedding(varied(2)) < entropy_of_embedding(varied(4)) < entropy_of_embedding(varied(12))
    )


def test_entropy_is_the_same_from_either_side_of_the_gram_matrix():
    wide = np.random.Generator(np.random.Philox(key=1)).standard_normal((20, 20))
    padded = np.hstack([wide[:, :10], np.zeros((20, 30))])
    assert entropy_of_embedding(wide[:, :10]) == pytest.approx(entropy_of_embedding(padded))


@pytest.mark.parametrize("tokens", [np.zeros((0, 4)), np.ones((1, 4)), np.zeros((5, 4))])
def test_entropy_of_fewer_than_two_tokens_is_zero(tokens):
    assert entropy_of_embedding(tokens) == 0.0


def test_entropy_refuses_a_single_vector():
    with pytest.raises(ValueError, match="two axes"):
        entropy_of_embedding(np.ones(4))


def test_domain_score_does_not_fall_when_a_text_is_said_twice():
    once = domain_specific_score({"pets": 2, "food": 0}, 8)
    twice = domain_specific_score({"pets": 4, "food": 0}, 16)
    assert once == twice == pytest.approx(2 / 8 / 2)


def test_domain_score_of_an_empty_text_or_without_lists_is_zero():
    assert domain_specific_score({"pets": 0}, 0) == 0.0
    assert domain_specific_score({}, 5) == 0.0


def test_dominant_domain_is_the_one_with_most_hits_and_other_without_any():
    assert dominant_domain({"food": 1, "pets": 3}) == "pets"
    assert dominant_domain({"food": 2, "pets": 2}) == "food"
    assert dominant_domain({"food": 0, "pets": 0}) == "other"
    assert dominant_domain({}) == "other"


def test_dissimilarity_is_highest_for_the_first_turn_of_a_domain():
    assert in_domain_dissimilarity(unit(1.0), np.zeros(DIM), 0) == 1.0
    assert in_domain_dissimilarity(unit(1.0), unit(-1.0), 1) == 1.0


def test_dissimilarity_is_the_mean_distance_to_the_domain():
    assert in_domain_dissimilarity(unit(1.0), unit(1.0) + unit(0.0, 1.0), 2) == pytest.approx(0.5)
    assert in_domain_dissimilarity(unit(1.0), unit(1.0), 1) == pytest.approx(0.0, abs=1e-6)
    assert in_domain_dissimilarity(unit(1.0), 3 * unit(1.0, 1.0), 3) == pytest.approx(1 - 2**-0.5)


def test_dissimilarity_of_several_texts_at_once():
    texts = np.array([unit(1.0), unit(0.0, 1.0)])
    assert in_domain_dissimilarity(texts, texts[::-1], 1).tolist() == pytest.approx([1.0, 1.0])
