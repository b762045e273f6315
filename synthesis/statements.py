"""Lasting facts that people state about themselves in a chat, as question and answer.

"my dog is called Biscuit" becomes ("What is my dog called?", "Your dog is called Biscuit."). Only a closed
list of patterns is taken, at the beginning of a clause. Questions, suppositions, negations, quotations,
fiction and moods are left alone. Knows one text, no chat.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthesis.english import capitalised
from synthesis.statement_patterns import PATTERNS


@dataclass(frozen=True, slots=True)
class StatementPair:
    """What the owner would ask, what the assistant should answer, and the words it was taken from."""

    question: str
    answer: str
    statement: str


_FICTION = re.compile(
    r"\b(imagine|pretend|suppose|hypothetical\w*|role-?play|act as|let's say|translate|rewrite|rephrase"
    r"|proofread|grammar"
    r"|spelling|story|poem|lyrics|dialogue|essay|novel|screenplay|joke|example sentence|letter saying)\b",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    r"\b(if|unless|maybe|perhaps|might|could|would|wish|hope|hopefully|probably|possibly|guess|think"
    r"|used to|not|never|no longer"
    r"|hardly|cannot|today|tonight|tomorrow|yesterday|this (?:morning|afternoon|evening|week|month)"
    r"|right now|at the moment"
    r"|for now|currently|almost|nearly|as if|like crazy)\b|n't\b",
    re.IGNORECASE,
)
# What is said of the moment, not of the thing.
_PASSING = re.compile(
    r"\b(?:is|are) (?:too|so|very|really|quite|wrong|right|great|good|bad|nice|fine|forgotten|lost|gone"
    r"|broken|stolen|hard|secret"
    r"|on (?:\w+ )?way|on fire|on hold|on the stove|in the oven|in (?:trouble|pain|danger|love|progress"
    r"|bed|a mess|a \w+ mood)"
    r"|at (?:risk|stake|home|work|school|an end)|under (?:construction|attack|stress|pressure))\b"
    # Figures of speech have no place: "my heart is in the mountains".
    r"|\bmy (?:main )?(?:eyes|heart|mind|focus|attention|interests?|hopes?|trust|faith|patience|thoughts)"
    r" (?:is|are) (?:in|on|at|with|under|near|by)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“”«»]|(?:^|\s)'[^']+'(?:\s|$)")
_OPENING = re.compile(
    r"^(?:(?:hi|hello|hey|oh|ok|okay|well|so|no|yes|actually|and|but|also|btw|by the way|fyi"
    r"|just so you know|for the record|please"
    r"|(?:please )?(?:remember|note|know|don't forget)(?: that)?|you should know(?: that)?"
    r"|i told you(?: that)?|as you know"
    r"|sorry|correction|hi there)[,:!]?\s+)+",
    re.IGNORECASE,
)
_MOST_WORDS = 24


def statement_pairs(text: str) -> list[StatementPair]:
    """The lasting facts about the owner that `text` states, in order; an empty list for most texts."""
    text = re.sub(r"```.*?(```|$)", " ", text, flags=re.DOTALL).replace("’", "'")
    if _FICTION.search(text):
        return []
    pairs: list[StatementPair] = []
    for line in text.splitlines():
        if not line.lstrip().startswith(">"):
            for clause in _clauses(line):
                pair = _pair(clause)
                if pair is not None and pair.question not in [other.question for other in pairs]:
                    pairs.append(pair)
    return pairs


def shifted(statement: str) -> str:
    """The statement as the assistant would say it: "my" becomes "your", "I am" becomes "you are"."""
    swaps = (
        (r"\bI am\b", "you are"),
        (r"\bI was\b", "you were"),
        (r"\bwe\b", "you"),
        (r"\bI\b", "you"),
        (r"\bmyself\b", "yourself"),
        (r"\bourselves\b", "yourselves"),
        (r"\bmine\b|\bours\b", "yours"),
        (r"\bmy\b|\bour\b", "your"),
        (r"\bme\b|\bus\b", "you"),
    )
    for pattern, other in swaps:
        flags = 0 if pattern == r"\bI\b" or "us" in pattern.split("|")[-1] else re.IGNORECASE
        statement = re.sub(pattern, other, statement, flags=flags)
    return capitalised(statement)


def _clauses(line: str) -> list[str]:
    """Sentences, and parts of them that begin a new statement; questions and quotations left out."""
    found: list[str] = []
    for sentence in re.findall(
        r"(?:[^.!?;]|\.(?=\w)|(?<=\bDr)\.|(?<=\bMr)\.|(?<=\bMrs)\.|(?<=\bSt)\.)+[.!?;]*", line
    ):
        sentence = sentence.strip()
        if not sentence or "?" in sentence or _QUOTED.search(sentence):
            continue
        body = _OPENING.sub("", sentence.rstrip(".!; "))
        # A supposition or a doubt reaches over the whole sentence.
        if re.match(r"(if|when|unless|suppose|say|what|i wish|i think|maybe)\b", body, re.IGNORECASE):
            continue
        found += re.split(
            r",?\s+(?:and|but|while)\s+(?=(?:my|our|i|i'm|we)\b)|,\s+(?=(?:my|i|i'm)\b)",
            body,
            flags=re.IGNORECASE,
        )
    return found


def _pair(clause: str) -> StatementPair | None:
    statement = re.sub(r"\bi'm\b", "I am", _OPENING.sub("", clause.strip()), flags=re.IGNORECASE)
    statement = re.sub(r"\bi've\b", "I have", statement, flags=re.IGNORECASE)
    statement = re.sub(r"\b(my [\w' -]+?)'s (called|named)\b", r"\1 is \2", statement, flags=re.IGNORECASE)
    statement = re.sub(
        r"\bi\b",
        "I",
        re.split(r",? (?:because|since|so|which|who|but)\b|, (?:not|ok|right|by the way)\b", statement)[0],
    )
    statement = statement.strip(" ,")
    if (
        _UNSURE.search(statement)
        or _PASSING.search(statement)
        or not 2 < len(statement.split()) + 1 <= _MOST_WORDS
    ):
        return None
    for pattern, asking in PATTERNS:
        match = pattern.fullmatch(statement)
        if match:
            question = capitalised(re.sub(r"\s+", " ", asking(match)))
            question = re.sub(r"\b(My|Our)\b", lambda word: word[0].lower(), question)
            return StatementPair(
                re.sub(r"\bi\b", "I", question), _answer(statement, question), clause.strip()
            )
    return None


def _answer(statement: str, question: str) -> str:
    called = re.match(
        r"(?:you can call me|everyone calls me|call me|I am called) (.+)", statement, re.IGNORECASE
    )
    if called:
        return f"Your name is {called[1]}."
    pet = re.match(r"I (?:have|own|have got) an? .*?\b(called|named) (.+)", statement, re.IGNORECASE)
    if pet and question.endswith("called?"):
        return f"Your {question[len('What is my ') : -len(' called?')]} is called {pet[2]}."
    yes = "Yes, " if question.startswith("Am I") else ""
    said = shifted(statement)
    return f"{yes}{said[:1].lower() + said[1:] if yes else said}."
