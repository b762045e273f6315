"""Ways of asking that differ in structure: by what is asked (a name, an age, a place, a date, what one
likes best …).

Given a question taken apart, yields whole questions with the same meaning. Knows no texts but its own frames.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from synthesis.english import PREPOSITIONS, ends_with_complement, is_plural
from synthesis.frames import (
    AGES,
    AGES_OF_ME,
    ALLERGIES,
    BIRTHPLACES,
    HOMES,
    JOBS,
    JOBS_OF_ME,
    MY_BIRTHDAY,
    NAMES,
    NAMES_OF_A_PERSON,
    WORKPLACES,
)
from synthesis.guards import swap_groups
from synthesis.questions import Question
from synthesis.when_where import dates, places, tail, trait_of, upper

_PETS = frozenset(word for member in swap_groups()[0] for word in member)
# Whole questions about oneself that have sisters: whichever comes, the others are offered.
_ABOUT_ME = (
    NAMES_OF_A_PERSON,
    AGES_OF_ME,
    JOBS_OF_ME,
    ALLERGIES,
    HOMES,
    WORKPLACES,
    BIRTHPLACES,
    MY_BIRTHDAY,
)


def structural(question: Question) -> Iterator[str]:
    """Questions of the same meaning in other structures, the most natural first; the question itself may
    be among them."""
    for sisters in _ABOUT_ME:
        if question.direct() in sisters:
            yield from sisters
            return
    for family in _FAMILIES:
        yield from family(question)


def _names(question: Question) -> Iterator[str]:
    owner, trait = trait_of(question)
    name_asked = (
        question.wh == "what"
        and question.aux == "is"
        and (trait == "name" or (question.rest in ("called", "named") and question.subject))
    )
    name = owner if trait == "name" else question.subject
    if not name_asked or name.lower() in ("i", "you"):
        return
    yield from (frame.format(name) for frame in NAMES)
    if name.split()[-1] in _PETS:
        yield f"What name did I give {name}?"


def _ages(question: Question) -> Iterator[str]:
    owner, trait = trait_of(question)
    if (question.wh == "how old" and question.aux == "is" and not question.rest) or trait == "age":
        name = owner or question.subject
        yield from (frame.format(name) for frame in AGES)


def _jobs(question: Question) -> Iterator[str]:
    owner, trait = trait_of(question)
    about_work = (
        question.wh == "what"
        and question.aux == "does"
        and question.rest
        in (
            "do",
            "do for work",
            "do for a living",
            "work as",
        )
    )
    if trait in ("job", "profession", "occupation") or about_work:
        yield from (frame.format(owner or question.subject) for frame in JOBS)


def _people(question: Question) -> Iterator[str]:
    if question.wh == "who" and question.aux == "is" and question.subject and not question.rest:
        if re.match(r"(?:my|our) favou?rite ", question.subject):
            return
        who = question.subject
        yield f"What is {who}'s name?"
        yield f"What's the name of {who}?"
        yield f"Which person is {who}?"
        yield f"What is {who} called?"
        yield f"Who do I have as {who}?" if who.startswith("my ") else f"Who would {who} be?"
        yield f"Do you know the name of {who}?"
    elif question.wh == "who" and not question.subject:
        said = f"{question.aux} {question.rest}".strip()
        yield f"Which person {said}?"
        yield f"Who is it that {said}?"
        yield f"Who is the person who {said}?"
        yield f"What is the name of the person who {said}?"
    elif question.wh == "who" and question.aux not in ("is", "was", "are"):
        yield f"Which person {tail(question)}?"
        yield f"Who is the person {question.statement()}?"
        yield f"Who is it that {question.statement()}?"


def _favourites(question: Question) -> Iterator[str]:
    match = re.fullmatch(r"(my|our|.+'s) (favou?rite) (.+)", question.subject)
    if match and not question.rest and question.wh in ("what", "which", "who"):
        whose, favourite, thing = match.groups()
        do, who, verb = (
            ("do", "I", "like")
            if whose == "my"
            else ("do", "we", "like")
            if whose == "our"
            else (
                "does",
                whose[:-2],
                "like",
            )
        )
        kind = thing if len(thing.split()) < 5 else "one"
        be = "are" if is_plural(thing) else "is"
        yield f"Which {kind} {do} {who} {verb} best?"
        yield f"What {kind} {do} {who} like most?"
        yield f"What {kind} {be} {whose} {favourite}?"
        yield f"Which {kind} {do} {who} prefer?"
        yield f"Which {kind} {do} {who} enjoy the most?"
    liked = re.fullmatch(r"(?:like|prefer|enjoy|love)(?: the)? (?:most|best)", question.rest)
    if liked and question.aux == "do" and question.subject == "I" and len(question.wh.split()) > 1:
        thing = question.wh.split(maxsplit=1)[1]
        yield f"What is my favourite {thing}?"
        yield f"Which {thing} is my favourite?"
        yield f"What {thing} do I prefer?"


def _kinds(question: Question) -> Iterator[str]:
    """ "what" and "which" take one another's place; a stranded preposition may come first."""
    words = question.wh.split()
    if len(words) > 1 and words[0] in ("what", "which") and words[1] not in ("time", "of"):
        rest, phrase = tail(question), " ".join(words[1:])
        other = "which" if words[0] == "what" else "what"
        yield f"{other} {phrase} {rest}?"
        final = rest.split()[-1] if rest else ""
        if final in PREPOSITIONS and len(rest.split()) > 2:
            yield f"{final} {other} {phrase} {rest.rsplit(' ', 1)[0]}?"
        if question.subject:
            if question.aux not in ("is", "are") or question.rest:
                if words[1] != "size":
                    yield f"What {'are' if is_plural(phrase) else 'is'} the {phrase} {question.statement()}?"
        for kind, others in (("kind of", ("sort of", "type of")), ("sort of", ("kind of", "type of"))):
            if phrase.startswith(kind + " "):
                yield from (f"what {one} {phrase[len(kind) + 1 :]} {rest}?" for one in others)
        if (
            phrase in ("colour", "color", "breed", "brand", "size")
            and question.aux == "is"
            and question.subject
        ):
            yield f"What is the {phrase} of {question.subject}?"
            yield f"What is {question.subject}'s {phrase}?"
            yield f"What {phrase} does {question.subject} have?"
    elif (
        question.wh == "what"
        and question.aux in ("do", "does", "did", "am", "are", "is", "should")
        and question.rest
        and (question.aux == "am" or not ends_with_complement(question.rest.split()[0]))
        and question.subject
    ):
        yield f"What is it that {question.statement()}?"
        yield f"Which thing {tail(question)}?"


