"""Other wordings of a question, each good enough to carry the same answer.

The model is asked first and every text it gives is checked; what it cannot deliver within the budget is
filled up by
rule. Knows a question, an answer, a `generate` and an `embed` callable; nothing of where they come from.
The idea of rewording the question and copying the answer, with a ROUGE-1 check, is Qin et al., DAC 2024
(arXiv 2311.12275); the upper bound, the similarity check and the word checks are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from synthesis.checks import Bounds, find_fault, same_text
from synthesis.grammar import one_question
from synthesis.persons import as_the_owner
from synthesis.prompts import Message, few_shot
from synthesis.rules import reword

Generate = Callable[[list[Message], str | None, float, int, int], str]
"""(messages, GBNF grammar or None, temperature, seed, most tokens) -> text."""
Embed = Callable[[Sequence[str]], np.ndarray]
"""Texts -> float32 [n, dim], rows of length 1."""

TEMPERATURES = (0.5, 0.8, 1.0, 0.3)
MOST_TOKENS = 40
DEFAULT_BOUNDS = Bounds()
SAME_EXAMPLES = 4
"""Calls with the same prompt before the examples are turned, so that the engine reads it only once."""
DRY_CALLS = 6
"""So many calls in a row without a new good wording, and the model has nothing more to give."""
RULES_CONSIDERED = 18


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


@dataclass(frozen=True, slots=True)
class Synthesis:
    """`wordings` are ordered so that every beginning of the list is spread; `calls` counts model calls."""

    wordings: tuple[Accepted, ...]
    rejected: tuple[Rejected, ...]
    calls: int


def rephrase(
    question: str,
    answer: str,
    *,
    generate: Generate,
    embed: Embed,
    count: int = 6,
    budget: int = 24,
    seed: int = 0,
    given: Sequence[str] = (),
    bounds: Bounds = DEFAULT_BOUNDS,
) -> Synthesis:
    """At most `count` wordings of `question` that differ from it, from `given` and from each other.

    The model is called at most `budget` times, and no more once it has delivered `count` good wordings or
    `DRY_CALLS` tries in a row brought nothing; a budget of 0 makes wordings by rule only. `given` are
    wordings that exist already, e.g. the owner's own.
    """
    judge = _Judge(question, answer, embed, bounds, given)
    calls = dry = 0
    while calls < budget and len(judge.accepted) < count and dry < DRY_CALLS:
        before = len(judge.accepted)
        temperature = TEMPERATURES[calls % len(TEMPERATURES)]
        messages = few_shot(question, calls // SAME_EXAMPLES, avoid=given)
        text = generate(messages, one_question(question), temperature, seed + calls, MOST_TOKENS)
        judge.consider(as_the_owner(question, text.strip()), "model")
        calls += 1
        dry = 0 if len(judge.accepted) > before else dry + 1
    by_model = list(judge.accepted)
    if len(by_model) < count:
        judge.consider_all(reword(question)[:RULES_CONSIDERED], "rules")
    chosen = _spread(judge, by_model, count)
    return Synthesis(tuple(chosen), tuple(judge.rejected), calls)


def rouge1(first: str, second: str) -> float:
    """ROUGE-1 F between two texts, stemmed; 0 for nothing in common, 1 for the same bag of words."""
    # Imported here because the package brings nltk with it, which takes half a second.
    from rouge_score import rouge_scorer

    return float(
        rouge_scorer.RougeScorer(["rouge1"], use_stemmer=True).score(first, second)["rouge1"].fmeasure
    )


class _Judge:
    """Accepts or rejects wordings of one question and remembers both."""

    def __init__(
        self, question: str, answer: str, embed: Embed, bounds: Bounds, given: Sequence[str]
    ) -> None:
        self.question, self.answer, self.bounds, self._embed = question, answer, bounds, embed
        self.accepted: list[Accepted] = []
        self.rejected: list[Rejected] = []
        self.known = [question, *given]
        self.known_vectors = embed(self.known)
        self._target = self.known_vectors[0]
        self.vectors: dict[str, np.ndarray] = {}

    def consider(self, text: str, origin: str) -> None:
        self.consider_all([text], origin)

    def consider_all(self, texts: Sequence[str], origin: str) -> None:
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
            overlap, cosine = rouge1(self.question, text), float(self._target @ vector)
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


def _spread(judge: _Judge, by_model: list[Accepted], count: int) -> list[Accepted]:
    """Farthest-first order over words and meaning; the model's wordings are all kept, rules fill up.

    The better a rule stands in its list the sooner it is taken: a rank costs as much as a hundredth of
    distance.
    """
    by_rules = [wording for wording in judge.accepted if wording.origin == "rules"]
    pool = (
        [(wording, 0.0) for wording in by_model]
        if len(by_model) >= count
        else (
            [(wording, 1.0) for wording in by_model]
            + [(wording, -0.01 * rank) for rank, wording in enumerate(by_rules)]
        )
    )
    taken = list(zip(judge.known, judge.known_vectors, strict=True))
    chosen: list[Accepted] = []
    while pool and len(chosen) < count:
        gains = [bonus + min(_distance(judge, wording, other) for other in taken) for wording, bonus in pool]
        wording, _ = pool.pop(int(np.argmax(gains)))
        chosen.append(wording)
        taken.append((wording.question, judge.vectors[wording.question]))
    return chosen


def _distance(judge: _Judge, wording: Accepted, other: tuple[str, np.ndarray]) -> float:
    """0 for the same words and meaning, up to 1; words weigh as much as meaning."""
    text, vector = other
    return 1.0 - (rouge1(wording.question, text) + float(judge.vectors[wording.question] @ vector)) / 2
