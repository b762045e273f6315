from __future__ import annotations

import numpy as np
import pytest

from synthesis.diversity import (
    distances,
    distinct_bigrams,
    farthest_first,
    mean_pairwise_distance,
    rouge1,
)


def on_a_line(*places: float) -> np.ndarray:
    """Distances of points on a line."""
    points = np.array(places)
    return np.abs(points[:, None] - points[None, :])


def test_rouge1_counts_words_and_not_their_order() -> None:
    assert rouge1("where is my key", "is my key where") == 1.0
    assert rouge1("where is my key", "who feeds the fish") == 0.0


def test_distance_weighs_words_and_meaning_the_same() -> None:
    vectors = np.eye(2, dtype=np.float32)
    apart = distances(["my key", "my key"], vectors)
    assert apart == pytest.approx(np.array([[0.0, 0.5], [0.5, 0.0]]))


def test_the_farthest_comes_first_and_every_beginning_is_spread() -> None:
    # Known is the point at 0.
    assert farthest_first(on_a_line(0, 0.1, 0.5, 1.0), known=1, count=3) == [3, 2, 1]
    assert farthest_first(on_a_line(0, 0.1, 0.5, 1.0), known=1, count=2) == [3, 2]


def test_a_bonus_makes_up_for_so_much_distance() -> None:
    apart = on_a_line(0, 0.8, 1.0)
    assert farthest_first(apart, known=1, count=1, bonus=[0.1, 0.0]) == [2]
    assert farthest_first(apart, known=1, count=1, bonus=[0.3, 0.0]) == [1]


def test_with_nothing_known_the_first_text_is_taken_first() -> None:
    assert farthest_first(on_a_line(0, 0.5, 1.0), known=0, count=3)[0] == 0
    assert farthest_first(np.zeros((0, 0)), known=0, count=3) == []


def test_greedy_choice_keeps_at_least_half_of_the_best_smallest_distance() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    for _ in range(20):
        points = rng.random((8, 2))
        apart = np.linalg.norm(points[:, None] - points[None, :], axis=-1)
        chosen = farthest_first(apart, known=0, count=3)
        smallest = min(apart[i, j] for i in chosen for j in chosen if i != j)
        best = max(
            min(apart[i, j], apart[j, k], apart[i, k])
            for i in range(8) for j in range(i) for k in range(j)
        )  # fmt: skip
        assert smallest >= best / 2


def test_diversity_of_a_set() -> None:
    assert mean_pairwise_distance(["one two", "one two", "three four"]) == pytest.approx(2 / 3)
    assert mean_pairwise_distance(["alone"]) is None
    assert distinct_bigrams(["a b c", "a b d"]) == 3 / 4
    assert distinct_bigrams(["word"]) is None
