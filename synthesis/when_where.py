"""Ways of asking for a time or a place that differ in structure, and the parts of a question they share."""

from __future__ import annotations

import re
from collections.abc import Iterator

from synthesis.english import PREPOSITIONS, is_plural
from synthesis.frames import BIRTHDAYS
from synthesis.questions import Question


def trait_of(question: Question) -> tuple[str, str]:
    """(owner, trait) of "my dog's name" or "the name of my dog"; ("", "") otherwise."""
    if question.aux not in ("is", "are", "was") or question.rest:
        return "", ""
    of = re.fullmatch(r"the ([\w -]+?) (?:of|for) (.+)", question.subject)
    if of and not (set(of[1].split()) & PREPOSITIONS):
        return of[2], of[1]
    owned = re.fullmatch(r"(.+)'s ([\w -]+)", question.subject)
    return (owned[1], owned[2]) if owned else ("", "")


def dates(question: Question) -> Iterator[str]:
    owner, trait = trait_of(question)
    if question.wh in ("when", "what", "what date", "which day", "what day") and trait == "birthday":
        yield from (frame.format(owner) for frame in BIRTHDAYS)
    elif (
        question.wh == "when"
        and question.aux in ("is", "was", "are")
        and question.subject
        and not question.rest
    ):
        be, what = question.aux, question.subject
        yield f"On which day {be} {what}?"
        if be != "are":
            yield f"What is the date of {what}?"
        if not re.search(r" (?:due|over|free|open|closed|ready|back|home)$", what):
            yield f"When {'did' if be == 'was' else 'do' if be == 'are' else 'does'} {what} take place?"
        yield f"What day {be} {what}?"
        yield f"{upper(what)} {be} when?"
        if what.startswith("my "):
            do = "did" if be == "was" else "do"
            yield f"When {do} I have {what}?"
            yield f"Which day {be} {what} on?"
    elif question.wh == "when" and question.aux:
        rest = tail(question)
        yield f"On which day {rest}?"
        yield (
            f"At what time {rest}?"
            if question.aux in ("do", "does") and "expire" not in rest
            else f"On what date {rest}?"
        )
        yield f"What is the time when {question.statement()}?"
    if question.wh in ("what time", "at what time"):
        rest = tail(question)
        yield f"At what time {rest}?"
        yield f"When {rest}?"
        yield f"At what hour {rest}?"
        yield f"At which time {rest}?"


def places(question: Question) -> Iterator[str]:
    if question.wh != "where" or not question.aux or not question.subject:
        return
    rest, statement = tail(question), question.statement()
    keeps = re.fullmatch(
        r"(?:usually |normally |always )?(keep|store|hide|leave|put|park) (.+)", question.rest
    )
    movable = keeps is not None and question.subject == "I" and question.aux in ("do", "did", "have")
    if movable and keeps:
        thing = keeps[2]
        yield f"Where {'are' if is_plural(thing) else 'is'} {thing}?"
        yield f"Where can I find {thing}?"
        yield f"In which place {rest}?"
        yield (
            f"Where {'are' if is_plural(thing) else 'is'} {thing} kept?"
            if question.aux == "do"
            else f"Where have I put {thing}?"
        )
        yield f"What is the place where {statement}?"
        yield f"Where should I look for {thing}?"
        yield f"Where would I find {thing}?"
    elif question.aux in ("is", "are") and not question.rest:
        yield f"Where can I find {question.subject}?"
        yield f"In which place {rest}?"
        yield f"Where do I find {question.subject}?"
        yield f"In what place can {question.subject} be found?"
        yield f"Where {question.aux} {question.subject} located?"
        yield f"Where should I look for {question.subject}?"
    else:
        yield f"In which place {rest}?"
        yield (
            f"What is the place where {statement}?"
            if question.aux != "did"
            else f"What was the place where {statement}?"
        )
        yield f"At what place {rest}?"
        yield f"Where is it that {statement}?"
        yield f"Which is the place where {statement}?"


def tail(question: Question) -> str:
    return " ".join(part for part in (question.aux, question.subject, question.rest) if part)


def upper(text: str) -> str:
    return text[:1].upper() + text[1:]
