"""What a small chat model is shown so that it puts one question in other words.

Examples are shown as earlier turns of the chat, which a small model follows better than instructions, and
they are of the same kind as the question, because such a model carries over the turn of phrase more reliably
than the idea. Left alone it mostly copies the question, so it is made to begin as one of the examples does.
The answer to the question is never shown, so it cannot leak into the rewording. How often each design leads
to a usable wording is measured in `benchmarks/synthesis.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Message = tuple[str, str]
"""(role, content)"""

INSTRUCTION = (
    "You reword questions. Write the same question again in different words. "
    "Keep its meaning, keep 'my' and 'I', do not answer it."
)
SHOWN = 4

_CALLED = (
    ("What is my sister called?", "What's the name of my sister?"),
    ("What's my hamster's name?", "What is my hamster called?"),
    ("What is the name of my boat?", "What name did I give my boat?"),
    ("What is my landlady called?", "Do you know my landlady's name?"),
    ("What is the name of our choir?", "What is our choir called?"),
    ("What's my nephew's name?", "Which name does my nephew have?"),
)
_WHERE = (
    ("Where do I keep the ladder?", "In which place is the ladder kept?"),
    ("Where does my brother live?", "What place does my brother live in?"),
    ("Where is my tent?", "Where can I find my tent?"),
    ("Where did I buy my skis?", "In which shop did I get my skis?"),
    ("Where do I store the flour?", "Do you know the spot where I store the flour?"),
    ("Where did my parents meet?", "What is the place where my parents met?"),
)
_WHEN = (
    ("When is my piano lesson?", "What time does my piano lesson start?"),
    ("When was my father born?", "On which day was my father born?"),
    ("When is my cousin's wedding?", "What is the date of my cousin's wedding?"),
    ("When do I water the cactus?", "On what days do I water the cactus?"),
    ("When does my visa expire?", "Until when is my visa good?"),
    ("When did I move house?", "What was the date when I moved house?"),
)
_WHO = (
    ("Who is my plumber?", "Can you tell me the name of my plumber?"),
    ("Who feeds my fish?", "Which person gives my fish their food?"),
    ("Who did I lend my drill to?", "Do you know to whom I lent my drill?"),
    ("Who is my favourite poet?", "Which poet do I like best?"),
    ("Who repairs my bike?", "What is the name of the person who repairs my bike?"),
)
_HOW = (
    ("How old is my uncle?", "What age is my uncle?"),
    ("How do I like my toast?", "In what way do I want my toast?"),
    ("How tall is my brother?", "What is my brother's height?"),
    ("How many cousins do I have?", "What is the number of cousins that I have?"),
    ("How long is my commute?", "How much time does my commute take?"),
)
_WHETHER = (
    ("Do I play an instrument?", "Is there any instrument that I play?"),
    ("Am I a member of the library?", "Do you know if I am a member of the library?"),
    ("Does my aunt have a car?", "Is it true that my aunt has a car?"),
    ("Can I ski?", "Do I know how to ski?"),
)
_WHAT = (
    ("What is my favourite animal?", "Which animal do I like best?"),
    ("What is my locker number?", "Could you remind me which number my locker has?"),
    ("Which train do I take home?", "What train brings me home?"),
    ("What do I drink at breakfast?", "Which drink do I have in the morning?"),
    ("What colour is my kitchen?", "In which colour is my kitchen painted?"),
    ("What does my uncle do for a living?", "What is my uncle's job?"),
    ("What is my shirt size?", "Which size of shirt do I wear?"),
)
_REQUEST = (
    ("Give me an idea for lunch.", "Can you think of something I could eat at noon?"),
    ("Explain how magnets work.", "Please describe what makes magnets work."),
    ("Write a short thank-you note.", "Could you compose a few lines that say thank you?"),
    ("List some winter sports.", "Which sports are played in winter?"),
)
_KINDS = (_CALLED, _WHERE, _WHEN, _WHO, _HOW, _WHETHER, _WHAT, _REQUEST)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is shown, and the word its answer must begin with, "" for any."""

    messages: list[Message]
    beginning: str = ""


