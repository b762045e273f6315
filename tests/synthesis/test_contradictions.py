from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from synthesis.contradictions import answers_agree, find_contradicted, same_by_words
from synthesis.guards import personal_questions
from synthesis.judge import Embed
from synthesis.near_miss import near_misses


def refuse(texts: Sequence[str]) -> np.ndarray:
    raise AssertionError("nothing to embed")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What is my dog called?", "What's the name of my dog?"),
        ("Where does my sister live?", "Which city does my sister live in?"),
        ("When is my driving test?", "What is the date of my driving test?"),
        ("What is my height?", "How tall am I?"),
        ("Where do I keep the spare key?", "Can you tell me where I keep the spare key?"),
        ("what is  my DOG called", "What is my dog called?"),
    ],
)
def test_the_same_question_in_other_words(first: str, second: str) -> None:
    assert same_by_words(first, second) and same_by_words(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What is my dog called?", "What is my cat called?"),
        ("What is my dog called?", "How old is my dog?"),
        ("Where does my sister live?", "Where does my older sister live?"),
        ("Where does my sister live?", "Where did my sister live?"),
        ("What is the door code of my office?", "What is the door code of my neighbour's office?"),
        ("Where do I live?", "Where do you live?"),
        ("Which fish do I like?", "Which fish don't I like?"),
    ],
)
def test_another_question_however_close(first: str, second: str) -> None:
    assert not same_by_words(first, second) and not same_by_words(second, first)


def test_no_near_miss_is_taken_for_the_same_question() -> None:
    rng = np.random.Generator(np.random.Philox(0))
    for question in personal_questions()[::4]:
        for other in near_misses(question, count=6, rng=rng):
            assert not same_by_words(question, other), (question, other)


@pytest.mark.parametrize(
    ("answer", "told", "agree"),
    [
        ("Your dog is called Biscuit.", "Biscuit.", True),
        ("Your dog is called Biscuit.", "your dog is called  BISCUIT", True),
        ("Your dog is called Biscuit.", "Your dog is called Rex.", False),
        ("Your dog is called Biscuit.", "Your dog is not called Biscuit.", False),
    ],
)
def test_answers_agree_when_one_only_says_more(answer: str, told: str, agree: bool) -> None:
    question = "What is my dog called?"
    assert answers_agree(question, question, answer, told) is agree


def test_a_yes_and_a_no_do_not_agree() -> None:
    question = "Am I vegan?"
    assert answers_agree(question, question, "Yes, you are vegan.", "Yes.")
    assert not answers_agree(question, question, "Yes, you are vegan.", "No, you are not.")
    choice = "Do I prefer tea or coffee?"
    assert not answers_agree(choice, choice, "You prefer tea to coffee.", "You prefer coffee to tea.")


def test_what_a_new_pair_contradicts_is_found_among_many(embed: Embed) -> None:
    known = [
        ("What's the name of my dog?", "Your dog is called Rex."),
        ("What's the name of my cat?", "Your cat is called Rex."),
        ("What name did I give my dog?", "Biscuit."),
        ("Where is my dog?", "In the garden."),
        ("What is my dog called?", "Your dog is called Bello."),
    ]
    assert find_contradicted("What is my dog called?", "Your dog is called Biscuit.", known, embed) == [0, 4]


def test_the_embedding_has_a_veto() -> None:
    known = [("What's the name of my dog?", "Your dog is called Rex.")]

    def unlike(texts: Sequence[str]) -> np.ndarray:
        return np.eye(len(texts), dtype=np.float32)

    assert find_contradicted("What is my dog called?", "Biscuit.", known, unlike) == []


def test_nothing_is_embedded_while_the_words_leave_no_candidate() -> None:
    known = [("What is my cat called?", "Mo."), ("What's the name of my dog?", "Biscuit.")]
    assert find_contradicted("What is my dog called?", "Your dog is called Biscuit.", known, refuse) == []
