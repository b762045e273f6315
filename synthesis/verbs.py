"""Forms of English verbs: "keeps" and "kept" from "keep" and back, participles; by lists and spelling."""

from __future__ import annotations

import re

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
    adore collect commute detest dislike exercise inherit practise practice purchase relocate reside rehearse
    report specialise spot train
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


PARTICIPLES = frozenset(
    """been become begun bitten blown broken chosen come done drawn driven drunk eaten fallen flown forgotten
    frozen given gone got gotten grown hidden known lain ridden risen rung run seen shown sung sunk spoken
    stolen sworn swum taken thrown torn woken worn written""".split()
)
_NO_PARTICIPLES = frozenset(
    """bed bunkbed shed seed speed hundred breed feed need weed sled moped indeed naked sacred wicked red
    greed""".split()
)


def is_participle(word: str) -> bool:
    """Whether `word` may follow "has": "moved", "gone", "kept"."""
    word = word.lower()
    regular = re.fullmatch(r"[a-z-]*[aeiouy][a-z]*ed", word) is not None and word not in _NO_PARTICIPLES
    irregular = word in PARTICIPLES or (word in _FORMS and _FORMS[word] == (_FORMS[word][0], "did"))
    kept = _IRREGULAR.get(word) == word  # "put", "cut": all forms alike
    return regular or irregular or kept
