"""Which pairs may take part in learning together: style and skill may, facts stay. In doubt a pair stays.

Looks at a question and its answer with rules alone, so that every decision has reasons the owner can read.
It knows neither chats nor models. A pair that stays takes no part in any measurement, so nothing of it can be
in a report. The owner's veto comes on top and only ever keeps more at home.

The rules are for English; a text in another script, or without a request that is known to be about style or
skill, stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from federation.routing_words import (
    COMMON,
    COUNTED,
    HOW_TO,
    NAMES,
    NUMBERS,
    PERSONAL,
    PUBLIC_CAPITALS,
    SENSITIVE,
    SKILLS,
)


class Doubt(StrEnum):
    """Why a pair stays; the value is a sentence for the owner."""

    VETO = "You said that it stays."
    EMPTY = "There is too little to judge."
    SCRIPT = "It is not written in a script that can be judged."
    PERSON = "It speaks of you or of somebody close to you."
    SENSITIVE = "It touches something people keep to themselves."
    NAME = "It seems to name somebody or something."
    NUMBER = "It holds a number or a date."
    CONTACT = "It holds an address, a link, a file or an amount."
    NO_SKILL = "The question is not clearly about how to do or say something."
    NEW_FACT = "The answer holds something that the question does not give."


@dataclass(frozen=True, slots=True)
class Route:
    """`doubts` in the order of the rules; a pair without any may be shared."""

    doubts: tuple[Doubt, ...]

    @property
    def shareable(self) -> bool:
        return not self.doubts


# A short answer is a fact when this share of its telling words is new; a long one explains.
SHORT_ANSWER_WORDS = 15
MOST_NEW = 0.34

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_CONTACT = re.compile(
    r"[@$€£¥#]|www\.|://|\b\w+\.(?:com|org|net|io|dev|de|uk|eu)\b|[~/\\]\w+[/\\.]|\b[A-Z]:\\"
)
_LIST_MARK = re.compile(r"(?m)^\s*(?:\d{1,2}[.)]|[-*•])\s+")
_STARTS = re.compile(r"(?:^|[.!?:;\n\"“”'‘(]|\*\*)\s*[\"“'‘(]?\s*$")
_POLITE = re.compile(
    r"^(?:please|kindly|hey|hi|hello|ok|okay|now|then|and|can you|could you|would you|will you)\b[,!]?\s*"
)
_FOR_ME = re.compile(r"\b(give|show|tell|teach|help|write|make|suggest|find|let|for|explain to) (?:me|us)\b")
_HOW_TO = re.compile(
    r"^(?:how|what is the best way) (?:do|can|could|should|would|to)(?: i| we| you| one)?(?: to)? (\w+)"
)
_GENERAL = re.compile(
    r"^(?:what (?:is|are) (?:an?|some|the (?:difference|meaning|plural|opposite|past tense)\b)"
    r"|what does \w+ mean"
    r"|why (?:do|are|does|is) (?!the\b|this\b|that\b|it\b|there\b|you\b)\w+"
    r"|how (?:do|does|are|is) (?:an? )?\w+s? (?:work|made|differ))"
)
# "Tell me what the code for the door is" only looks like a skill.
_ASKS_FOR_A_FACT = re.compile(
    r"^(?:give|show|tell|use|help|answer|list|describe|explain) (?:me |us )?"
    r"(?:who|when|where|whose|what the|about the|the|how the)\b"
)
_ABOUT_YOU = re.compile(
    r"\byou(?:'re|'ve| are| were| have| had| live| lived| like| liked| love| loved| work| worked| prefer"
    r"| hate| said| told| bought| went| own| owe| weigh| drive| study| met| meet)\b"
)


def route(question: str, answer: str, *, vetoed: bool = False) -> Route:
    """Where a pair belongs. Never raises; whatever cannot be judged stays."""
    doubts = [Doubt.VETO] if vetoed else []
    asked, told = _plain(question), _LIST_MARK.sub("\n", _plain(answer))
    question_words, answer_words = _lower(asked), _lower(told)
    if not question_words or not any(letter.isalnum() for letter in told):
        doubts.append(Doubt.EMPTY)
    both = f"{asked}\n{told}"
    every = {*question_words, *answer_words}
    if any(letter.isalpha() and not _is_latin(letter) for letter in both):
        doubts.append(Doubt.SCRIPT)
    if _person(asked, told):
        doubts.append(Doubt.PERSON)
    if every & SENSITIVE:
        doubts.append(Doubt.SENSITIVE)
    written = {*_WORD.findall(asked), *_WORD.findall(told)}
    if every & NAMES or _names(asked, written) or _names(told, written):
        doubts.append(Doubt.NAME)
    if any(letter.isdigit() for letter in both) or _number_words(question_words, answer_words):
        doubts.append(Doubt.NUMBER)
    if _CONTACT.search(both):
        doubts.append(Doubt.CONTACT)
    if not _is_skill(asked):
        doubts.append(Doubt.NO_SKILL)
    if _new_fact(question_words, answer_words):
        doubts.append(Doubt.NEW_FACT)
    return Route(tuple(doubts))


def _plain(text: str) -> str:
    return text.replace("’", "'").strip()


def _lower(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _is_latin(letter: str) -> bool:
    # Up to Latin Extended-B: other scripts have no capitals to notice names by, or lists of no use there.
    return ord(letter) < 0x250


def _person(question: str, answer: str) -> bool:
    # "Give me" and "how do I" ask; they tell nothing about who asks.
    asked = _FOR_ME.sub(r"\1", question.lower())
    skill = _HOW_TO.match(_polite(asked))
    if skill and skill[1] in HOW_TO:
        asked = re.sub(r"\b(?:i|we)\b", " ", asked, count=1)
    words = {*_lower(asked), *_lower(answer)}
    return bool(words & PERSONAL) or bool(_ABOUT_YOU.search(answer.lower()))


def _names(text: str, written: set[str]) -> bool:
    """Whether a capital stands where English wants none, or begins a sentence with a word nobody knows."""
    for match in _WORD.finditer(text):
        word, small = match[0], match[0].lower()
        if word == small or small in PUBLIC_CAPITALS or word == "I":
            continue
        begins = _STARTS.search(text[: match.start()]) and (len(word) == 1 or word[1:].islower())
        known = small in COMMON or small in SKILLS or small in written or _plain_shape(small)
        if not begins or not known:
            return True
    return False


def _plain_shape(word: str) -> bool:
    return word.endswith(
        (
            "ing",
            "ly",
            "ed",
            "tion",
            "tions",
            "ment",
            "ness",
            "ity",
            "ism",
            "ies",
            "able",
            "ful",
            "less",
            "ous",
        )
    )


def _number_words(question: list[str], answer: list[str]) -> bool:
    for word, following in pairwise([*question, ""]):
        if word in NUMBERS and following not in COUNTED:
            return True
    return bool(NUMBERS & set(answer) - set(question))


def _polite(question: str) -> str:
    stripped = question.lower().strip()
    while (shorter := _POLITE.sub("", stripped)) != stripped:
        stripped = shorter
    return stripped


def _is_skill(question: str) -> bool:
    """Whether the question asks for a way of doing or saying something, from its first words."""
    asked = _polite(question)
    first = _WORD.match(asked)
    if first and first[0] in SKILLS:
        return not _ASKS_FOR_A_FACT.match(asked)
    how = _HOW_TO.match(asked)
    return bool(how and how[1] in HOW_TO) or bool(_GENERAL.match(asked))


def _new_fact(question: list[str], answer: list[str]) -> bool:
    """Whether a short answer says much that neither the question nor everyday words hold."""
    telling = [word for word in answer if word not in COMMON]
    if len(answer) > SHORT_ANSWER_WORDS or not telling:
        return False
    stems = {_stem(word) for word in question}
    new = [word for word in telling if _stem(word) not in stems]
    return len(new) / len(telling) > MOST_NEW


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "ly", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return word[: -len(ending)].rstrip("e")
    return word.rstrip("e")
