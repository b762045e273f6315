"""Which known answers a new one contradicts: the same question, another answer.

The embedding alone cannot tell: a quarter of near-miss questions ("What is my cat called?" for the dog) lie
above a cosine of 0.8, and half of everyday rewordings below 0.75. So two questions are the same when their
words are, when the rules give both a common wording, or when they ask for the same kind of thing with the
same telling words; the embedding must agree. Rather a contradiction missed than an answer replaced that was
about something else. Knows questions, answers and an `embed` callable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from synthesis.checks import names_another, persons_of, same_text, same_time, words_of
from synthesis.judge import Embed
from synthesis.kinds import kind_of
from synthesis.questions import parse
from synthesis.rules import reword
from synthesis.verify import NO, fact_of, says_the_fact
from synthesis.words import SMALL, meaning_of

COSINE_LEAST = 0.6
"""Below this the embedding says that two questions are different, whatever the words say."""
_ASKING = frozenset("name city town country place spot day date time kind sort type person".split())
_ENDING = 5


def find_contradicted(
    question: str, answer: str, others: Sequence[tuple[str, str]], embed: Embed
) -> list[int]:
    """Places in `others` (question, answer) of the same question with an answer that says something else.

    `embed` is called only when the words leave a candidate.
    """
    candidates = [
        place
        for place, (asked, told) in enumerate(others)
        if same_by_words(question, asked) and not answers_agree(question, asked, answer, told)
    ]
    if not candidates:
        return []
    vectors = embed([question, *(others[place][0] for place in candidates)])
    cosines = vectors[1:] @ vectors[0]
    return [
        place
        for place, cosine in zip(candidates, cosines, strict=True)
        if cosine >= COSINE_LEAST or same_text(question, others[place][0])
    ]


def same_by_words(first: str, second: str) -> bool:
    """Whether two questions ask the same, as far as words and the rules of rewording can tell."""
    if same_text(first, second):
        return True
    # What two questions must share is looked up once for each, so that many can be compared.
    if _marks(first).isdisjoint(_marks(second)) or (
        persons_of(first) != persons_of(second)
        or names_another(first, second)
        or names_another(second, first)
    ):
        return False
    if not _wordings(first).isdisjoint(_wordings(second)):
        return True
    return (
        kind_of(first) == kind_of(second)
        and same_time(first, second)
        and same_time(second, first)
        and _is_negated(first) == _is_negated(second)
    )


def answers_agree(question: str, asked: str, answer: str, told: str) -> bool:
    """Whether two answers say the same, or one only more: "Biscuit." and "Your dog is called Biscuit."."""
    if words_of(answer) == words_of(told):
        return True
    if _is_negated(answer) != _is_negated(told):
        return False
    new, old = (fact_of(f"{question} {asked}", text) for text in (answer, told))
    if new and old:
        return new <= old or old <= new
    # Without a word of their own both agree with the question, or choose between what it offers.
    return new == old and (" or " not in question or says_the_fact(question, answer, told))


@lru_cache(maxsize=8192)
def _marks(question: str) -> frozenset[object]:
    """What the same question in other words has one of as well: a wording by rule, or the telling words."""
    telling = _telling(question)
    return _wordings(question) | ({frozenset(telling.items())} if telling else set())


@lru_cache(maxsize=8192)
def _wordings(question: str) -> frozenset[object]:
    return frozenset(" ".join(words_of(text)) for text in (question, *reword(question)))


def _telling(question: str) -> Counter[str]:
    """What the question is about, without the words that only ask; longer words by how they begin."""
    parsed = parse(question)
    words = words_of(parsed.direct() if parsed is not None else question)
    found = [meaning_of(word) for word in words if word not in SMALL and len(word) > 1]
    return Counter(word[:_ENDING] for word in found if word not in _ASKING)


def _is_negated(text: str) -> bool:
    return bool(NO & set(words_of(text)))
