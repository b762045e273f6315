"""Invented facts to teach, and how answers about them are judged. Knows no model and no program.

A file in `data/` holds 12 facts about an imaginary owner (three wordings of each question for training, a
fourth that is held out and an indirect fifth), 12 questions about that owner whose answer was never told, and
40 general prompts; `facts48.json` holds 48 facts and 48 such questions, for the benchmark of tuning methods.
Use the `dev_*` files while developing; `test_b.json` is for the numbers that are quoted. `test.json` was,
until a result on it had prompted a change.
"""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Fact:
    """`key` is a lower-case substring that only an answer knowing the fact contains.

    `held_out` is an everyday rewording; `held_out_hard` asks for the fact indirectly, without its nouns.
    """

    answer: str
    key: str
    wordings: tuple[str, ...]
    held_out: str
    held_out_hard: str


@dataclass(frozen=True, slots=True)
class Items:
    facts: tuple[Fact, ...]
    unknown: tuple[str, ...]
    general: tuple[str, ...]

    def pairs(self, wordings: int = 3) -> list[tuple[str, str]]:
        """(question, answer) for training, with the first `wordings` wordings of each fact."""
        return [(question, fact.answer) for fact in self.facts for question in fact.wordings[:wordings]]

    def held_out(self) -> list[str]:
        return [fact.held_out for fact in self.facts]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts, each out of the number of prompts of its kind."""

    recalled: int
    wrongly_attributed: int
    first_word_kept: int
    facts: int
    unknown: int
    general: int

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"recalled {self.recalled}/{self.facts}, "
            f"wrongly attributed {self.wrongly_attributed}/{self.unknown}, "
            f"first word kept {self.first_word_kept}/{self.general}"
        )


def load_items(name_or_path: str | Path) -> Items:
    """Read `dev_a`, `test` … from `data/`, or any file of the same shape."""
    path = Path(name_or_path)
    if not path.suffix:
        path = DATA / f"{name_or_path}.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    facts = tuple(
        Fact(f["answer"], f["key"], tuple(f["wordings"]), f["held_out"], f["held_out_hard"])
        for f in raw["facts"]
    )
    return Items(facts, tuple(raw["unknown"]), tuple(raw["general"]))


def first_word(answer: str) -> str:
    """The first word without the punctuation around it; empty if there is none."""
    words = answer.split()
    return words[0].strip(string.punctuation) if words else ""


def recalls(fact: Fact, answer: str) -> bool:
    return fact.key in answer.lower()


def judge(
    items: Items,
    *,
    held_out: Sequence[str],
    unknown: Sequence[str],
    general: Sequence[str],
    general_before: Sequence[str],
) -> Verdict:
    """Compare answers (in the order of the items) after learning with the general ones before it.

    A question never told counts as wrongly attributed when its answer contains the key of any taught fact.

    Raises:
        ValueError: the number of answers is not the number of prompts.
    """
    return Verdict(
        recalled=sum(recalls(f, a) for f, a in zip(items.facts, held_out, strict=True)),
        wrongly_attributed=sum(
            any(recalls(f, a) for f in items.facts) for _, a in zip(items.unknown, unknown, strict=True)
        ),
        first_word_kept=sum(
            first_word(a) == first_word(b) for a, b in zip(general, general_before, strict=True)
        ),
        facts=len(items.facts),
        unknown=len(items.unknown),
        general=len(items.general),
    )
