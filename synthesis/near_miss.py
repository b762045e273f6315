"""Questions of the same shape about something else: "What is my cat called?" beside "What is my dog called?".

They are what the assistant was never told, and so the sharpest test of whether it learned one fact or a
habit. Three
ways are used in turn: another thing of the same kind, another trait of the same being or thing, another
person's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

import numpy as np

from synthesis.english import AUXILIARIES, PREPOSITIONS, ends_with_complement, is_plural
from synthesis.guards import personal_questions, swap_groups
from synthesis.questions import Question, parse
from synthesis.verbs import base_form

_PETS = frozenset(word for member in swap_groups()[0] for word in member)
_PEOPLE = frozenset(
    word
    for group in swap_groups()
    if any(
        member[0] in ("sister", "mother", "wife", "son", "boss", "neighbour", "doctor", "girlfriend")
        for member in group
    )
    for member in group
    for word in member
)
# What else can be asked, by trait: a frame is left out when the question already asks for its trait.
_TRAITS_OF_PETS = {
    "name": "What is {} called?",
    "age": "How old is {}?",
    "breed": "What breed is {}?",
    "food": "What does {} like to eat?",
    "birthday": "When is {}'s birthday?",
    "colour": "What colour is {}?",
    "sleep": "Where does {} sleep?",
    "weight": "How much does {} weigh?",
    "vet": "Who is {}'s vet?",
}
_TRAITS_OF_PEOPLE = {
    "name": "What is {}'s name?",
    "age": "How old is {}?",
    "birthday": "When is {}'s birthday?",
    "work": "What does {} do for work?",
    "live": "Where does {} live?",
    "phone": "What is {}'s phone number?",
    "food": "What is {}'s favourite food?",
    "hobby": "What is {}'s hobby?",
    "car": "What car does {} drive?",
    "born": "Where was {} born?",
}
_TRAITS_OF_THINGS = {
    "colour": "What colour is {}?",
    "age": "How old is {}?",
    "buy": "Where did I buy {}?",
    "cost": "How much did {} cost?",
    "lend": "Who did I lend {} to?",
    "when": "When did I get {}?",
    "brand": "What brand is {}?",
}
_ASKED = {
    "name": ("name", "called", "who", "whose"),
    "age": ("old", "age"),
    "birthday": ("birthday", "born"),
    "born": ("born", "birthplace"),
    "work": ("work", "job", "living", "profession"),
    "live": ("live", "address", "home"),
    "colour": ("colour", "color"),
    "food": ("food", "eat", "dish"),
    "when": ("when",),
    "buy": ("buy", "shop", "from"),
    "cost": ("cost", "price", "pay"),
    "breed": ("breed",),
    "phone": ("phone",),
    "lend": ("who",),
    "brand": ("brand", "make", "kind"),
    "sleep": ("sleep",),
    "weight": ("weigh", "weight", "heavy"),
    "vet": ("vet",),
    "hobby": ("hobby",),
    "car": ("car",),
}
_THINGS = frozenset(
    word
    for group in swap_groups()
    if any(
        member[0] in ("spare key", "laptop", "car", "guitar", "tent", "jacket", "glasses") for member in group
    )
    for member in group
    for word in member
)
_OTHERS = (
    ("my sister", "her"),
    ("my brother", "his"),
    ("my neighbour", "their"),
    ("my mother", "her"),
    ("my best friend", "their"),
    ("my father", "his"),
    ("my cousin", "their"),
    ("my boss", "their"),
)


def near_misses(
    question: str, *, count: int, rng: np.random.Generator, wordings: Sequence[str] = ()
) -> list[str]:
    """At most `count` different questions close to `question` that ask for something else.

    `wordings` ask for the same as `question`: what one of them names or asks for is nothing else. ("Where
    does my brother live?" misses "Where has my brother moved to?", unless that is another wording of it.)
    When the words of the question are unknown, questions about the owner of the same form are taken instead.
    """
    same = " | ".join((question, *wordings)).lower()
    ways = [
        list(_other_things(question, same)),
        list(_other_traits(question, same)),
        list(_other_persons(question)),
    ]
    for way in ways:
        rng.shuffle(way)
    fallback = [text for text in personal_questions() if _unrelated(text, question)]
    rng.shuffle(fallback)
    same_form = sorted(
        fallback, key=lambda text: text.split()[0] != question.split()[0] if question.split() else True
    )
    found: dict[str, str] = {}
    for text in chain((text for turn in zip_longest(*ways) for text in turn if text), same_form):
        key = _key(text)
        if len(found) >= count:
            break
        if key != _key(question) and key not in found:
            found[key] = text
    return list(found.values())


def _other_things(question: str, same: str) -> Iterator[str]:
    lowered = question.lower()
    taken: list[tuple[int, int]] = []
    for word, group in _members_by_length():
        for match in re.finditer(rf"(?<![\w'-]){re.escape(word.lower())}(?![\w-])", lowered):
            start, end = match.span()
            exact = (start, end) in taken
            if not exact and any(start < other_end and other_start < end for other_start, other_end in taken):
                continue  # inside a longer term, e.g. "key" in "spare key"
            if not _is_the_thing_asked(word, lowered, start):
                continue
            taken.append((start, end))
            for member in group:
                if (
                    word not in member
                    and is_plural(word) == is_plural(member[0])
                    and not re.search(rf"\b{re.escape(member[0].lower())}\b", same)
                ):
                    yield _with_article(question[:start], member[0], question[end:])


def _is_the_thing_asked(word: str, question: str, start: int) -> bool:
    """Words such as "work", "home" or "name" are swapped only where they are what is asked for."""
    before = question[:start].rstrip()
    if word in ("name", "age", "height"):
        return before.endswith(("my", "'s")) or (
            before.endswith("the") and question[start + len(word) :].startswith(" of my")
        )
    if word in ("work", "live", "study", "buy", "sell", "borrow", "born", "married", "baptised"):
        return " my " not in before and bool(re.match(r"where|when", question))
    return not (word in ("city", "town", "country", "home") and before.endswith("from"))


def _other_traits(question: str, same: str) -> Iterator[str]:
    for match in re.finditer(
        r"\b(?:my|our) ((?:(?!my\b|our\b)[\w-]+ ){0,2}?)([\w-]+)(?='s\b|[ ,?.!]|$)", question
    ):
        words = f"{match[1]}{match[2]}"
        following = re.match(r" ([\w-]+)", question[match.end(2) :])
        if is_plural(words) or (following and not _may_follow(following[1].lower())):
            continue
        for trait, frame in _traits(words.lower()).items():
            if not any(re.search(rf"\b{asked}\b", same) for asked in _ASKED[trait]):
                yield frame.format(f"my {words}")


def _traits(noun_phrase: str) -> dict[str, str]:
    head = noun_phrase.split()[-1]
    if head in _PETS:
        return _TRAITS_OF_PETS
    if noun_phrase in _PEOPLE or head in _PEOPLE:
        return _TRAITS_OF_PEOPLE
    return _TRAITS_OF_THINGS if noun_phrase in _THINGS else {}


def _may_follow(word: str) -> bool:
    """Whether a noun phrase may be over before `word`; "lock" in "my bike lock" says it is not."""
    return ends_with_complement(word) or word in PREPOSITIONS | AUXILIARIES or base_form(word) is not None


def _other_persons(question: str) -> Iterator[str]:
    parsed = parse(question)
    if parsed is None:
        return
    for person, pronoun in _OTHERS:
        if person.split()[-1] in question.lower():
            continue
        other = _of_another(parsed, person, pronoun)
        if other is not None:
            yield other.direct()


def _of_another(parsed: Question, person: str, pronoun: str) -> Question | None:
    if parsed.subject == "I":
        aux = {"do": "does", "am": "is", "have": "has"}.get(parsed.aux, parsed.aux)
        rest = re.sub(
            r"\b(?:my|our)\b", pronoun, re.sub(r"\bme\b", "her" if pronoun == "her" else "them", parsed.rest)
        )
        return Question(parsed.wh, aux, person, rest)
    noun = re.search(r"\bmy (?!favourite\b|favorite\b)([\w-]+)", parsed.subject)
    if noun and (noun[1] in _PEOPLE or parsed.subject.count("my ") != 1 or "'s" in parsed.subject):
        return None
    if "my " not in parsed.subject:
        return None
    return Question(parsed.wh, parsed.aux, parsed.subject.replace("my ", f"{person}'s ", 1), parsed.rest)


def _members_by_length() -> list[tuple[str, tuple[tuple[str, ...], ...]]]:
    pairs = [(word, group) for group in swap_groups() for member in group for word in member]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


def _with_article(before: str, word: str, after: str) -> str:
    before = re.sub(
        r"\b([Aa])n? $", lambda match: f"{match[1]}{'n' if word[0].lower() in 'aeiou' else ''} ", before
    )
    return before + (word if before else word[0].upper() + word[1:]) + after


def _unrelated(text: str, question: str) -> bool:
    """Whether two questions share no word that carries meaning."""
    return not _content(text) & _content(question)


def _content(text: str) -> set[str]:
    return {word[:5] for word in re.findall(r"[a-z]{4,}", text.lower())} - {
        "what",
        "which",
        "where",
        "when",
        "whose",
        "does",
        "have",
        "tell",
        "remin",
        "remem",
    }


def _key(text: str) -> str:
    return re.sub(r"[^\w]+", " ", text.casefold()).strip()
