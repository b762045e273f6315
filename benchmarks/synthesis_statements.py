"""How often right statement pairs are confirmed and wrong ones rejected, and what finds contradictions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from benchmarks.items import load_items
from synthesis.contradictions import COSINE_LEAST, same_by_words
from synthesis.guards import personal_questions
from synthesis.judge import Embed
from synthesis.near_miss import near_misses
from synthesis.statements import StatementPair
from synthesis.verify import Ask, confirm

FAR = 7
"""Which other statement's question is asked about one, counted from it."""


@dataclass
class Kind:
    """Pairs of one kind. `reasons` counts the rejects; `asked` is how often the model was asked."""

    name: str
    should_pass: bool
    pairs: int = 0
    confirmed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    seconds: float = 0.0
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    """(statement, question, what the model said) of those judged wrongly."""


def statement_kinds(data: dict[str, Any], few: int | None) -> dict[str, tuple[bool, list[StatementPair]]]:
    """Whether pairs of a kind should be confirmed, and the pairs; `few` of each kind."""
    stated, misread = data["statements"][:few], data["misread"][:few]

    def pair(question: str, answer: str, statement: str) -> StatementPair:
        return StatementPair(question, answer, statement)

    return {
        "right": (True, [pair(each["question"], each["answer"], each["statement"]) for each in stated]),
        "question left open by the statement": (
            False,
            [pair(each["left_open"], each["answer"], each["statement"]) for each in stated],
        ),
        "question about something else": (
            False,
            [
                pair(stated[(place + FAR) % len(stated)]["question"], each["answer"], each["statement"])
                for place, each in enumerate(stated)
            ],
        ),
        "another answer than stated": (
            False,
            [pair(each["question"], each["false_answer"], each["statement"]) for each in stated],
        ),
        "statement misread": (
            False,
            [pair(each["question"], each["answer"], each["statement"]) for each in misread],
        ),
    }


def run_statements(
    kinds: dict[str, tuple[bool, list[StatementPair]]], ask: Ask, tell: Callable[[str], None]
) -> list[Kind]:
    found = []
    for name, (should_pass, pairs) in kinds.items():
        kind = Kind(name, should_pass, len(pairs))

        def counted(messages: list[tuple[str, str]], kind: Kind = kind) -> str:
            kind.asked += 1
            return ask(messages)

        started = time.perf_counter()
        for each in pairs:
            verdict = confirm(each, counted)
            kind.confirmed += verdict.confirmed
            if not verdict.confirmed:
                kind.reasons[verdict.reason] += 1
            if verdict.confirmed != should_pass:
                kind.wrong.append((each.statement, each.question, verdict.said))
        kind.seconds = time.perf_counter() - started
        tell(f"statements, {name}: {kind.confirmed} of {kind.pairs} confirmed")
        found.append(kind)
    return found


@dataclass(frozen=True, slots=True)
class Detector:
    """How many pairs of questions of each group a way of comparing takes for the same question."""

    name: str
    same: tuple[int, ...]


def question_groups(seed: int) -> dict[str, list[tuple[str, str]]]:
    """Pairs of questions: the first group asks the same, the others do not."""
    rng = np.random.Generator(np.random.Philox(seed))
    items = [load_items(name) for name in ("dev_a", "dev_b", "dev_c")]
    same, other, near = [], [], []
    for each in items:
        for fact in each.facts:
            same += list(combinations([*fact.wordings, fact.held_out], 2))
            near += [(fact.wordings[0], miss) for miss in near_misses(fact.wordings[0], count=12, rng=rng)]
        asked = [fact.wordings[0] for fact in each.facts]
        other += [*combinations(asked, 2), *((fact, unknown) for fact in asked for unknown in each.unknown)]
    for question in personal_questions():
        near += [(question, miss) for miss in near_misses(question, count=6, rng=rng)]
    return {"everyday rewordings": same, "near misses": near, "other facts": other}


def run_detectors(groups: dict[str, list[tuple[str, str]]], embed: Embed) -> list[Detector]:
    cosines = {name: _cosines(pairs, embed) for name, pairs in groups.items()}
    by_words = {
        name: np.array([same_by_words(first, second) for first, second in pairs])
        for name, pairs in groups.items()
    }
    found = [
        Detector(f"cosine ≥ {least}", tuple(int((cosines[name] >= least).sum()) for name in groups))
        for least in (0.7, 0.8, 0.9)
    ]
    found.append(Detector("words and rules", tuple(int(by_words[name].sum()) for name in groups)))
    both = tuple(int((by_words[name] & (cosines[name] >= COSINE_LEAST)).sum()) for name in groups)
    return [*found, Detector(f"words and rules, cosine ≥ {COSINE_LEAST} (in use)", both)]


def _cosines(pairs: Sequence[tuple[str, str]], embed: Embed) -> np.ndarray:
    texts = sorted({text for pair in pairs for text in pair})
    vectors = dict(zip(texts, embed(texts), strict=True))
    return np.array([float(vectors[first] @ vectors[second]) for first, second in pairs])
