"""The benchmark items are fair: no question gives its answer away, and judging counts what it says."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.items import DATA, Items, first_word, judge, load_items
from synthesis.guards import general_prompts

NAMES = sorted(path.stem for path in DATA.glob("*.json"))


def questions(items: Items) -> list[str]:
    taught = [q for fact in items.facts for q in (*fact.wordings, fact.held_out)]
    return [*taught, *items.unknown, *items.general]


def test_there_are_development_files_final_ones_and_one_of_48_facts() -> None:
    assert NAMES == ["dev_a", "dev_b", "dev_c", "facts48", "test", "test_b"]


@pytest.mark.parametrize("name", NAMES)
def test_items_have_the_stated_numbers(name: str) -> None:
    items = load_items(name)

    facts = 48 if name == "facts48" else 12
    assert (len(items.facts), len(items.unknown), len(items.general)) == (facts, facts, 40)
    assert all(len({*fact.wordings, fact.held_out}) == 4 for fact in items.facts)


@pytest.mark.parametrize("name", NAMES)
def test_key_is_in_its_own_answer_and_in_no_question(name: str) -> None:
    items = load_items(name)
    asked = [question.lower() for other in NAMES for question in questions(load_items(other))]

    for fact in items.facts:
        assert fact.key in fact.answer.lower()
        assert sum(fact.key in other.answer.lower() for other in items.facts) == 1
        assert not [question for question in asked if fact.key in question]


def test_the_general_prompts_of_the_48_facts_are_none_that_guards_train_on() -> None:
    assert not set(load_items("facts48").general) & set(general_prompts())


def test_files_share_no_question_and_no_key() -> None:
    everything = [load_items(name) for name in NAMES]
    asked = [question.lower() for items in everything for question in questions(items)]
    keys = [fact.key for items in everything for fact in items.facts]

    assert len(set(asked)) == len(asked)
    assert len(set(keys)) == len(keys)


def test_pairs_take_the_first_wordings_of_each_fact() -> None:
    items = load_items("dev_a")

    assert len(items.pairs()) == 36
    assert items.pairs(wordings=1) == [(fact.wordings[0], fact.answer) for fact in items.facts]
    assert not {question for question, _ in items.pairs()} & set(items.held_out())


def test_judge_counts_recall_attribution_and_first_words() -> None:
    items = load_items("dev_a")
    dont_know = ["I don't know that yet."] * 12

    verdict = judge(
        items,
        held_out=[fact.answer for fact in items.facts[:11]] + ["I have no idea."],
        unknown=[items.facts[0].answer, *dont_know[1:]],
        general=['"Paris', *["Well"] * 39],
        general_before=["Paris, of course.", *["Well, yes"] * 38, "Hello"],
    )

    assert verdict.as_dict() == {
        "recalled": 11,
        "wrongly_attributed": 1,
        "first_word_kept": 39,
        "facts": 12,
        "unknown": 12,
        "general": 40,
    }
    assert str(verdict) == "recalled 11/12, wrongly attributed 1/12, first word kept 39/40"


def test_judge_refuses_missing_answers() -> None:
    items = dataclasses.replace(load_items("dev_a"), unknown=("What is my cat's name?",))

    with pytest.raises(ValueError, match="shorter"):
        judge(items, held_out=[""], unknown=[""], general=[], general_before=[])


@pytest.mark.parametrize(("answer", "word"), [("  **Paris** is", "Paris"), ("", ""), ("It's late.", "It's")])
def test_first_word_drops_punctuation_around_it(answer: str, word: str) -> None:
    assert first_word(answer) == word
