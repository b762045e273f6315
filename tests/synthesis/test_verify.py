from __future__ import annotations

import pytest

from synthesis.prompts import Message
from synthesis.statements import StatementPair
from synthesis.verify import TRIES, confirm, fact_of, question_among_notes, says_the_fact

DOG = StatementPair("What is my dog called?", "Your dog is called Biscuit.", "my dog is called Biscuit")
TRAINS = "What do I prefer, trains or planes?"


class Model:
    """Says one thing whatever it is asked, and remembers what that was."""

    def __init__(self, said: str) -> None:
        self.said = said
        self.prompts: list[list[Message]] = []

    def __call__(self, messages: list[Message]) -> str:
        self.prompts.append(messages)
        return self.said


def test_a_model_that_says_the_fact_confirms_the_pair() -> None:
    model = Model("It is Biscuit.")
    verdict = confirm(DOG, model)
    assert (verdict.confirmed, verdict.said, verdict.reason) == (True, "It is Biscuit.", "")
    assert len(model.prompts) == 1


def test_a_model_that_says_something_else_does_not_and_is_asked_in_other_words_first() -> None:
    model = Model("Your dog is called Otto.")
    verdict = confirm(DOG, model)
    assert (verdict.confirmed, verdict.reason) == (False, "not confirmed by the model")
    asked = [messages[-1][1] for messages in model.prompts]
    assert len(set(asked)) == TRIES and asked[0] == DOG.question


def test_an_answer_of_another_kind_is_rejected_without_asking() -> None:
    model = Model("Your bus is at 8.")
    verdict = confirm(StatementPair("Where is my bus?", "Your bus is at 8.", "my bus is at 8"), model)
    assert (verdict.confirmed, verdict.reason) == (False, "other kind of answer")
    assert model.prompts == []


def test_the_statement_stands_among_other_notes_and_the_question_comes_last() -> None:
    messages = question_among_notes("my dog is called Biscuit", "What is my dog called?")
    assert messages[-1] == ("user", "What is my dog called?")
    notes = messages[1][1]
    assert "- My dog is called Biscuit.\n" in notes and notes.count("\n- ") == 5
    assert not any("Biscuit" in content for _, content in messages[2:])


def test_no_other_note_is_about_the_same_thing() -> None:
    for statement, question in (
        ("my shoe size is 39", "What is my shoe size?"),
        ("my neighbour is called Ada", "What is my neighbour called?"),
    ):
        content = " ".join(content for _, content in question_among_notes(statement, question))
        assert "41" not in content or "shoe" not in question
        assert "Otto" not in content or "neighbour" not in question


@pytest.mark.parametrize(
    ("question", "answer", "said", "is_said"),
    [
        ("What is my dog called?", "Your dog is called Biscuit.", "Biscuit", True),
        ("What is my dog called?", "Your dog is called Biscuit.", "Your dog is called Otto.", False),
        ("Where is my key?", "Your key is under the blue pot.", "Under the blue pot, I think.", True),
        ("Where is my key?", "Your key is under the blue pot.", "Under the pot.", False),
        ("Where do I live?", "You live in Oslo.", "You don't live in Oslo.", False),
        ("Am I vegan?", "Yes, you are vegan.", "You are vegan.", True),
        ("Am I vegan?", "Yes, you are vegan.", "No, you are not vegan.", False),
        (TRAINS, "You prefer trains to planes.", "You prefer trains to planes.", True),
        (TRAINS, "You prefer trains to planes.", "You prefer planes to trains.", False),
        ("Where do I work?", "You work in it.", "You work in Ghent.", False),
    ],
)
def test_the_fact_is_what_the_answer_adds_to_the_question(
    question: str, answer: str, said: str, is_said: bool
) -> None:
    assert says_the_fact(question, answer, said) is is_said


def test_numbers_are_part_of_a_fact() -> None:
    assert fact_of("How old is my son?", "Your son is 7 years old.") >= {"7"}
    assert fact_of("How many cats do I have?", "You have three cats.") == {"three"}
