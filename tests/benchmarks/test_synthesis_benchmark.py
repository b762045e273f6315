from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks import synthesis_page as page
from benchmarks.synthesis_statements import Kind, question_groups, run_statements, statement_kinds
from benchmarks.synthesis_wordings import IN_USE, Cell, Question, diversity_of, run_cells
from synthesis.prompts import DESIGNS, examples_like
from synthesis.statements import StatementPair, statement_pairs

TOLD = json.loads((Path(__file__).parents[2] / "benchmarks" / "synthesis_texts.json").read_text())


def same_direction(texts: object) -> np.ndarray:
    return np.ones((len(texts), 1), dtype=np.float32)  # type: ignore[arg-type]


@pytest.mark.parametrize("each", TOLD["statements"], ids=lambda each: each["statement"])
def test_the_right_pairs_are_what_the_patterns_make_of_the_statements(each: dict[str, str]) -> None:
    assert [(pair.question, pair.answer) for pair in statement_pairs(each["statement"])] == [
        (each["question"], each["answer"])
    ]


def test_no_question_of_the_benchmark_is_an_example_in_the_prompts() -> None:
    for each in TOLD["questions"]:
        shown = {text for pair in examples_like(each["question"]) for text in pair}
        assert each["question"] not in shown


def test_a_cell_counts_what_was_accepted_and_why_the_rest_was_not() -> None:
    said = iter(["What's the name of my newt?", "What is my newt called?"] * 100)
    cells = run_cells(
        [Question("What is my newt called?", "Your newt is called Ivy.")],
        lambda *_: next(said), same_direction, tries=2, seed=0, tell=lambda _: None,
    )  # fmt: skip
    assert len(cells) == 6 * (len(DESIGNS) - 1) + 3
    assert {cell.calls for cell in cells} == {2}
    assert all(cell.accepted + cell.reasons.total() == 2 for cell in cells)
    assert {cell.grammar for cell in cells if cell.design == IN_USE} == {True}


def test_diversity_is_a_mean_over_questions_with_two_wordings() -> None:
    spread = diversity_of({"one two": ["one two", "three four"], "alone": ["five"]}, same_direction)
    assert spread.pairwise == 1.0 and spread.bigrams == 1.0
    assert spread.from_question == pytest.approx(2 / 3)


def test_statements_are_counted_by_what_should_become_of_them() -> None:
    right = StatementPair("What is my newt called?", "Your newt is called Ivy.", "my newt is called Ivy")
    wrong = StatementPair("Where is my bus?", "Your bus is at 8.", "my bus is at 8")
    kinds = {"right": (True, [right]), "misread": (False, [wrong, right])}
    found = run_statements(kinds, lambda messages: "Ivy", lambda _: None)
    assert [(kind.confirmed, kind.reasons.total(), len(kind.wrong)) for kind in found] == [
        (1, 0, 0),
        (1, 1, 1),
    ]
    assert "| right | confirmed | 1 of 1 |" in page.statements_table(found)
    assert "my newt is called Ivy" in page.mistakes(found)


def test_every_kind_of_pair_has_as_many_as_asked_for() -> None:
    kinds = statement_kinds(TOLD, 5)
    assert {len(pairs) for _, pairs in kinds.values()} == {5}
    assert [name for name, (should_pass, _) in kinds.items() if should_pass] == ["right"]


def test_only_the_first_group_of_questions_asks_the_same() -> None:
    groups = question_groups(0)
    assert next(iter(groups)) == "everyday rewordings"
    assert all(first != second for pairs in groups.values() for first, second in pairs)


def test_tables_are_markdown() -> None:
    cell = Cell(IN_USE, True, 0.3, calls=2, reasons=Counter({"copy": 1}), kept={"Q?": ["Which Q?"]})
    text = page.wordings_table([cell], same_direction)
    assert text.splitlines()[1].count("---") == text.splitlines()[0].count("|") - 1
    assert "1 of 2 | 50 %" in text and "copy 1" in text
    assert page.accepted([cell]) == "* Q? → Which Q?"
    assert page.mistakes([Kind("right", True)]) == "None."
