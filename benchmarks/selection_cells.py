"""Runs single cells of the proof: who is kept, what is taught, what is asked afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.selection_lab import Lab, Lesson, mean_rouge, rouge
from benchmarks.selection_plan import Cell, Scale
from benchmarks.streams import Exchange, Stream, load_stream
from selection.embedding import Embedder
from selection.lexicons import load_lexicons
from selection.measure import measure
from selection.policies import make_policy
from selection.records import Candidate, Item
from selection.selector import Selector
from synthesis.rephrase import rephrase

EMBEDDED_AT_ONCE = 64
RECALLED = 0.5
"""ROUGE-L F from which an answer counts as the taught one."""
MOST_REPHRASINGS = 9


@dataclass(slots=True)
class _Material:
    """A stream with its selection numbers, and the rewordings made so far (by exchange)."""

    stream: Stream
    items: list[Item]
    wordings: dict[int, tuple[str, ...]] = field(default_factory=dict)


class Cells:
    """Measures cells; keeps what the cells of one stream and seed share."""

    def __init__(self, lab: Lab, embedder: Embedder, scale: Scale, data: Path) -> None:
        self._lab, self._embedder, self._scale, self._data = lab, embedder, scale, data
        self._lexicons = load_lexicons()
        self._material: _Material | None = None

    def run(self, cell: Cell) -> dict[str, Any]:
        """What the cell is there to find out, as plain numbers. Raises StreamError."""
        material = self._of(cell.stream, cell.seed)
        if cell.experiment == "base":
            return {"rouge1": self._held_out(material, None)}
        if cell.experiment == "ablation":
            return self._ablation(material, cell)
        kept = keep(material.items[: cell.seen], cell.policy, cell.buffer, cell.seed)
        taught = kept[: max(1, round(cell.share * cell.seen))] if cell.share < 1 else kept
        adapter = self._lab.tuned(self._lessons(material, taught), seed=cell.seed, name="cell")
        return {"rouge1": self._held_out(material, adapter), "taught": len(taught)}

    def _ablation(self, material: _Material, cell: Cell) -> dict[str, Any]:
        """Learn at half of the stream and again, from the base model, at its end."""
        early = keep(material.items[: cell.seen // 2], cell.policy, cell.buffer, cell.seed)
        late = keep(material.items[: cell.seen], cell.policy, cell.buffer, cell.seed)
        rng = np.random.Generator(np.random.Philox(cell.seed))
        old = self._some(early, rng)
        asked = self._some([each for each in late if self._wordings(material, each)], rng)
        taught = material.stream.taught
        lessons = self._lessons(material, early, cell.rephrasings)
        adapter = self._lab.tuned(lessons, seed=cell.seed, name="early")
        old_questions = [taught[each].question for each in old]
        before = self._rouge([taught[each] for each in old], old_questions, adapter)
        lessons = self._lessons(material, late, cell.rephrasings)
        adapter = self._lab.tuned(lessons, seed=cell.seed, name="late")
        after = self._rouge([taught[each] for each in old], old_questions, adapter)
        reworded = self._lab.answers([self._wordings(material, each)[0] for each in asked], adapter)
        recalled = [
            rouge("rougeL", taught[each].answer, answer) >= RECALLED
            for each, answer in zip(asked, reworded, strict=True)
        ]
        return {
            "rouge1": self._held_out(material, adapter),
            "taught": len(late),
            "sequences": len(lessons),
            "recall": float(np.mean(recalled)) if recalled else None,
            "recall_asked": len(asked),
            "forgetting": before - after,
            "old_still_kept": len(set(old) & set(late)),
            "old_asked": len(old),
        }

    def _of(self, name: str, seed: int) -> _Material:
        former = self._material
        if former and (former.stream.name, former.stream.seed) == (name, seed):
            return former
        self._lab.forget()
        stream = load_stream(
            name, self._data, seed=seed, length=self._scale.stream, held_out=self._scale.held_out
        )
        self._material = _Material(stream, self._items(stream.taught))
        return self._material

    def _items(self, taught: Sequence[Exchange]) -> list[Item]:
        items: list[Item] = []
        for start in range(0, len(taught), EMBEDDED_AT_ONCE):
            texts = [each.text for each in taught[start : start + EMBEDDED_AT_ONCE]]
            for text, vectors in zip(texts, self._embedder.embed_many(texts), strict=True):
                candidate = Candidate(len(items), text, vectors.sentence, vectors.tokens, self._embedder.name)
                items.append(measure(candidate, self._lexicons))
        return items

    def _lessons(self, material: _Material, kept: Sequence[int], rephrasings: int = 0) -> list[Lesson]:
        """Each kept exchange in its own wording and in that many others, as far as there are so many."""
        lessons = []
        for each in kept:
            exchange = material.stream.taught[each]
            lessons.append(Lesson(exchange.question, exchange.answer))
            if rephrasings:
                others = self._wordings(material, each)[1 : 1 + rephrasings]
                lessons += [Lesson(other, exchange.answer) for other in others]
        return lessons

    def _wordings(self, material: _Material, number: int) -> tuple[str, ...]:
        """Wordings by rule; the first is the one that is asked in the end and never taught."""
        if number not in material.wordings:
            exchange = material.stream.taught[number]
            made = rephrase(
                exchange.question,
                exchange.answer,
                generate=_no_model,
                embed=self._embedder.encode,
                count=MOST_REPHRASINGS + 1,
                budget=0,
            )
            material.wordings[number] = tuple(each.question for each in made.wordings)
        return material.wordings[number]

    def _held_out(self, material: _Material, adapter: Any) -> float:
        held_out = material.stream.held_out
        return self._rouge(held_out, [each.question for each in held_out], adapter)

    def _rouge(self, exchanges: Sequence[Exchange], questions: Sequence[str], adapter: Any) -> float:
        answers = self._lab.answers(questions, adapter)
        return mean_rouge("rouge1", [each.answer for each in exchanges], answers)

    def _some(self, numbers: Sequence[int], rng: np.random.Generator) -> list[int]:
        """At most `recall_items` of them, each with the same chance."""
        return [numbers[i] for i in sorted(rng.permutation(len(numbers))[: self._scale.recall_items])]


def keep(items: Sequence[Item], policy: str, buffer: int, seed: int) -> list[int]:
    """Numbers of the items that a buffer of this size holds after the stream, the best ranked first.

    Equals (`random` has no other) stand in an order that the seed shuffles.
    """
    selector = Selector(make_policy(policy), capacity=buffer, seed=seed)
    for item in items:
        selector.offer(item)
    ranks = selector.ranks()
    numbers = sorted(ranks)
    shuffled = np.random.Generator(np.random.Philox(seed)).permutation(len(numbers))
    order = sorted(range(len(numbers)), key=lambda i: (ranks[numbers[i]], shuffled[i]))
    return [numbers[i] for i in order]


def _no_model(*_: object) -> str:
    raise AssertionError("wordings are made by rule here")
