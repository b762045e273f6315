from __future__ import annotations

import pytest

from synthesis.statements import statement_pairs


@pytest.mark.parametrize(
    ("said", "question", "answer"),
    [
        ("my dog is called Biscuit", "What is my dog called?", "Your dog is called Biscuit."),
        ("I have a parrot named Coco", "What is my parrot called?", "Your parrot is called Coco."),
        ("I live in Lisbon", "Where do I live?", "You live in Lisbon."),
        ("I'm allergic to peanuts.", "What am I allergic to?", "You are allergic to peanuts."),
        ("my sister's birthday is on 4 May", "When is my sister's birthday?",
         "Your sister's birthday is on 4 May."),
        ("I work as a nurse", "What do I do for work?", "You work as a nurse."),
        ("I'm a nurse", "What do I do for work?", "You are a nurse."),
        ("my favourite tea is oolong", "What is my favourite tea?", "Your favourite tea is oolong."),
        ("I keep the spare key under the blue pot", "Where do I keep the spare key?",
         "You keep the spare key under the blue pot."),
        ("I was born in 1984", "When was I born?", "You were born in 1984."),
        ("I was born in Bergen", "Where was I born?", "You were born in Bergen."),
        ("call me Sam", "What is my name?", "Your name is Sam."),
        ("my PIN is 4821", "What is my PIN?", "Your PIN is 4821."),
        ("my son is 7 years old", "How old is my son?", "Your son is 7 years old."),
        ("my sister lives in Rome", "Where does my sister live?", "Your sister lives in Rome."),
        ("my boss is Dr. Okafor", "Who is my boss?", "Your boss is Dr. Okafor."),
        ("By the way, my car is green", "What colour is my car?", "Your car is green."),
        ("Actually, my favourite hue is green, not blue", "What is my favourite hue?",
         "Your favourite hue is green."),
        ("I'm vegetarian", "Am I vegetarian?", "Yes, you are vegetarian."),
    ],
)  # fmt: skip
def test_a_lasting_fact_becomes_a_pair(said: str, question: str, answer: str) -> None:
    assert [(pair.question, pair.answer) for pair in statement_pairs(said)] == [(question, answer)]


@pytest.mark.parametrize(
    "said",
    [
        "I am tired", "I'm sad today", "my dog is sick", "my head is killing me",
        "my password is forgotten", "I'm at home",
        "Is my dog called Rex?", "What if my dog is called Rex?", "If I live in Rome, what taxes do I pay?",
        "I wish I lived in Rome", "Imagine I live on Mars", "I don't live in Rome", "I used to live in Rome",
        "I think my flight is on Monday", "my flight is at 9 tomorrow", "He said \"my dog is called Rex\"",
        "> my dog is called Rex", "Write a story where my name is Bob. My dog is called Rex.", "",
        "Translate: my dog is called Rex", "my soup is on the stove", "I have a headache",
    ],
)  # fmt: skip
def test_questions_suppositions_negations_quotes_and_moods_are_left_alone(said: str) -> None:
    assert statement_pairs(said) == []


def test_several_facts_of_one_message_are_all_taken() -> None:
    pairs = statement_pairs("Hi, my name is Sam and I live in Porto. What's the weather like?")
    assert [pair.question for pair in pairs] == ["What is my name?", "Where do I live?"]
    assert pairs[1].statement == "I live in Porto"
