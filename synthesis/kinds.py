"""What kind of thing a question asks for, and whether an answer can be of that kind.

"Where" wants a place and not an hour, "how old" a number that an age can have. Judged by words alone, so it
finds only answers that are plainly of another kind; everything else passes. Knows one question and one
answer.
"""

from __future__ import annotations

import re

from synthesis.checks import words_of
from synthesis.questions import parse
from synthesis.words import meaning_of

_PLACES = frozenset("city town country village street place spot".split())
_TIMES = frozenset("day date time weekday month hour".split())
_PLACED = frozenset(
    """in on at under behind inside beside next near above below by between beneath over with to from for
    across around outside off opposite through""".split()
)
_PLACE_ADVERBS = frozenset("abroad upstairs downstairs here there home outside nearby anywhere".split())
_CLOCK = frozenset(
    """january february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays
    weekday weekdays weekend weekends noon midday midnight morning mornings afternoon afternoons evening
    evenings night nights day days week weeks month months year years hour hours minute minutes moment
    spring summer autumn winter christmas easter birthday today tomorrow eighties nineties sixties seventies
    meeting childhood""".split()
)
_NUMBERS = frozenset(
    """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred""".split()
)
_AMOUNTS = _NUMBERS | frozenset(
    "no none few several many some dozen couple half both thousand million".split()
)
_OLDEST = 130
_ACT = re.compile(
    r"what (?:do|did|am|does|is|are) (?:.+? )?(study|studying|play|learn|learning|eat|read|teach)$"
)


def kind_of(question: str) -> str:
    """place, time, name, age, amount, reason, manner, polar (yes or no) or thing, for anything else."""
    parsed = parse(question)
    words = words_of(parsed.direct() if parsed is not None else question)
    asking = {
        word for word in ("where", "when", "who", "whose", "how", "why", "what", "which") if word in words
    }
    after_how = words[words.index("how") + 1 :][:1] if "how" in asking else []
    if not asking:
        return "polar"
    if asking & {"who", "whose"} or {meaning_of(word) for word in words} & {"name"}:
        return "name"
    if after_how == ["old"] or "age" in words:
        return "age"
    if "where" in asking or (asking & {"what", "which"} and _PLACES & set(words)):
        return "place"
    if "when" in asking or (asking & {"what", "which"} and _TIMES & set(words)):
        return "time"
    if after_how and after_how[0] in ("many", "much"):
        return "amount"
    if "why" in asking:
        return "reason"
    return "manner" if after_how and after_how[0] in ("do", "does", "did", "am", "is", "are") else "thing"


def fits_kind(question: str, answer: str) -> bool:
    """False when `answer` is plainly of another kind than `question` asks for."""
    kind, words = kind_of(question), words_of(answer)
    if kind == "place":
        return bool(set(words) & _PLACE_ADVERBS) or _is_placed(words, set(words_of(question)))
    if kind == "time":
        return bool(set(words) & _CLOCK) or any(_is_number(word) for word in words)
    if kind == "age":
        return any(word in _NUMBERS or (word.isdigit() and int(word) <= _OLDEST) for word in words)
    if kind == "amount":
        return any(word in _AMOUNTS or _is_number(word) for word in words)
    act = _ACT.match(question.casefold().rstrip("?! "))
    if kind == "thing" and act:
        # "You studied in Paris" tells where, not what.
        follows = re.search(rf"\b{act[1][:4]}\w*\s+(\w+)", answer.casefold())
        return follows is None or follows[1] not in {"in", "at", "on", "with", "near", "during", "under"}
    return True


def _is_placed(words: list[str], asked: set[str]) -> bool:
    """Whether a word of place is followed by something that is no time and not from the question."""
    for place, word in enumerate(words):
        if word in _PLACED:
            after = [
                each for each in words[place + 1 :] if each not in ("the", "a", "an", "my", "your", "our")
            ]
            told = [each for each in after if each not in asked]
            if told and not _tells_time(told):
                return True
    return False


def _tells_time(words: list[str]) -> bool:
    return words[0] in _CLOCK or (
        (_is_number(words[0]) or words[0] in _NUMBERS)
        and (len(words) == 1 or words[1] in _CLOCK | {"o'clock"})
    )


def _is_number(word: str) -> bool:
    return any(letter.isdigit() for letter in word) or word in _NUMBERS
