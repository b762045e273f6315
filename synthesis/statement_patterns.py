"""What a whole clause must look like to state a lasting fact, and the question that the fact answers.

A closed list, tried in order: a fact that is missed can be taught later, a wrong one is a nuisance.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from synthesis.english import PEOPLE, is_plural
from synthesis.guards import swap_groups
from synthesis.verbs import base_form

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
_LIVING = "|".join([*sorted(PEOPLE), _PETS])
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
    (rf"({_THING}) (is|are) {_NUMBER} years old", _asks("How old {1} {0}?")),
    # A bare number is an age of the living only, and no date: "my bus is 5".
    (rf"((?:my|our) (?:[\w'-]+ ){{0,2}}(?:{_LIVING})) (is|are) {_NUMBER}", _asks("How old {1} {0}?")),
    (r"i am \d{1,3}(?: years old)?", _asks("How old am I?")),
    (rf"({_THING}(?:birthday|anniversary|name day)) is .+", _asks("When is {0}?")),
    (r"((?:my|our) (?:birthday|anniversary|name day)) is .+", _asks("When is {0}?")),
    (rf"({_THING}) is (?!\d+$){_WHEN}", lambda match: _be(match, "When {be} {0}?")),
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
PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), asking) for pattern, asking in _PATTERNS)
"""(pattern of a whole clause, what it answers); the first that fits is taken."""
