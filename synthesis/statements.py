"""Lasting facts that people state about themselves in a chat, as question and answer.

"my dog is called Biscuit" becomes ("What is my dog called?", "Your dog is called Biscuit."). Only a closed
list of
patterns is taken, at the beginning of a clause: a fact that is missed can be taught later, a wrong one is
a nuisance.
Questions, suppositions, negations, quotations, fiction and moods are left alone. Knows one text, no chat.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from synthesis.english import capitalised, is_plural
from synthesis.guards import swap_groups
from synthesis.verbs import base_form


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
    r"|at (?:risk|stake|home|work|school)|under (?:construction|attack|stress|pressure))\b",
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
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAYS = "mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?|weekdays|weekends"
_WHEN = rf"(?:(?:on|in|at|every|each)\s+)?(?:the\s+)?(?:\d{{1,4}}|{_MONTHS}|{_DAYS}|noon|midnight)\b.*"
_COLOURS = (
    "black|white|red|green|blue|yellow|orange|purple|violet|pink|brown"
    "|grey|gray|silver|gold|golden|beige|turquoise"
)
_JOBS = (
    r"(?:[\w-]+ ){0,2}(?:nurse|teacher|doctor|engineer|baker|plumber|lawyer|cook|chef|student|farmer|pilot"
    r"|architect|artist"
    r"|librarian|electrician|carpenter|journalist|musician|gardener|designer|developer|programmer|accountant|dentist|vet|writer"
    r"|driver|mechanic|scientist|biologist|chemist|physicist|translator|photographer|hairdresser|pharmacist|midwife|psychologist"
    r"|manager|consultant|secretary|waiter|waitress|firefighter|paramedic|surgeon|tailor|butcher|florist|potter|joiner|welder"
    r"|economist|historian|sailor|soldier|policeman|policewoman|judge|actor|actress|singer|dancer|painter|analyst|therapist"
    r"|physiotherapist|optician|cleaner|cashier|builder|roofer|blacksmith|luthier|beekeeper|professor|researcher|lecturer)"
)
_PLACED = r"(?:in|on|under|behind|inside|beside|next to|near|above|below|by|at|between|beneath|over)\s+.+"
_OF_PEOPLE = frozenset(
    {
        "dentist",
        "doctor",
        "vet",
        "boss",
        "manager",
        "landlord",
        "landlady",
        "neighbour",
        "neighbor",
        "teacher",
        "accountant",
        "lawyer",
        "hairdresser",
        "physiotherapist",
        "wife",
        "husband",
        "partner",
        "girlfriend",
        "boyfriend",
        "best friend",
        "coach",
        "optician",
        "plumber",
        "emergency contact",
        "flatmate",
        "roommate",
    }
)
_VALUES = (
    r"(?:[\w' -]+ )?(?:number|code|pin|password|address|email|e-mail|size|blood type|combination|username"
    r"|job|profession"
    r"|surname|last name|first name|middle name|maiden name|nickname|star sign|hometown|hobby|employer"
    r"|network|plate)"
)
_PETS = "|".join(word for member in swap_groups()[0] for word in member)
_THING = r"(?:my|our) [\w' -]+?"
_NUMBER = r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"

Asking = Callable[[re.Match[str]], str]


def _asks(template: str) -> Asking:
    return lambda match: template.format(*[group or "" for group in match.groups()])


def _be(match: re.Match[str], question: str) -> str:
    return question.format(*match.groups(), be="are" if is_plural(match[1]) else "is")


def _someone_does(match: re.Match[str]) -> str:
    """ "my sister lives in Rome" asks "Where does my sister live?"."""
    who, verb = match[1], base_form(match[2])
    plural = is_plural(who)
    return f"Where {'do' if plural else 'does'} {who} {verb[0] if verb else match[2]}?"


# (pattern of a whole clause, what it answers); the first that fits is taken.
_PATTERNS: tuple[tuple[str, Asking], ...] = (
    (rf"({_THING}) (is|are) (?:called|named) .+", _asks("What {1} {0} called?")),
    (
        r"(?:my name is|call me|you can call me|everyone calls me|i am called) [\w'-]+(?: [\w'-]+){0,2}",
        _asks("What is my name?"),
    ),
    (rf"({_THING})'s name is .+", _asks("What is {0}'s name?")),
    (rf"the name of ({_THING}) is .+", _asks("What is the name of {0}?")),
    (
        rf"i (?:have|own|have got) an? ([\w -]+? )?({_PETS}) (?:called|named) .+",
        _asks("What is my {1} called?"),
    ),
    (r"((?:my|our)(?: [\w'-]+)? favou?rite [\w' -]+?) (is|are) .+", _asks("What {1} {0}?")),
    (r"((?:my|our) [\w-]+'s favou?rite [\w' -]+?) (is|are) .+", _asks("What {1} {0}?")),
    (rf"((?:my|our) {_VALUES}) is .+", _asks("What is {0}?")),
    (rf"({_THING}) (is|are) {_NUMBER}(?: years old)?", _asks("How old {1} {0}?")),
    (r"i am \d{1,3}(?: years old)?", _asks("How old am I?")),
    (rf"({_THING}(?:birthday|anniversary|name day)) is .+", _asks("When is {0}?")),
    (r"((?:my|our) (?:birthday|anniversary|name day)) is .+", _asks("When is {0}?")),
    (rf"({_THING}) is {_WHEN}", lambda match: _be(match, "When {be} {0}?")),
    (rf"({_THING}) (is|are) (?:kept |stored |parked |hidden )?{_PLACED}", _asks("Where {1} {0}?")),
    (rf"({_THING}) (is|are) (?:{_COLOURS})", _asks("What colour {1} {0}?")),
    (rf"((?:my|our) (?:{_PETS})) is an? [\w' -]+", _asks("What breed is {0}?")),
    (rf"({_THING}) is an? {_JOBS}(?: .+)?", _asks("What does {0} do for work?")),
    (rf"({_THING}) (lives|works|live|work) (?:in|at|on|near|for|with) .+", _someone_does),
    (rf"({_THING}) (?:works|work) as .+", _asks("What does {0} do for work?")),
    (rf"({_THING}) is allergic to .+", _asks("What is {0} allergic to?")),
    (
        r"((?:my|our) [\w -]+?) is (?-i:[A-Z]).*",
        lambda match: (
            f"Who is {match[1]}?" if match[1][3:].strip().lower() in _OF_PEOPLE else f"What is {match[1]}?"
        ),
    ),
    (r"(i|we) live (?:in|at|on|near) .+", _asks("Where do {0} live?")),
    (rf"i am an? {_JOBS}(?: .+)?", _asks("What do I do for work?")),
    (r"i work as .+", _asks("What do I do for work?")),
    (r"i work (?:in|at|for) .+", _asks("Where do I work?")),
    (rf"i was born {_WHEN}", _asks("When was I born?")),
    (r"i was born (?:in|at|near) .+", _asks("Where was I born?")),
    (r"i grew up (?:in|on|near) .+", _asks("Where did I grow up?")),
    (r"i (?:am|come) from (?-i:[A-Z]).*", _asks("Where do I come from?")),
    (r"i am allergic to .+", _asks("What am I allergic to?")),
    (r"i am married to .+", _asks("Who am I married to?")),
    (
        r"i am (vegetarian|vegan|left-handed|right-handed|colour-blind|color-blind|married|divorced"
        r"|retired|diabetic)",
        _asks("Am I {0}?"),
    ),
    (rf"i (?:always |usually )?(keep|store|hide) (.+?) {_PLACED}", _asks("Where do I {0} {1}?")),
    (
        r"i (?:like|take|drink) (my (?:coffee|tea|eggs|steak)) .+",
        lambda match: f"How do I {match[0].split()[1]} {match[1]}?",
    ),
    (r"i prefer (.+?) (?:to|over) (.+)", _asks("What do I prefer, {0} or {1}?")),
    (
        r"i (study|studied) .+",
        lambda match: "What do I study?" if match[1].lower() == "study" else "What did I study?",
    ),
    (r"i am (learning|studying) [\w ]+", _asks("What am I {0}?")),
    (r"i drive an? .+", _asks("What car do I drive?")),
    (r"i play (?:the )?(?:[\w-]+)(?: and (?:the )?[\w-]+)?", _asks("What do I play?")),
    (r"i speak (?-i:[A-Z]).*", _asks("Which languages do I speak?")),
    (
        rf"i (?:have|have got) {_NUMBER} ((?:older |younger |little )?(?:brothers?|sisters?|children|kids"
        rf"|sons?|daughters?|cats|dogs|"
        r"rabbits|horses|cousins|siblings)(?: and (?:\w+) \w+)?)",
        _asks("How many {0} do I have?"),
    ),
    (rf"i have ([\w -]+?) (?:on|every) (?:{_DAYS})\b.*", _asks("When do I have {0}?")),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), asking) for pattern, asking in _PATTERNS)
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
    for pattern, asking in _COMPILED:
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
