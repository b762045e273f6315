from __future__ import annotations

import numpy as np
import pytest

from synthesis.guards import general_prompts, personal_questions, swap_groups
from synthesis.near_miss import near_misses


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_near_misses_swap_the_thing_the_trait_and_the_person() -> None:
    found = near_misses("What is my dog called?", count=40, rng=rng())
    assert {"What is my cat called?", "How old is my dog?", "What is my neighbour's dog called?"} <= set(
        found
    )


@pytest.mark.parametrize("question", personal_questions()[::6])
def test_near_misses_are_distinct_and_never_the_question(question: str) -> None:
    found = near_misses(question, count=6, rng=rng())
    assert len(set(found)) == 6 and question not in found


def test_another_wording_of_the_same_question_is_no_near_miss() -> None:
    found = near_misses("Who is my dentist?", count=60, rng=rng())
    assert not any("dentist" in text and ("name" in text or "called" in text) for text in found)
    assert "What is my favourite movie?" not in near_misses("What is my favourite film?", count=60, rng=rng())


def test_verbs_follow_the_other_person() -> None:
    found = near_misses("Where do I keep my passport?", count=60, rng=rng())
    assert "Where does my sister keep her passport?" in found


def test_singular_and_plural_are_not_mixed() -> None:
    found = near_misses("Where are my keys?", count=30, rng=rng())
    assert "Where are my sunglasses?" in found and "Where are my wallet?" not in found


def test_the_generator_decides_which_come_first() -> None:
    ask = "What is my favourite tea?"
    assert near_misses(ask, count=5, rng=rng(1)) == near_misses(ask, count=5, rng=rng(1))
    assert near_misses(ask, count=5, rng=rng(1)) != near_misses(ask, count=5, rng=rng(2))


def test_guard_data_is_plentiful_and_without_repeats() -> None:
    for texts in (general_prompts(), personal_questions()):
        assert len({text.casefold() for text in texts}) == len(texts) == 240
    assert len(swap_groups()) >= 40


def test_what_another_wording_asks_is_no_near_miss() -> None:
    question, other = "Where has my brother moved to?", "Where does my brother live now?"
    alone = near_misses(question, count=40, rng=rng())
    together = near_misses(question, count=40, rng=rng(), wordings=[other])
    assert "Where does my brother live?" in alone
    assert "Where does my brother live?" not in together
    assert "Where has my sister moved to?" in together
