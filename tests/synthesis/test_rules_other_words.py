from __future__ import annotations

import pytest

from synthesis.questions import parse
from synthesis.relations import in_other_words
from synthesis.rules import reword


@pytest.mark.parametrize(
    ("question", "others"),
    [
        ("Where does my aunt live?", {"Which city does my aunt live in?", "Where is my aunt's home?"}),
        ("Where has my uncle moved to?", {"Where does my uncle live now?", "Where is my uncle's new home?"}),
        ("When is my wife's birthday?", {"What is my wife's date of birth?", "When was my wife born?"}),
        ("When did my parents get married?", {"When is my parents' wedding anniversary?"}),
        (
            "What does my nephew do for a living?",
            {"What is my nephew's job?", "What does my nephew work as?"},
        ),
        ("What is my son studying?", {"Which subject does my son study?"}),
        ("Which university did my father go to?", {"Where did my father get his degree?"}),
        ("What's my favourite cheese?", {"Which cheese do I like best?", "What cheese do I prefer?"}),
        ("Which vegetable do I hate?", {"What vegetable can't I stand?", "Which vegetable don't I like?"}),
        ("What is my son allergic to?", {"Which allergy does my son have?", "What can't my son eat?"}),
        ("How does my wife take her tea?", {"What goes in my wife's tea?", "How does my wife like her tea?"}),
        ("Which car do we have?", {"What car do we drive?", "What make is our car?"}),
        ("What instrument do I play?", {"Which instrument do I practise?"}),
        ("Where do I keep my skis?", {"Where are my skis?", "Where can I find my skis?"}),
        (
            "What is my locker combination?",
            {"What is the code for my locker?", "Which code unlocks my locker?"},
        ),
        ("What do I do on Thursday evenings?", {"How do I spend Thursday evenings?"}),
        ("Who lives above me?", {"Who is my upstairs neighbour?"}),
        ("Who teaches my son chess?", {"Who is my son's chess teacher?"}),
        ("What is my hobby?", {"What do I do in my spare time?"}),
        ("Where did we go on our honeymoon?", {"Where did we spend our honeymoon?"}),
        ("What is my shoe size?", {"What size shoes do I wear?"}),
        ("Where did I grow up?", {"What is my home town?", "Where do I come from?"}),
        ("What languages does my aunt speak?", {"In which languages is my aunt fluent?"}),
        ("What breed is my dog?", {"What kind of dog do I have?"}),
    ],
)
def test_the_list_begins_with_other_words_for_the_relation(question: str, others: set[str]) -> None:
    assert others <= set(reword(question)[:14])


def test_other_words_and_wrappings_take_turns() -> None:
    assert reword("Where does my aunt live?")[:4] == [
        "Which city does my aunt live in?",
        "Can you tell me where my aunt lives?",
        "Where is my aunt's home?",
        "Where does my aunt live again?",
    ]


@pytest.mark.parametrize(
    "question", ["Where is my dentist?", "Where are my parents?", "Where is the Eiffel Tower?"]
)
def test_only_what_can_be_put_somewhere_is_kept_somewhere(question: str) -> None:
    assert not list(in_other_words(question))


@pytest.mark.parametrize(
    ("question", "indirect"),
    [
        ("Where has my brother moved to?", "where my brother has moved to"),
        ("Where has my brother recently moved to?", "where my brother has recently moved to"),
        ("What has my wife bought for the kitchen?", "what my wife has bought for the kitchen"),
        ("Where had my aunt lived before?", "where my aunt had lived before"),
        ("How many countries have my parents visited?", "how many countries my parents have visited"),
        ("Have my parents moved to Spain?", "whether my parents have moved to Spain"),
        ("Has my sister ever been to Peru?", "whether my sister has ever been to Peru"),
        ("Who has the keys to my shed?", "who has the keys to my shed"),
        ("Who has borrowed my ladder?", "who has borrowed my ladder"),
        ("When was my son christened?", "when my son was christened"),
        ("Where is my bike being repaired?", "where my bike is being repaired"),
        ("What is my wife reading?", "what my wife is reading"),
        ("Which box are the candles in?", "which box the candles are in"),
        ("In which city is my cousin based?", "which city my cousin is based in"),
        ("Is my car insured?", "whether my car is insured"),
    ],
)
def test_a_participle_follows_its_auxiliary_in_an_indirect_question(question: str, indirect: str) -> None:
    parsed = parse(question)
    assert parsed is not None and parsed.indirect() == indirect
    again = parse(f"Tell me {indirect}.")
    assert again is not None and again.indirect() == indirect


def test_a_name_keeps_its_capital() -> None:
    assert {"What is Mia's job?", "Can you tell me what Mia does for work?"} <= set(
        reword("What does Mia do for work?")[:4]
    )
