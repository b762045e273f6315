"""From kept pairs to lessons: what to teach, what to answer with "I don't know that yet", what to leave be.

Selectivity is made here. A fact alone would spill over: the model would give the answer to every question of
that form. So each fact comes with near-miss questions it does not answer, worded in the same ways, and with
general prompts on which nothing may change. Knows questions and answers; never the model or the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from synthesis.guards import general_prompts, personal_questions
from synthesis.near_miss import near_misses
from synthesis.rules import reword
from tuning.examples import Kind

UNKNOWN_ANSWER = "I don't know that yet."

# Wordings by rule on top of the stored ones. They cost one forward pass each, and they keep the near misses,
# which are asked in the same forms, from teaching that a form means "I don't know".
EXTRA_WORDINGS = 10
NEAR_MISSES_PER_FACT = 14
PERSONAL_QUESTIONS = 12
# Every sixth general prompt is kept for the gate and never trained on.
CHECK_STRIDE = 6
# Above this cosine a near miss asks for another fact that was taught, so "I don't know" would be wrong.
SAME_QUESTION = 0.85
# A personal question this close to a taught one may be the same question.
RELATED_QUESTION = 0.75
REWORDED_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Fact:
    """One answer with the wordings of its question: `given` by the owner, `made` and `held_out` by us."""

    answer: str
    given: tuple[str, ...]
    made: tuple[str, ...]
    held_out: tuple[str, ...]
    weight: float = 1.0

    @property
    def wordings(self) -> tuple[str, ...]:
        return (*self.given, *self.made)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question and what should follow it. For kind "general" the answer is the base model's own."""

    question: str
    answer: str
    kind: Kind
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Curriculum:
    """`taught` are facts and unknowns, `general` is guarded, `held_out` and `checks` are only measured."""

    taught: tuple[Lesson, ...]
    general: tuple[str, ...]
    held_out: tuple[Lesson, ...]
    checks: tuple[str, ...]


def check_prompts() -> tuple[str, ...]:
    """The fixed general set of the gate; disjoint from every prompt that training sees."""
    return general_prompts()[::CHECK_STRIDE]


def build_curriculum(
    facts: Sequence[Fact],
    *,
    embed: Callable[[Sequence[str]], np.ndarray],
    rng: np.random.Generator,
    general_prompts_used: int = 100,
) -> Curriculum:
    """Lessons for `facts`. `embed` maps texts to unit vectors float32 [n, dim]."""
    lessons = [
        Lesson(each, fact.answer, "fact", fact.weight)
        for fact in facts
        for each in (*fact.wordings, *_extra_wordings(fact))
    ]
    held_out = [Lesson(each, fact.answer, "fact", fact.weight) for fact in facts for each in fact.held_out]
    asked = [(number, each) for number, fact in enumerate(facts) for each in (*fact.wordings, *fact.held_out)]
    owner = np.array([number for number, _ in asked])
    vectors = embed([each for _, each in asked])
    unknown = [
        *_near_misses(facts, {each.casefold() for _, each in asked}, owner, vectors, embed, rng),
        *_personal(vectors, embed, rng),
    ]
    lessons += [Lesson(each, UNKNOWN_ANSWER, "unknown") for each in dict.fromkeys(unknown)]
    checks = check_prompts()
    usable = [each for each in general_prompts() if each not in set(checks)]
    chosen = rng.permutation(len(usable))[:general_prompts_used]
    return Curriculum(tuple(lessons), tuple(usable[i] for i in chosen), tuple(held_out), checks)


def _extra_wordings(fact: Fact) -> list[str]:
    taken = {each.casefold() for each in (*fact.wordings, *fact.held_out)}
    rounds = zip_longest(*(reword(each) for each in fact.given))
    others = [each for round_ in rounds for each in round_ if each and each.casefold() not in taken]
    return list(dict.fromkeys(others))[:EXTRA_WORDINGS]


def _near_misses(
    facts: Sequence[Fact],
    taken: set[str],
    owner: np.ndarray,
    vectors: np.ndarray,
    embed: Callable[[Sequence[str]], np.ndarray],
    rng: np.random.Generator,
) -> list[str]:
    found: list[tuple[int, str]] = []
    for number, fact in enumerate(facts):
        share = -(-NEAR_MISSES_PER_FACT // len(fact.given))
        same = (*fact.wordings, *fact.held_out)
        misses = [
            miss for each in fact.given for miss in near_misses(each, count=share, rng=rng, wordings=same)
        ]
        for miss in misses[:NEAR_MISSES_PER_FACT]:
            found.append((number, _sometimes_reworded(miss, rng)))
    found = [(number, miss) for number, miss in found if miss.casefold() not in taken]
    if not found:
        return []
    closeness = embed([miss for _, miss in found]) @ vectors.T
    kept = []
    for (number, miss), row in zip(found, closeness, strict=True):
        others = row[owner != number]
        if not len(others) or others.max() < SAME_QUESTION:
            kept.append(miss)
    return kept


def _sometimes_reworded(question: str, rng: np.random.Generator) -> str:
    """In the forms in which facts are asked, so that the form itself tells nothing."""
    if rng.random() < REWORDED_SHARE:
        others = reword(question)[:8]
        if others:
            return others[int(rng.integers(len(others)))]
    return question


def _personal(
    vectors: np.ndarray, embed: Callable[[Sequence[str]], np.ndarray], rng: np.random.Generator
) -> list[str]:
    questions = personal_questions()
    closest = (embed(questions) @ vectors.T).max(axis=1)
    distant = [each for each, cosine in zip(questions, closest, strict=True) if cosine < RELATED_QUESTION]
    return [distant[i] for i in rng.permutation(len(distant))[:PERSONAL_QUESTIONS]]
