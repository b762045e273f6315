"""Turns to select from: small hand-made vectors instead of a model's, so that each score can be set."""

from __future__ import annotations

import numpy as np

from selection.records import Candidate

DIM = 16


def unit(*values: float) -> np.ndarray:
    vector = np.zeros(DIM, dtype=np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def varied(distinct: int, tokens: int = 12) -> np.ndarray:
    """Token embeddings with as many different meanings as asked for: the more, the higher the entropy."""
    return np.eye(DIM, dtype=np.float32)[[position % distinct for position in range(tokens)]]


def turn(
    turn_id: int, text: str = "we talked", embedding: np.ndarray | None = None, distinct: int = 4
) -> Candidate:
    return Candidate(turn_id, text, unit(1.0) if embedding is None else embedding, varied(distinct))


def random_turns(count: int, seed: int = 5) -> list[Candidate]:
    """Turns of changing topic, length, variety and direction, the same for the same seed."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    words = np.array(
        ["dog", "cat", "bread", "train", "salary", "happy", "the", "and", "of", "one", "so", "it"]
    )
    turns = []
    for turn_id in range(1, count + 1):
        text = " ".join(rng.choice(words, size=int(rng.integers(3, 20))))
        turns.append(turn(turn_id, text, unit(*rng.standard_normal(DIM)), int(rng.integers(1, 12))))
    return turns
