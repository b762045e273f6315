"""Other wordings of a question, each good enough to carry the same answer, and together as diverse as can be.

The model is asked first and every text it gives is judged; what it cannot deliver within the budget is
filled up by rule. Knows a question, an answer, a `generate` and an `embed` callable; nothing of where they
come from. The idea of rewording the question and copying the answer, with a ROUGE-1 check, is Qin et al.,
DAC 2024 (arXiv 2311.12275); the upper bound, the similarity check, the word checks and the choice of a
diverse set are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from synthesis.checks import Bounds
from synthesis.diversity import distances, farthest_first
from synthesis.grammar import one_question
from synthesis.judge import DEFAULT_BOUNDS, Accepted, Embed, Judge, Rejected
from synthesis.persons import as_the_owner
from synthesis.prompts import Message, beginnings, led
from synthesis.rules import reword

Generate = Callable[[list[Message], str | None, float, int, int], str]
"""(messages, GBNF grammar or None, temperature, seed, most tokens) -> text."""

TEMPERATURES = (0.3, 0.7, 1.0)
"""Once through all beginnings at each; the last one from then on."""
MOST_TOKENS = 40
DRY_CALLS = 6
"""So many calls in a row without a new good wording, and the model has nothing more to give."""
RULES_CONSIDERED = 18
MODEL_BONUS = 0.1
"""So much nearer may a wording of the model be: its turns of phrase are ones that no rule has."""
RANK_COST = 0.01
"""The rules give their best first."""


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
    judge = Judge(question, answer, embed, bounds=bounds, given=given)
    ways = max(1, len(beginnings(question, given)))
    calls = dry = 0
    while calls < budget and len(judge.accepted) < count and dry < DRY_CALLS:
        before = len(judge.accepted)
        turn = min(calls // ways, len(TEMPERATURES) - 1)
        prompt = led(question, calls, avoid=given)
        grammar = one_question(question, prompt.beginning)
        text = generate(prompt.messages, grammar, TEMPERATURES[turn], seed + calls, MOST_TOKENS)
        judge.consider([as_the_owner(question, text.strip())], "model")
        calls += 1
        dry = 0 if len(judge.accepted) > before else dry + 1
    judge.consider(reword(question)[:RULES_CONSIDERED], "rules")
    return Synthesis(tuple(choose(judge, count)), tuple(judge.rejected), calls)


def choose(judge: Judge, count: int) -> list[Accepted]:
    """At most `count` of what was accepted, far from the question and from each other in words and meaning.

    Farthest first; a wording of the model may be nearer than one by rule by `MODEL_BONUS`, and of those by
    rule a rank in their list costs `RANK_COST`.
    """
    ranks = {"model": 0, "rules": 0}
    bonus = []
    for wording in judge.accepted:
        bonus.append(MODEL_BONUS if wording.origin == "model" else -RANK_COST * ranks["rules"])
        ranks[wording.origin] += 1
    texts = [*judge.known, *(wording.question for wording in judge.accepted)]
    vectors = np.vstack([judge.known_vectors, *(judge.vectors[text] for text in texts[len(judge.known) :])])
    order = farthest_first(distances(texts, vectors), known=len(judge.known), count=count, bonus=bonus)
    return [judge.accepted[place - len(judge.known)] for place in order]
