"""What a rewording must pass before an answer is attached to it.

Every check is a pure function of texts and numbers and returns a reason or None; meaning is judged by
similarity
numbers the caller computes. The bounds keep out copies on one side and other questions on the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from synthesis.guards import swap_groups
from synthesis.words import ENGLISH, FOREIGN_WORDS, PAST, PRESENT, SMALL, meaning_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """ROUGE-1 F and cosine a rewording must lie within; only copies have a ROUGE-1 above `rouge1_most`."""

    rouge1_least: float = 0.15
    rouge1_most: float = 0.90
    cosine_least: float = 0.75
    cosine_least_rules: float = 0.55
    """For wordings made by rule, whose meaning is kept by construction."""


_ASK_WORDS = ("where", "when", "why", "who", "whom", "whose", "how", "what", "which")
_POLAR = frozenset("is are am was were do does did have has can could will would should".split())
_PLACE = frozenset(
    "city town street address place country village school company shop area spot floor shelf room".split()
)
_TIME = frozenset("day date time year month birthday week hour season anniversary weekday birth".split())
_REQUEST = re.compile(
    r"^(please )?(tell|remind|give|name|say|state|let me know|show|help|i'd like|i would like|i want"
    r"|i need|i forgot"
    r"|i've forgotten|i have forgotten|i can't|i cannot|i don't|i wonder|i was wondering)\b"
)
_LEADS = re.compile(
    r"\b(have i (ever )?told you|(can|could|would|will) you( (say|happen))?|do you( still"
    r"| happen to)? (know|remember|recall|think|want)"
    r"|(tell|remind|give|show|told|help|ask) (me|you)|let me know|i (forgot|wonder|was wondering"
    r"|have forgotten|need|want|can't|cannot|don't|told)"
    r"( (remember|recall|know|to know))?|i'd like( you)?( to know)?|i've forgotten|please)\b"
)


def find_fault(question: str, answer: str, wording: str, *, by_rule: bool = False) -> str | None:
    """Why `wording` must not stand for `question`, judged by its words alone; None when nothing is wrong.

    A wording made by rule keeps its meaning by construction; only what depends on the words put in is
    checked.
    """
    if not wording.strip() or "\n" in wording.strip():
        return "not one line"
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("copy", lambda: same_text(question, wording)),
        ("other language", lambda: language_of(wording) not in (language_of(question) or "en", "")),
        ("not a question", lambda: not still_asks(question, wording)),
        ("other person", lambda: not same_person(question, wording)),
        ("answer inside", lambda: leaks_answer(question, answer, wording)),
    )
    free: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("other kind of question", lambda: not same_kind(question, wording)),
        ("other time", lambda: not same_time(question, wording)),
        ("something else", lambda: names_another(question, wording) or drops_the_thing(question, wording)),
        ("adds something", lambda: bool(new_words(question, _LEADS.sub(" ", wording.casefold())))),
        ("garbled", lambda: is_garbled(question, wording)),
    )
    return next((reason for reason, wrong in (checks if by_rule else checks + free) if wrong()), None)


def same_text(first: str, second: str) -> bool:
    return words_of(first) == words_of(second)


def still_asks(question: str, wording: str) -> bool:
    """A question stays a question, or becomes a request to be told."""
    if not question.rstrip().endswith("?"):
        return True
    return wording.rstrip().endswith("?") or bool(_REQUEST.match(wording.strip().lower()))


def same_person(question: str, wording: str) -> bool:
    """ "my" stays "my": nothing of the owner's may become the assistant's, nor the other way round."""
    asked, said = persons_of(question), persons_of(wording)
    # "Where do I keep the key?" may become "Where is the key?"; with "my key" or without a thing it may not.
    impersonal = (
        asked == {"I"} and not said and " my " not in question.lower() and " the " in question.lower()
    )
    # "What did I give my aunt?" is not "What did my aunt give me?".
    did, does = (set(words_of(_after_leads(text))) & {"i", "me"} for text in (question, wording))
    return (asked == said or impersonal) and not (did and does and not did & does)


def same_kind(question: str, wording: str) -> bool:
    """Where stays where: a question for a place does not turn into one for a time or a person."""
    asked, said, words = _asking(question), _asking(wording), words_of(wording)
    led = bool(_LEADS.search(wording.lower()) or _REQUEST.match(wording.lower()))
    if not asked:
        own_modal = bool({"can", "could", "should"} & set(words_of(question)[:1]))
        moved = bool({"can", "could", "should"} & set(words[:1])) and not led and not own_modal
        return not _is_polar(question) or (
            not (said and not led) and not moved and (_is_polar(wording) or led or "right" in words)
        )
    if not said:
        return led
    told_apart = {
        "where": _PLACE | {"spot", "place"},
        "when": _TIME,
        "who": {"whose", "name", "called", "person"},
    }
    if any(word in asked and word not in said and not told_apart[word] & set(words) for word in told_apart):
        return False
    content = set(words_of(question))
    allowed = {"what", "which"} | asked
    if (
        "how" in asked
        and "how" not in said
        and words_of(question)[:2] in (["how", word] for word in ("do", "does", "did"))
    ):
        return "way" in words_of(wording)
    if "who" in asked:
        allowed |= {"whose"}
    if "why" in asked and "how come" in wording.lower():
        allowed |= {"how"}
    if asked & {"what", "which"}:
        allowed |= {"where"} if content & _PLACE else set()
        allowed |= {"when"} if content & _TIME else set()
        allowed |= (
            {"who"}
            if content & {"name", "called", "singer", "author", "person", "band", "actor", "writer"}
            else set()
        )
        allowed |= (
            {"how"}
            if content & {"age", "height", "size", "number", "weight", "amount", "way", "birthday"}
            else set()
        )
    return said <= allowed and (not _is_polar(wording) or led)


def same_time(question: str, wording: str) -> bool:
    """What is so now does not turn into what was, judged by the auxiliary verbs; past may be told in the
    present."""
    asked, said = set(words_of(question)), set(words_of(_LEADS.sub(" ", wording.casefold())))
    return bool(asked & PAST) or not (
        asked & PRESENT and said & PAST and not said & (PRESENT - {"have", "has"})
    )


def names_another(question: str, wording: str) -> bool:
    """Whether a word of the question was replaced by another thing of its kind ("dog" by "cat")."""
    asked, said = f" {' '.join(words_of(question))} ", f" {' '.join(words_of(wording))} "
    for group in swap_groups():
        before = {
            number
            for number, member in enumerate(group)
            if any(f" {word.lower()} " in asked for word in member)
        }
        after = {
            number
            for number, member in enumerate(group)
            if any(f" {word.lower()} " in said for word in member)
        }
        meanings = {meaning_of(word) for number in before for word in group[number]}
        if before and any(meaning_of(group[number][0]) not in meanings for number in after - before):
            return True
    return False


def drops_the_thing(question: str, wording: str) -> bool:
    """Whether something that the question is about is gone: a word after "my", or more than a quarter of
    what it says."""
    asked = [meaning_of(word) for word in words_of(question) if _carries(word)]
    said = {meaning_of(word) for word in words_of(wording)}
    kept = [meaning for meaning in asked if _in(meaning, said)]
    owned = {meaning_of(word) for word in _owned(question) if _carries(word)}
    if "favourite" in words_of(question) or "favorite" in words_of(question):
        owned.add("favourite")
    return any(not _in(meaning, said) for meaning in owned) or len(asked) - len(kept) > len(asked) // 4


def leaks_answer(question: str, answer: str, wording: str) -> bool:
    """Whether the wording holds a word that the answer brings and the question does not."""
    known = {meaning_of(word) for word in words_of(question)}
    secret = {meaning_of(word) for word in words_of(answer) if word not in SMALL} - known
    secret -= {meaning_of(word) for word in ("name", "favourite", "work", "live", "birthday", "age", "keep")}
    return any(meaning_of(word) in secret for word in words_of(wording) if word not in SMALL)


def new_words(question: str, wording: str) -> set[str]:
    """Words that carry meaning and come neither from the question nor from the usual ways of asking."""
    known = {meaning_of(word) for word in words_of(question)}
    asking = _asking(question)
    allowed = (_PLACE if "where" in asking else frozenset()) | (_TIME if "when" in asking else frozenset())
    allowed |= {"name", "called"} if "who" in asking else set()
    allowed |= {"reason", "come"} if "why" in asking else set()
    allowed |= {"home", "address"} if "live" in known else set()
    return {
        word
        for word in words_of(wording)
        if _carries(word) and not _in(meaning_of(word), known) and word not in allowed
    }


def is_garbled(question: str, wording: str) -> bool:
    """A word said twice in a row, a telling word more often than the question has it, or mere repetition."""
    words, asked = words_of(wording), words_of(question)
    doubled = any(first == second for first, second in pairwise(words))
    echoed = any(words.count(word) > max(1, asked.count(word)) for word in words if _carries(word))
    return doubled or echoed or (len(words) > 5 and len(set(words)) < 0.6 * len(words))


def language_of(text: str) -> str:
    """ "en", another language by its small words, "other" for another script, "" when the words do not
    tell."""
    letters = [letter for letter in text if letter.isalpha()]
    if any(not unicodedata.name(letter, "").startswith("LATIN") for letter in letters):
        return "other"
    words = re.findall(r"[^\W\d_']+(?:'[^\W\d_]+)?", text.lower())
    counts = {"en": sum(word in ENGLISH for word in words)}
    counts |= {language: sum(word in small for word in words) for language, small in FOREIGN_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] else ""


def words_of(text: str) -> list[str]:
    """Words in small letters; short forms written out, possessive endings removed, one spelling."""
    text = text.casefold().replace("’", "'").replace("for a living", "for a job")
    text = re.sub(r"\b(what|who|where|when|how|that|it|there)'s\b", r"\1 is", text)
    text = re.sub(r"\bi'm\b", "i am", text.replace("favorite", "favourite").replace("color", "colour"))
    return [re.sub(r"'s$|'$", "", word) for word in re.findall(r"[^\W_]+(?:['-][^\W_]+)*", text)]


def persons_of(text: str) -> frozenset[str]:
    """Who a text is about, "I", "we" or "you"; wrapping such as "can you tell me" does not count."""
    bare = _LEADS.sub(" ", text.casefold().replace("’", "'"))
    words = set(re.findall(r"[a-z]+", bare.replace("'m", " am").replace("'s", " ")))
    found = set()
    if words & {"i", "my", "me", "mine", "myself"}:
        found.add("I")
    if words & {"we", "our", "us", "ours"}:
        found.add("we")
    if words & {"you", "your", "yours", "yourself"}:
        found.add("you")
    return frozenset(found)


def _asking(text: str) -> set[str]:
    words = [word.split("'")[0] for word in words_of(text)]
    return {word for word in _ASK_WORDS if word in words}


def _after_leads(text: str) -> str:
    """The text without what it begins with before it comes to the point: "can you tell me"."""
    text = text.casefold().strip()
    while lead := _LEADS.match(text):
        text = text[lead.end() :].strip()
    return text


def _is_polar(text: str) -> bool:
    return bool(set(words_of(text)[:1]) & _POLAR)


def _owned(question: str) -> set[str]:
    """Words between "my" and the end of what is owned: {"sister", "birthday"} of "my sister's birthday"."""
    found: set[str] = set()
    for match in re.finditer(r"\b(?:my|our) ((?:[\w'-]+ ?){1,4})", question.lower()):
        for place, word in enumerate(match[1].split()):
            if place and (word in SMALL or word in ("called", "like", "live", "work", "do", "keep")):
                break
            found.add(re.sub(r"'s$", "", word))
            if place and not match[1].split()[place - 1].endswith("'s") and place > 1:
                break
    return found - {"favourite", "favorite"}


def _carries(word: str) -> bool:
    return word not in SMALL and word not in _ASK_WORDS and len(word) > 1


def _in(meaning: str, others: set[str]) -> bool:
    """Whether a meaning is among others, allowing for endings ("expire", "expiry")."""
    return meaning in others or (
        len(meaning) > 4 and any(other[:5] == meaning[:5] for other in others if len(other) > 4)
    )
