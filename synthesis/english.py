"""Just enough English to turn a question around: verb forms, noun phrases, word order.

Works by word lists and shape, without a parser; it knows nothing about rewording or about owners.
"""

from __future__ import annotations

import re

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
_IRREGULAR = {
    "be": "was",
    "become": "became",
    "begin": "began",
    "bite": "bit",
    "break": "broke",
    "bring": "brought",
    "build": "built",
    "buy": "bought",
    "catch": "caught",
    "choose": "chose",
    "come": "came",
    "cost": "cost",
    "cut": "cut",
    "do": "did",
    "draw": "drew",
    "drink": "drank",
    "drive": "drove",
    "eat": "ate",
    "fall": "fell",
    "feed": "fed",
    "feel": "felt",
    "find": "found",
    "fly": "flew",
    "forget": "forgot",
    "get": "got",
    "give": "gave",
    "go": "went",
    "grow": "grew",
    "hang": "hung",
    "have": "had",
    "hear": "heard",
    "hide": "hid",
    "hold": "held",
    "hurt": "hurt",
    "keep": "kept",
    "know": "knew",
    "lay": "laid",
    "lead": "led",
    "leave": "left",
    "lend": "lent",
    "let": "let",
    "lie": "lay",
    "lose": "lost",
    "make": "made",
    "mean": "meant",
    "meet": "met",
    "pay": "paid",
    "put": "put",
    "read": "read",
    "ride": "rode",
    "ring": "rang",
    "run": "ran",
    "say": "said",
    "see": "saw",
    "sell": "sold",
    "send": "sent",
    "set": "set",
    "sing": "sang",
    "sit": "sat",
    "sleep": "slept",
    "speak": "spoke",
    "spend": "spent",
    "stand": "stood",
    "swim": "swam",
    "take": "took",
    "teach": "taught",
    "tell": "told",
    "think": "thought",
    "throw": "threw",
    "wake": "woke",
    "wear": "wore",
    "win": "won",
    "write": "wrote",
}
_REGULAR = """
    accept admire adopt agree allow answer arrive ask attend bake believe belong book borrow call care
    carry celebrate change clean climb close collect commute cook cycle dance deliver die discover drop
    earn employ end enjoy enter expire explain finish fix follow graduate guess happen hate help hike
    hire hope invent invite join juggle jump knit last learn like listen live love manage marry miss move
    name need offer open order own paint park pay pick plan plant play prefer prepare pronounce publish
    rain receive rehearse remember rent repair reply retire return save serve share shop ski smoke snore
    sort spell start stay stop store study support talk taste thank train translate travel try turn use
    visit volunteer wait walk want wash watch water weigh wish work worry
""".split()
VERBS = frozenset(_IRREGULAR) | frozenset(_REGULAR)
_VOWELS = "aeiou"


def third_person(verb: str) -> str:
    """ "keep" -> "keeps", "carry" -> "carries"."""
    if verb in ("have", "be"):
        return {"have": "has", "be": "is"}[verb]
    if verb.endswith("y") and verb[-2:-1] not in tuple(_VOWELS):
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def past(verb: str) -> str:
    """ "keep" -> "kept", "stop" -> "stopped"; regular verbs by spelling."""
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in tuple(_VOWELS):
        return verb[:-1] + "ied"
    short = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", verb) is not None
    return verb + (verb[-1] if short else "") + "ed"


_FORMS = {third_person(verb): (verb, "does") for verb in VERBS} | {
    past(verb): (verb, "did") for verb in VERBS
}
_FORMS |= {verb: (verb, "do") for verb in VERBS}


def base_form(word: str) -> tuple[str, str] | None:
    """(base verb, "do"/"does"/"did") of a verb form, or None for a word that is not a known verb."""
    return _FORMS.get(word.lower())


def is_plural(noun_phrase: str) -> bool:
    """Whether the head of a noun phrase takes "are": "my keys", "the keys of my car"; not "my boss"."""
    head = re.split(r" (?:of|for|to|in|on|at|with|from) ", noun_phrase)[0].split()
    word = head[-1].lower() if head else ""
    if word in ("children", "people", "parents-in-law", "feet", "teeth", "men", "women", "mice", "kids"):
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
        if after == "have" and (
            word in ("been", "got", "gone", "done", "taken", "given") or word.endswith("ed")
        ):
            return place
        if after == "be" and ends_with_complement(word) and words[place - 1].lower() not in DETERMINERS:
            return place
    return least if after != "be" else len(words)


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
