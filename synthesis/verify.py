"""Whether a statement really answers the question made from it: the model is asked, with the statement.

A pair made by rule is only a guess ("my bus is at 8" is no answer to "Where is my bus?"). So the question is
put to a model that reads the statement among other notes, and what it says must hold the fact of the answer.
Among notes, because a small model shown one sentence repeats it whatever is asked; with others to choose
from it repeats another one, or makes something up, when the sentence does not answer. The check is the round
trip of Alberti et al. (ACL 2019), with the rules' answer in place of a second reader. Knows a statement pair
and an `ask` callable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from synthesis.checks import words_of
from synthesis.english import capitalised
from synthesis.kinds import fits_kind, kind_of
from synthesis.prompts import Message
from synthesis.rules import reword
from synthesis.statements import StatementPair
from synthesis.words import SMALL, meaning_of

Ask = Callable[[list[Message]], str]
"""The conversation so far -> what the model answers, without its adapters and without chance."""

INSTRUCTION = "Answer from the notes in one short sentence."
# (note, question, answer), made up; three of those in use are asked about before the question itself.
_NOTES = (
    ("My neighbour is called Otto.", "What is my neighbour called?", "Your neighbour is called Otto."),
    ("My aunt has a red boat.", "What colour is my aunt's boat?", "Your aunt's boat is red."),
    ("I bought my bicycle in Ghent.", "Where did I buy my bicycle?", "You bought your bicycle in Ghent."),
    ("My shoe size is 41.", "What is my shoe size?", "Your shoe size is 41."),
    ("The choir meets at seven.", "When does the choir meet?", "The choir meets at seven."),
    ("My landlord plays the tuba.", "What does my landlord play?", "Your landlord plays the tuba."),
    ("I lent my drill to Hugo.", "Who did I lend my drill to?", "You lent your drill to Hugo."),
)
NOTES, ASKED = 4, 3
TRIES = 3
NO = frozenset("no not never none nobody nothing don't doesn't isn't aren't wasn't didn't can't".split())


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is "" when confirmed; `said` is what the model answered, "" when it was not asked."""

    confirmed: bool
    said: str
    reason: str


def confirm(pair: StatementPair, ask: Ask) -> Verdict:
    """Ask the model the pair's question with the statement in the prompt; confirmed if it says the fact.

    An answer that is plainly of another kind than the question wants is rejected without asking.
    """
    if not fits_kind(pair.question, pair.answer):
        return Verdict(False, "", "other kind of answer")
    first = ""
    for question in [pair.question, *reword(pair.question)[: TRIES - 1]]:
        said = ask(question_among_notes(pair.statement, question))
        if says_the_fact(pair.question, pair.answer, said):
            return Verdict(True, said, "")
        first = first or said
    return Verdict(False, first, "not confirmed by the model")


def question_among_notes(statement: str, question: str) -> list[Message]:
    """The statement as one of several notes, questions about others answered, then the question."""
    about = _content(statement) | _content(question)
    # A note about the same thing would be a second answer.
    usable = [note for note in _NOTES if not about & (_content(note[0]) | _content(note[1]))]
    shown = (usable + [note for note in _NOTES if note not in usable])[:NOTES]
    notes = [note for note, _, _ in shown]
    notes.insert(NOTES // 2, capitalised(statement.strip().rstrip(".!; ")) + ".")
    examples = shown[:ASKED]
    messages: list[Message] = [("system", INSTRUCTION)]
    opening = "Notes:\n" + "\n".join(f"- {note}" for note in notes) + "\n\n"
    for number, (_, asked, answer) in enumerate(examples):
        messages += [("user", opening + asked if number == 0 else asked), ("assistant", answer)]
    return [*messages, ("user", question)]


def says_the_fact(question: str, answer: str, said: str) -> bool:
    """Whether `said` holds what `answer` adds to `question`.

    Where an answer only agrees ("Yes, you are vegan.") or chooses ("You prefer trains to planes."), it must
    hold the same words in the same order; any other answer without words of its own says nothing. A "not" on
    one side alone is a no.
    """
    heard = [meaning_of(word) for word in words_of(said)]
    if bool(NO & set(words_of(said))) != bool(NO & set(words_of(answer))):
        return False
    fact = fact_of(question, answer)
    if fact:
        return all(meaning in heard for meaning in fact)
    if kind_of(question) != "polar" and " or " not in question.casefold():
        return False
    rest = iter(heard)
    return all(meaning_of(word) in rest for word in words_of(answer) if _carries(word))


def fact_of(question: str, answer: str) -> frozenset[str]:
    """Meanings of the telling words that the answer has and the question has not; numbers are telling."""
    known = {meaning_of(word) for word in words_of(question)}
    return frozenset(meaning_of(word) for word in words_of(answer) if _carries(word)) - known


def _carries(word: str) -> bool:
    return word not in SMALL and word not in ("yes", "no")


def _content(text: str) -> set[str]:
    return {meaning_of(word) for word in words_of(text) if _carries(word)} - {"name", "what", "where", "who"}
