"""Just enough English to turn a question around: noun phrases and word order.

Works by word lists and shape, without a parser; it knows nothing about rewording or about owners.
"""

from __future__ import annotations

import re

from synthesis.verbs import PARTICIPLES, VERBS, is_participle

PRONOUNS = frozenset({"i", "we", "you", "he", "she", "it", "they"})
DETERMINERS = frozenset(
    {
        "my",
        "our",
        "your",
        "his",
        "her",
        "its",
        "their",
        "the",
        "a",
        "an",
        "this",
        "that",
        "these",
        "those",
        "any",
    }
)
BE = frozenset({"is", "are", "was", "were", "am", "isn't", "aren't", "wasn't", "weren't"})
DO = frozenset({"do", "does", "did"})
HAVE = frozenset({"have", "has", "had"})
MODALS = frozenset(
    {
        "can",
        "could",
        "will",
        "would",
        "should",
        "must",
        "may",
        "might",
        "can't",
        "won't",
        "don't",
        "doesn't",
        "didn't",
        "haven't",
        "hasn't",
    }
)
AUXILIARIES = BE | DO | HAVE | MODALS
ADVERBS = frozenset(
    {
        "usually",
        "often",
        "always",
        "ever",
        "never",
        "still",
        "normally",
        "mostly",
        "sometimes",
        "last",
        "first",
        "really",
        "actually",
        "currently",
        "already",
        "just",
        "also",
        "generally",
        "regularly",
        "originally",
        "recently",
        "lately",
        "finally",
        "now",
        "yet",
    }
)
PREPOSITIONS = frozenset(
    {
        "on",
        "in",
        "at",
        "with",
        "to",
        "for",
        "from",
        "about",
        "under",
        "behind",
        "near",
        "by",
        "next",
        "inside",
        "between",
        "after",
        "before",
        "during",
        "against",
        "into",
        "over",
        "off",
        "like",
        "than",
        "as",
    }
)
# Words after which a noun phrase is over when a form of "be" came before it.
COMPLEMENTS = frozenset(
    """called named due born married located kept spelled spelt pronounced parked stored hung allergic
    afraid scared
    proud older younger taller bigger smaller free open closed ready made left-handed right-handed vegan
    vegetarian
    coming going known written painted filed hidden registered insured employed based buried published best
    worst
    good bad old tall long big heavy far away worth wrong broken lost sick ill planned scheduled
    booked supposed expected held celebrated paid serviced""".split()
)
PREDICATES = frozenset(
    {"wrong", "missing", "new", "left", "best", "good", "better", "happening", "older", "younger"}
)
_ING_NOUNS = frozenset(
    """wedding evening morning meeting ring king ceiling training spring string thing wing earring building
    parking
    reading writing cooking painting swimming gardening running hiking knitting sibling darling pudding
    clothing
    housewarming wellbeing dwelling living dining sleeping sewing driving washing booking savings
    landing""".split()
)
# "my sister cooking" is a sister who cooks, "my evening cooking" is a kind of cooking.
PEOPLE = frozenset(
    """brother sister mother father mum mom dad son daughter wife husband partner aunt uncle cousin niece
    nephew grandmother grandfather grandma grandpa grandson granddaughter friend boss neighbour neighbor
    girlfriend boyfriend colleague flatmate parents children kids friends""".split()
)


def is_plural(noun_phrase: str) -> bool:
    """Whether the head of a noun phrase takes "are": "my keys", "the keys of my car"; not "my boss"."""
    head = re.split(r" (?:of|for|to|in|on|at|with|from) ", noun_phrase)[0].split()
    word = head[-1].lower() if head else ""
    if word in ("children", "people", "parents-in-law", "feet", "teeth", "men", "women", "mice", "kids"):
        return True
    if word in ("skis", "taxis"):
        return True
    if word in (
        "gps",
        "news",
        "tennis",
        "chess",
        "diabetes",
        "series",
        "christmas",
        "always",
        "physics",
        "maths",
    ):
        return False
    return word.endswith("s") and not word.endswith(("ss", "us", "is", "'s"))


def end_of_noun_phrase(words: list[str], after: str) -> int:
    """Where the subject that `words` begin with is over.

    `after` says what came before it: "be", "do" (an infinitive follows) or "have" (a participle follows).
    """
    if not words:
        return 0
    if words[0].lower() in PRONOUNS:
        return 1
    least = 2 if words[0].lower() in DETERMINERS else 1
    while least < len(words) and words[least - 1].lower().endswith(("'s", "s'")):
        least += 1
    for place in range(least, len(words)):
        word = words[place].lower().strip(",")
        if (
            after == "do"
            and word in VERBS
            and [follower for follower in words[place + 1 : place + 2] if follower in VERBS]
        ):
            continue  # "my phone plan cost": the first of two verbs in a row is a noun
        if after == "do" and (word in VERBS or (word in ADVERBS and word not in ("last", "first"))):
            return place
        former = words[place - 1].lower()
        if after == "have" and (is_participle(word) or word in ADVERBS) and former not in DETERMINERS:
            return place
        if after == "be" and (_is_said_of_it(words, place) or (former in PEOPLE and word.endswith("ing"))):
            return place
        if after == "be" and ends_with_complement(word) and words[place - 1].lower() not in DETERMINERS:
            return place
    return least if after != "be" else len(words)


def _is_said_of_it(words: list[str], place: int) -> bool:
    """Whether a participle ends the noun phrase: "my son christened" but not "my favourite stuffed toy"."""
    word, former = words[place].strip(","), words[place - 1].lower()
    known = word.endswith("ed") or word in PARTICIPLES
    if not (known and is_participle(word)) or former in DETERMINERS or former.endswith(("'s", "s'")):
        return False
    after = words[place + 1].lower() if place + 1 < len(words) else ""
    return not after or after in PREPOSITIONS | DETERMINERS | ADVERBS or after.endswith("day")


def ends_with_complement(word: str) -> bool:
    """Whether `word` begins what is said about a subject rather than belonging to it."""
    return word in COMPLEMENTS or (word.endswith("ing") and word not in _ING_NOUNS)


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def lowered(text: str) -> str:
    """First letter small, unless the first word is "I" or looks like a name or an abbreviation."""
    first = re.split(r"[\s']", text, maxsplit=1)[0]
    if first == "I" or (len(first) > 1 and first[1:] != first[1:].lower()):
        return text
    return text[:1].lower() + text[1:]