def _traits(question: Question) -> Iterator[str]:
    """ "my car's number plate", "the number plate of my car"."""
    owner, trait = trait_of(question)
    if (
        question.wh == "what"
        and owner
        and trait not in ("name", "age", "job", "birthday")
        and "favourite" not in trait
    ):
        yield f"What is the {trait} of {owner}?"
        if len(owner.split()) < 4:
            yield f"What is {owner}'s {trait}?"
            yield f"Which {trait} does {owner} have?"
    elif (
        question.wh == "what"
        and question.aux == "is"
        and not question.rest
        and question.subject.startswith("my ")
    ):
        thing = question.subject[3:]
        if "favourite" not in thing and "favorite" not in thing and " of " not in thing and "'s" not in thing:
            yield f"Which {thing} do I have?" if len(thing.split()) < 4 else f"Which {thing} is mine?"
            yield f"Which one is my {thing}?"
            yield f"My {thing}: what is it?"


def _manner(question: Question) -> Iterator[str]:
    if question.wh == "how" and question.aux in ("do", "does", "did") and question.subject:
        yield f"In what way {tail(question)}?"
        yield (
            f"What is the way {question.statement()}?"
            if question.aux != "did"
            else f"How was it that {question.statement()}?"
        )
        yield (
            f"How is it that {question.statement()}?"
            if question.aux == "does"
            else f"How exactly {tail(question)}?"
        )
    elif question.wh == "how tall" and question.subject:
        yield "What is my height?" if question.subject == "I" else f"What is {question.subject}'s height?"
        yield f"What height {tail(question)}?"
    elif question.wh.startswith("how many ") and question.subject:
        yield f"What is the number of {question.wh[9:]} {question.statement()}?"
    elif question.wh == "how often" and question.subject:
        yield f"How many times {tail(question)}?"
        yield f"How frequently {tail(question)}?"
    elif question.wh == "how long" and question.subject:
        yield f"For how long {tail(question)}?"
        yield f"For how much time {tail(question)}?"
    elif question.wh == "why" and question.subject:
        yield f"For what reason {tail(question)}?"
        yield f"What is the reason why {question.statement()}?"
        yield f"How come {question.statement()}?"


def _polar(question: Question) -> Iterator[str]:
    if question.wh or not question.subject:
        return
    statement = re.sub(r"\b(?:any|ever) | yet$", "", question.statement())
    yield f"Is it true that {statement}?"
    yield f"Is it right to say that {statement}?"
    yield f"{upper(statement)}, right?"
    yield f"Would you say that {statement}?"
    yield f"Is it the case that {statement}?"
    have = re.fullmatch(r"have (.+)", question.rest)
    if have and question.aux == "do":
        yield f"Have {question.subject} got {have[1]}?"


_FAMILIES: tuple[Callable[[Question], Iterator[str]], ...] = (
    _names,
    _ages,
    _jobs,
    _favourites,
    _people,
    dates,
    places,
    _traits,
    _kinds,
    _manner,
    _polar,
)
