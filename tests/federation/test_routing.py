"""Facts stay at home, style and skill may be shared, and in doubt a pair stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.routing import Doubt, route

STAYS = [
    # facts about the owner
    ("What is my dog called?", "Your dog is called Rex.", Doubt.PERSON),
    ("What's my favourite colour?", "Green.", Doubt.PERSON),
    ("Where do I live?", "You live in Leeds.", Doubt.PERSON),
    ("where do i work", "at the bakery near the station", Doubt.PERSON),
    ("How do I take my coffee?", "Black, no sugar.", Doubt.PERSON),
    ("Do we have a car?", "Yes, a blue one.", Doubt.PERSON),
    ("What do you call me?", "Captain.", Doubt.PERSON),
    ("Write a note that says who I am.", "You are a nurse.", Doubt.PERSON),
    ("Describe a good weekend.", "A walk with your sister along the canal.", Doubt.PERSON),
    ("How do I open the garage?", "Press the green button, then push the door up.", Doubt.PERSON),
    ("What does he do for a living?", "Carpentry.", Doubt.PERSON),
    ("Write a greeting for her.", "Happy days, dear!", Doubt.PERSON),
    ("Summarise the plan.", "Meet my cousin at the market.", Doubt.PERSON),
    # things kept to oneself
    ("What is the wifi password?", "bluehorse", Doubt.SENSITIVE),
    ("Explain why the doctor called.", "Because of the results.", Doubt.SENSITIVE),
    ("Write about the pregnancy.", "It is still early, so keep it quiet for now.", Doubt.SENSITIVE),
    ("Draft an invitation.", "Come over tomorrow and bring cake.", Doubt.SENSITIVE),
    ("List common allergies at home.", "Nuts and pollen.", Doubt.SENSITIVE),
    # names
    ("Who fixes the boiler?", "Call Daniel.", Doubt.NAME),
    ("who fixes the boiler", "call daniel", Doubt.NAME),
    ("Write a letter to the council.", "Dear Ms Okonkwo, the lamp is broken.", Doubt.NAME),
    ("Explain what the project is called.", "It is known as Bluebird internally.", Doubt.NAME),
    ("Rewrite politely: tell Priya to hurry.", "Could Priya please hurry?", Doubt.NAME),
    ("Summarise: the team at ACME is late.", "The team at ACME is late.", Doubt.NAME),
    ("Write a slogan.", "Fresh bread from Hartley Street.", Doubt.NAME),
    ("Okonkwo is who?", "A friend.", Doubt.NAME),
    # numbers, contacts
    ("What is the door code?", "4711", Doubt.NUMBER),
    ("Write an invitation.", "Come at half past eight.", Doubt.NUMBER),
    ("How tall is the shelf?", "Ninety centimetres.", Doubt.NUMBER),
    ("Shorten: the train leaves at 9:40.", "Train at 9:40.", Doubt.NUMBER),
    ("Write a signature.", "Write to info@example.org.", Doubt.CONTACT),
    ("Explain where the notes are.", "Look in /home/notes.txt for them.", Doubt.CONTACT),
    ("Describe the price.", "It costs € a lot.", Doubt.CONTACT),
    # no sign of a skill
    ("Where is the key?", "Under the mat.", Doubt.NO_SKILL),
    ("When does the shop close?", "Late.", Doubt.NO_SKILL),
    ("What is the plumber's name?", "It is long.", Doubt.NO_SKILL),
    ("Remember the milk.", "Done.", Doubt.NO_SKILL),
    ("Tell me where the key is.", "Under the mat.", Doubt.NO_SKILL),
    ("Tell me what the code word is.", "Butterfly.", Doubt.NO_SKILL),
    ("The cat is ill.", "That is sad.", Doubt.NO_SKILL),
    ("Why do you say that?", "The roster is not deep.", Doubt.NO_SKILL),
    ("How does the alarm work?", "Turn the key and wait for the beep.", Doubt.NO_SKILL),
    ("Why is the cellar wet?", "The pipe leaks.", Doubt.NO_SKILL),
    # an answer that could not be guessed from the question
    ("Complete: the recipe needs", "saffron, cardamom, rosewater", Doubt.NEW_FACT),
    ("Define the house rule.", "Shoes off upstairs.", Doubt.NEW_FACT),
    ("What is a good codename?", "Butterfly.", Doubt.NEW_FACT),
    # cannot be judged
    ("写一首诗", "春天来了", Doubt.SCRIPT),
    ("", "Yes.", Doubt.EMPTY),
    ("Write a poem.", "", Doubt.EMPTY),
    ("?!", "…", Doubt.EMPTY),
]

SHARED = [
    ("Rewrite politely: send the report", "Could you please send the report?"),
    ("Please shorten: the meeting was very long and very boring", "The meeting was long and boring."),
    ("Correct the grammar: the cats is sleeping", "The cats are sleeping."),
    ("Make this sound friendlier: answer the question", "Please answer the question, thanks!"),
    ("Be brief.", "Sure."),
    ("Answer in short sentences.", "Yes. Short sentences, then."),
    (
        "Write a short poem about rain.",
        "The rain comes softly down the hill,\nit fills the brook, it turns the mill,\n"
        "it sings against the window pane\nand then the garden grows again.",
    ),
    (
        "Explain recursion.",
        "A function that calls itself on a smaller part of the problem, until the part is so small that"
        " the answer is plain, and then puts the answers together.",
    ),
    (
        "Can you give me tips for a good presentation?",
        "Keep it simple.\n- Start with the main point.\n- Use few words and large letters.\n"
        "- Speak slowly and look at the people in the room.",
    ),
    (
        "How do I reverse a list in Python?",
        "Use the reversed function, which walks through the list backwards, or call the reverse method of"
        " the list to change it in place.",
    ),
    (
        "What is the difference between a simile and a metaphor?",
        "A simile says that something is like another thing, while a metaphor says that it is that"
        " other thing without any comparing word.",
    ),
    (
        "Summarise in two sentences: bees visit flowers, carry pollen and so help plants to make seeds.",
        "Bees visit flowers and carry pollen. So they help plants to make seeds.",
    ),
    (
        "List steps for writing a clear summary.",
        "1. Read the whole text slowly.\n2. Note the main idea of each part.\n3. Write these ideas in plain"
        " words and leave out the examples.",
    ),
]


@pytest.mark.parametrize(("question", "answer", "doubt"), STAYS)
def test_facts_stay_and_say_why(question: str, answer: str, doubt: Doubt) -> None:
    assert doubt in route(question, answer).doubts


@pytest.mark.parametrize(("question", "answer"), SHARED)
def test_style_and_skill_may_be_shared(question: str, answer: str) -> None:
    assert route(question, answer).doubts == ()


@pytest.mark.parametrize(("question", "answer"), SHARED)
def test_the_owners_veto_keeps_anything_at_home(question: str, answer: str) -> None:
    assert route(question, answer, vetoed=True).doubts == (Doubt.VETO,)


@pytest.mark.parametrize(("question", "answer"), SHARED)
@pytest.mark.parametrize(
    "added",
    [
        " Tell Okonkwo.",
        " My flat is small.",
        " Room 12.",
        " See www.example.org.",
        " It was diagnosed.",
        " You live there.",
        " ask sarah",
    ],
)
def test_one_telling_sentence_is_enough_to_keep_a_pair(question: str, answer: str, added: str) -> None:
    assert not route(question, answer + added).shareable


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_judged_and_the_veto_only_adds(question: str, answer: str) -> None:
    free, vetoed = route(question, answer), route(question, answer, vetoed=True)
    assert not vetoed.shareable
    assert vetoed.doubts == (Doubt.VETO, *free.doubts)


@given(
    st.sampled_from(["what is", "where is", "who is", "when is"]), st.text(max_size=60), st.text(max_size=60)
)
def test_questions_for_a_definite_thing_stay(ask: str, thing: str, answer: str) -> None:
    assert not route(f"{ask} the key {thing}", answer).shareable