def zero_shot(question: str, variant: int = 0, *, avoid: Sequence[str] = ()) -> Prompt:
    """The instruction alone, whatever the variant."""
    return Prompt([("system", INSTRUCTION), ("user", f"Question: {question}\nSame question in other words:")])


def mixed_shot(question: str, variant: int = 0, *, avoid: Sequence[str] = ()) -> Prompt:
    """As `few_shot`, with examples of different kinds, one of each."""
    mixed = [examples[variant % len(examples)] for examples in _KINDS]
    return Prompt(_shown(question, _usable(mixed, question, avoid), variant))


def few_shot(question: str, variant: int = 0, *, avoid: Sequence[str] = ()) -> Prompt:
    """The instruction, then examples of the question's kind as earlier turns, then the question.

    `variant` turns the examples, so that another one stands last and is followed most closely. An example
    that is `question` or in `avoid` is left out: its rewording would be copied.
    """
    return Prompt(_shown(question, _usable(examples_like(question), question, avoid), variant))


def led(question: str, variant: int = 0, *, avoid: Sequence[str] = ()) -> Prompt:
    """As `few_shot`, and the answer must begin as the last example's does, and not as the question does.

    Each variant takes another beginning; there are `len(beginnings(question, avoid))` of them, and without
    any this is `few_shot`.
    """
    usable = _usable(examples_like(question), question, avoid)
    ways = beginnings(question, avoid)
    if not ways:
        return few_shot(question, variant, avoid=avoid)
    way = ways[variant % len(ways)]
    last = next(place for place, (_, reworded) in enumerate(usable) if reworded.split()[0] == way)
    return Prompt(_shown(question, usable, last + 1 - SHOWN), way)


def beginnings(question: str, avoid: Sequence[str] = ()) -> list[str]:
    """First words of rewordings of questions of this kind, other than the question's own."""
    own = question.split()[0].casefold() if question.split() else ""
    usable = _usable(examples_like(question), question, avoid)
    found = dict.fromkeys(reworded.split()[0] for _, reworded in usable)
    return [word for word in found if word.casefold() != own]


DESIGNS: dict[str, Callable[..., Prompt]] = {
    "zero-shot": zero_shot,
    "few-shot, mixed kinds": mixed_shot,
    "few-shot, same kind": few_shot,
    "few-shot, same kind, led": led,
}
"""Ways to ask for a wording, all called alike; the last is the one in use. A beginning takes a grammar."""


def examples_like(question: str) -> tuple[tuple[str, str], ...]:
    """Examples of the same kind of question."""
    text = question.casefold()
    words = text.replace("'", " ").split()
    if not words or ("?" not in text and words[0] not in ("tell", "remind")):
        return _REQUEST
    if "called" in text or "name" in words:
        return _CALLED
    for asking, examples in (("where", _WHERE), ("when", _WHEN), ("who", _WHO), ("how", _HOW)):
        if asking in words:
            return examples
    return _WHAT if {"what", "which"} & set(words) else _WHETHER


def _usable(
    examples: Sequence[tuple[str, str]], question: str, avoid: Sequence[str]
) -> list[tuple[str, str]]:
    known = {text.casefold() for text in (question, *avoid)}
    return [pair for pair in examples if not known & {pair[0].casefold(), pair[1].casefold()}]


def _shown(question: str, examples: Sequence[tuple[str, str]], first: int) -> list[Message]:
    """`SHOWN` examples from place `first` on, in a circle."""
    messages: list[Message] = [("system", INSTRUCTION)]
    for place in range(min(SHOWN, len(examples))):
        original, reworded = examples[(first + place) % len(examples)]
        messages += [("user", original), ("assistant", reworded)]
    return [*messages, ("user", question)]
