from __future__ import annotations

import pytest

from synthesis.checks import language_of
from synthesis.guards import general_prompts, personal_questions
from synthesis.questions import parse
from synthesis.rules import reword


@pytest.mark.parametrize(
    ("question", "indirect"),
    [
        ("Where do I keep the spare key?", "where I keep the spare key"),
        ("Where did I park the car?", "where I parked the car"),
        ("When does my passport expire?", "when my passport expires"),
        ("What is the PIN of my old phone?", "what the PIN of my old phone is"),
        ("When is my sister coming to visit?", "when my sister is coming to visit"),
        ("Who gave me my watch?", "who gave me my watch"),
        ("How much does my phone plan cost?", "how much my phone plan costs"),
        ("Do I have a garden?", "whether I have a garden"),
        ("Tell me where my keys hang.", "where my keys hang"),
        ("My favourite dessert is what again?", "what my favourite dessert is"),
    ],
)
def test_an_indirect_question_has_the_word_order_of_a_statement(question: str, indirect: str) -> None:
    parsed = parse(question)
    assert parsed is not None and parsed.indirect() == indirect


@pytest.mark.parametrize(
    ("wrapped", "direct"),
    [
        ("Can you tell me where I left my headphones?", "Where did I leave my headphones?"),
        ("Tell me which languages my mother speaks.", "Which languages does my mother speak?"),
        ("Remind me of my son's shoe size.", "What is my son's shoe size?"),
        ("I forgot, what is my student number?", "What is my student number?"),
    ],
)
def test_a_wrapped_question_is_unwrapped_into_a_direct_one(wrapped: str, direct: str) -> None:
    parsed = parse(wrapped)
    assert parsed is not None and parsed.direct() == direct


def test_naming_is_asked_in_several_structures() -> None:
    wordings = reword("What is my dog called?")
    assert {"What's the name of my dog?", "What is my dog's name?", "What name does my dog have?"} <= set(
        wordings
    )


@pytest.mark.parametrize("question", personal_questions())
def test_a_personal_question_has_eight_distinct_wordings(question: str) -> None:
    wordings = reword(question)
    assert len({wording.casefold().rstrip("?.! ") for wording in wordings}) == len(wordings) >= 8
    assert question not in wordings


@pytest.mark.parametrize("prompt", general_prompts())
def test_any_prompt_has_four_wordings(prompt: str) -> None:
    assert len(reword(prompt)) >= 4


def test_a_request_stays_a_request() -> None:
    assert reword("Suggest a soup.")[:2] == ["Can you suggest a soup?", "Please suggest a soup."]


def test_a_question_in_another_language_is_left_alone() -> None:
    assert language_of("Wie heißt mein Hund und wo ist er?") == "de"
    assert reword("Wie heißt mein Hund und wo ist er?") == []
