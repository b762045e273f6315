"""How often the model's own rewordings can be used, why not, and how diverse a set of wordings is.

The model is asked as `learn now` asks it, through the serving engine; every text is judged by the shipped
checks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from synthesis.diversity import distances, distinct_bigrams, mean_pairwise_distance, rouge1
from synthesis.grammar import one_question
from synthesis.judge import Embed, Judge
from synthesis.persons import as_the_owner
from synthesis.prompts import DESIGNS
from synthesis.rephrase import MOST_TOKENS, RULES_CONSIDERED, Generate, choose, rephrase
from synthesis.rules import reword

TEMPERATURES = (0.3, 0.7, 1.0)
SET_SIZE = 6
IN_USE = "few-shot, same kind, led"


@dataclass(frozen=True, slots=True)
class Question:
    """What is reworded, and the answer that must not leak."""

    question: str
    answer: str


@dataclass
class Cell:
    """One design, with or without grammar, at one temperature. `kept` are the accepted texts by question."""

    design: str
    grammar: bool
    temperature: float
    calls: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    kept: dict[str, list[str]] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return sum(map(len, self.kept.values()))


def run_cells(
    questions: Sequence[Question],
    generate: Generate,
    embed: Embed,
    *,
    tries: int,
    seed: int,
    tell: Callable[[str], None],
) -> list[Cell]:
    """Every design × grammar × temperature, `tries` variants of the prompt for each question and cell.

    A design that sets the beginning needs the grammar, so it has no cells without.
    """
    cells = []
    for name, design in DESIGNS.items():
        grammars = (True,) if name == IN_USE else (False, True)
        block = [Cell(name, grammar, heat) for grammar in grammars for heat in TEMPERATURES]
        for number, each in enumerate(questions):
            judges = [Judge(each.question, each.answer, embed) for _ in block]
            for attempt in range(tries):
                # One prompt for the whole block, so that the engine reads it once.
                prompt = design(each.question, attempt)
                grammar = one_question(each.question, prompt.beginning)
                for cell, judge in zip(block, judges, strict=True):
                    text = generate(
                        prompt.messages,
                        grammar if cell.grammar else None,
                        cell.temperature,
                        seed + 1000 * number + attempt,
                        MOST_TOKENS,
                    )
                    judge.consider([as_the_owner(each.question, text.strip())], "model")
            for cell, judge in zip(block, judges, strict=True):
                cell.calls += tries
                cell.reasons.update(rejected.reason for rejected in judge.rejected)
                cell.kept[each.question] = [wording.question for wording in judge.accepted]
            tell(f"{name}: {number + 1} of {len(questions)} questions")
        cells += block
    return cells


@dataclass(frozen=True, slots=True)
class Diversity:
    """Means over questions; `pairwise` and `nearest` need two wordings, None without any such question.

    pairwise: 1 − ROUGE-1 F of two wordings. nearest: the smallest distance of words and meaning in the set,
    the question included. bigrams: distinct-2. from_question: 1 − ROUGE-1 F to the question.
    """

    pairwise: float | None
    nearest: float | None
    bigrams: float | None
    from_question: float | None


def diversity_of(sets: dict[str, list[str]], embed: Embed) -> Diversity:
    """How diverse the wordings (by question) are."""
    pairwise, nearest, bigrams, away = [], [], [], []
    for question, texts in sets.items():
        away += [1.0 - rouge1(question, text) for text in texts]
        if len(texts) > 1:
            pairwise.append(mean_pairwise_distance(texts))
            bigrams.append(distinct_bigrams(texts))
            apart = distances([question, *texts], embed([question, *texts]))
            nearest.append(float(apart[np.triu_indices(len(apart), 1)].min()))
    return Diversity(_mean(pairwise), _mean(nearest), _mean(bigrams), _mean(away))


@dataclass
class Filling:
    """What `rephrase` delivers with a budget of model calls: wordings by origin, and the calls it took."""

    budget: int
    origins: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    short: int = 0
    """Questions with fewer wordings than asked for."""


def run_fillings(
    questions: Sequence[Question], generate: Generate, embed: Embed, budgets: Sequence[int], seed: int
) -> list[Filling]:
    found = []
    for budget in budgets:
        filling = Filling(budget)
        for number, each in enumerate(questions):
            made = rephrase(
                each.question, each.answer, generate=generate, embed=embed, count=SET_SIZE,
                budget=budget, seed=seed + 1000 * number,
            )  # fmt: skip
            filling.origins.update(wording.origin for wording in made.wordings)
            filling.calls += made.calls
            filling.short += len(made.wordings) < SET_SIZE
        found.append(filling)
    return found


def run_choices(
    questions: Sequence[Question], cells: Sequence[Cell], embed: Embed
) -> dict[str, tuple[Diversity, Counter[str]]]:
    """Sets of `SET_SIZE` chosen from the same accepted wordings in three ways, and their origins.

    The pool of a question is what the model gave with the design in use, and the wordings by rule.
    """
    in_use = [cell for cell in cells if cell.design == IN_USE]
    sets: dict[str, dict[str, list[str]]] = {"first come": {}, "closest": {}, "diverse (in use)": {}}
    origins: dict[str, Counter[str]] = {name: Counter() for name in sets}
    for each in questions:
        judge = Judge(each.question, each.answer, embed)
        for cell in in_use:
            judge.consider(cell.kept[each.question], "model")
        judge.consider(reword(each.question)[:RULES_CONSIDERED], "rules")
        closest = sorted(judge.accepted, key=lambda wording: -wording.similarity)
        for name, chosen in zip(sets, (judge.accepted, closest, choose(judge, SET_SIZE)), strict=True):
            sets[name][each.question] = [wording.question for wording in chosen[:SET_SIZE]]
            origins[name].update(wording.origin for wording in chosen[:SET_SIZE])
    return {name: (diversity_of(found, embed), origins[name]) for name, found in sets.items()}


def _mean(values: Sequence[Any]) -> float | None:
    return float(np.mean(values)) if values else None
