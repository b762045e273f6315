"""Accepts or rejects wordings of one question, and says why.

A text passes the word checks (`checks.py`), must be new, and must lie within bounds of ROUGE-1 and cosine to
the question. Knows a question, an answer and an `embed` callable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from synthesis.checks import Bounds, find_fault, same_text
from synthesis.diversity import rouge1

Embed = Callable[[Sequence[str]], np.ndarray]
"""Texts -> float32 [n, dim], rows of length 1."""
DEFAULT_BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A wording that may stand for the question. `origin` is "model" or "rules"."""

    question: str
    origin: str
    rouge1: float
    similarity: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """A text of the model that must not be used, and why."""

    text: str
    reason: str


class Judge:
    """Remembers what it accepted and, of the model's texts, what it rejected.

    Attributes:
        known: the question and wordings that exist already, e.g. the owner's own.
        vectors: float32 [dim] of each accepted text.
    """

    def __init__(
        self,
        question: str,
        answer: str,
        embed: Embed,
        *,
        bounds: Bounds = DEFAULT_BOUNDS,
        given: Sequence[str] = (),
    ) -> None:
        self.question, self.answer, self.bounds, self._embed = question, answer, bounds, embed
        self.accepted: list[Accepted] = []
        self.rejected: list[Rejected] = []
        self.known = [question, *given]
        self.known_vectors = embed(self.known)
        self.vectors: dict[str, np.ndarray] = {}

    def consider(self, texts: Sequence[str], origin: str) -> None:
        """Look at texts of one origin, "model" or "rules"."""
        sound: list[str] = []
        for text in texts:
            fault = find_fault(self.question, self.answer, text, by_rule=origin == "rules") or self._seen(
                text, sound
            )
            if fault is None:
                sound.append(text)
            elif origin == "model":
                self.rejected.append(Rejected(text, fault))
        if not sound:
            return
        for text, vector in zip(sound, self._embed(sound), strict=True):
            overlap, cosine = rouge1(self.question, text), float(self.known_vectors[0] @ vector)
            fault = self._out_of_bounds(overlap, cosine, origin)
            if fault is None:
                self.accepted.append(Accepted(text, origin, overlap, cosine))
                self.vectors[text] = vector
            elif origin == "model":
                self.rejected.append(Rejected(text, fault))

    def _seen(self, text: str, others: Sequence[str]) -> str | None:
        before = [*self.known, *(wording.question for wording in self.accepted), *others]
        return "duplicate" if any(same_text(text, other) for other in before) else None

    def _out_of_bounds(self, overlap: float, cosine: float, origin: str) -> str | None:
        least = self.bounds.cosine_least if origin == "model" else self.bounds.cosine_least_rules
        if overlap < (self.bounds.rouge1_least if origin == "model" else 0.0):
            return "too few words in common"
        if overlap > self.bounds.rouge1_most and origin == "model":
            return "too close to the original"
        return "other meaning" if cosine < least else None
