from __future__ import annotations

import pytest

from synthesis.kinds import fits_kind, kind_of


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Where do I live?", "place"), ("Which city do I live in?", "place"),
        ("When is my exam?", "time"), ("What day is my exam on?", "time"),
        ("What is my dog called?", "name"), ("Who is my dentist?", "name"),
        ("How old is my son?", "age"), ("How many cats do I have?", "amount"),
        ("How do I take my tea?", "manner"), ("Why do I get up early?", "reason"),
        ("Am I vegan?", "polar"), ("What is my favourite tea?", "thing"),
        ("Can you tell me where I live?", "place"), ("Tell me how old my son is.", "age"),
    ],
)  # fmt: skip
def test_a_question_asks_for_one_kind_of_thing(question: str, kind: str) -> None:
    assert kind_of(question) == kind


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Where is my bus?", "Your bus is at 8."),
        ("Where did I grow up?", "You grew up in the eighties."),
        ("Where do I work?", "You work as a nurse."),
        ("When did I move house?", "You live in Lisbon."),
        ("How old is my rent?", "Your rent is 900."),
        ("How old is my paper?", "Your paper is blue."),
        ("How many cats do I have?", "Your cat is asleep."),
        ("What did I study?", "You studied in Paris."),
    ],
)
def test_an_answer_of_another_kind_does_not_fit(question: str, answer: str) -> None:
    assert not fits_kind(question, answer)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Where is my passport?", "Your passport is in the top drawer."),
        ("Where do I keep the spare key?", "You keep the spare key under the blue pot."),
        ("Where does my sister live?", "Your sister lives abroad."),
        ("When is my exam?", "Your exam is on 4 May."),
        ("When was I born?", "You were born in 1984."),
        ("How old is my son?", "Your son is seven."),
        ("How many cats do I have?", "You have three cats."),
        ("What did I study?", "You studied chemistry in Paris."),
        ("What is my favourite place?", "Your favourite place is by the lake."),
        ("Am I vegan?", "Yes, you are vegan."),
    ],
)
def test_an_answer_of_the_kind_fits(question: str, answer: str) -> None:
    assert fits_kind(question, answer)
