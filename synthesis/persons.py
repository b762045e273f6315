"""Puts a question back into the owner's mouth.

A chat model asked to reword "What is my dog called?" often speaks as the assistant: "What is your dog's
name?". The
wording is good, only the person is turned, and English turns back by rule.
"""

from __future__ import annotations

import re

from synthesis.checks import persons_of

_SWAPS = (
    (r"\byou are\b", "I am"),
    (r"\byou're\b", "I'm"),
    (r"\bare you\b", "am I"),
    (r"\byou were\b", "I was"),
    (r"\bwere you\b", "was I"),
    (r"\byou've\b", "I've"),
    (r"\byou'd\b", "I'd"),
    (r"\byou'll\b", "I'll"),
    (r"\byourself\b", "myself"),
    (r"\byours\b", "mine"),
    (r"\byour\b", "my"),
)
# "you" after these is the object: "next door to you", "suits you".
_OBJECT = (
    r"\b(to|for|with|from|about|of|at|on|by|near|after|behind"
    r"|gave|give|gives|told|taught|suits?|helps?|makes?) you\b"
)
_LEAD = re.compile(
    r"^(?:(?:can|could|would|will) you (?:please )?(?:tell|remind|give|show)|do you (?:know|remember"
    r"|recall)|have i told you)\b",
    re.IGNORECASE,
)


def as_the_owner(question: str, wording: str) -> str:
    """`wording` with "you" turned into "I" where `question` is about "I" and the wording about "you" alone.

    Anything else is returned as it came.
    """
    asked, said = persons_of(question), persons_of(wording)
    if "I" not in asked or "you" in asked or said != {"you"}:
        return wording
    lead = _LEAD.match(wording)
    start = lead.end() if lead else 0
    text = wording[start:]
    for pattern, owners in _SWAPS:
        text = re.sub(pattern, owners, text, flags=re.IGNORECASE)
    text = re.sub(_OBJECT, r"\1 me", text, flags=re.IGNORECASE)
    text = re.sub(r"\byou\b", "I", text, flags=re.IGNORECASE)
    text = wording[:start] + text
    return text[:1].upper() + text[1:]
