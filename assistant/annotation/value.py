"""What a judgement of a reply would be worth: how novel it is times how uncertain the model was. Pure.

novelty      1 - the highest cosine to any exchange that is judged already, in [0, 1]; 1 when none is. Taking
             the farthest first is the greedy k-center rule (Sener and Savarese, ICLR 2018, algorithm 1).
uncertainty  the model's mean loss on its own reply, in nats per token, over the mean of all candidates: 1 is
             usual (length-normalised likelihood; Malinin and Gales, ICLR 2021). A reply whose loss is not
             known counts as usual.
value        their product, as Settles and Craven (EMNLP 2008) weigh uncertainty by a term for the input.

The best is taken, counted as judged, and the rest valued anew, so that a batch does not ask one thing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

# Closer than this to a judged exchange it is the same one in other words; its answer would teach nothing.
LEAST_NOVELTY = 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reply that may be asked about: `embedding` float32 [dim], L2-normalised; `loss` in nats per token."""

    turn_id: int
    embedding: np.ndarray = field(compare=False, repr=False)
    loss: float | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """What asking about a reply is worth, and why."""

    turn_id: int
    novelty: float
    uncertainty: float
    value: float


def rank(
    candidates: Sequence[Candidate], judged: Sequence[np.ndarray], limit: int | None = None
) -> list[Ranked]:
    """The candidates most worth asking about, best first; a tie goes to the newest turn.

    Candidates with a novelty below `LEAST_NOVELTY` are left out. Embeddings in `judged` are float32 [dim],
    L2-normalised, all of the same embedder as the candidates'.
    """
    waiting = sorted(candidates, key=lambda candidate: -candidate.turn_id)
    if not waiting:
        return []
    vectors = np.array([candidate.embedding for candidate in waiting], dtype=np.float32)
    uncertainty = _uncertainty([candidate.loss for candidate in waiting])
    closest = np.full(len(waiting), -np.inf, dtype=np.float32)
    for vector in judged:
        closest = np.maximum(closest, vectors @ vector)
    ranked: list[Ranked] = []
    taken = np.zeros(len(waiting), dtype=bool)
    while limit is None or len(ranked) < limit:
        novelty = np.clip(1.0 - closest, 0.0, 1.0)
        value = np.where(taken | (novelty < LEAST_NOVELTY), -1.0, novelty * uncertainty)
        best = int(np.argmax(value))
        if value[best] < 0:
            break
        ranked.append(
            Ranked(waiting[best].turn_id, float(novelty[best]), float(uncertainty[best]), float(value[best]))
        )
        taken[best] = True
        closest = np.maximum(closest, vectors @ vectors[best])
    return ranked


def _uncertainty(losses: Sequence[float | None]) -> np.ndarray:
    """Losses as multiples of their mean, float64 [n]; 1 where unknown or where nothing is uncertain."""
    known = [loss for loss in losses if loss is not None]
    mean = sum(known) / len(known) if known else 0.0
    if mean <= 0.0:
        return np.ones(len(losses))
    return np.array([1.0 if loss is None else loss / mean for loss in losses])
