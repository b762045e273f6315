"""What may stand in a slot of a question frame, and how one person is said as owner, subject and object."""

from __future__ import annotations

import re

from synthesis.guards import swap_groups

_NOUNS = r"[\w'-]+(?: [\w'-]+){0,3}?"
_NAME = r"[A-Z][\w-]+(?: [A-Z][\w-]+)?"
_SOMEBODY = rf"(?:my|our|his|her|their|the) {_NOUNS}|{_NAME}"
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_PART = r"(?:mornings?|afternoons?|evenings?|nights?)"
_PETS = "|".join(sorted({word for member in swap_groups()[0] for word in member}, key=len, reverse=True))
_ROOMS = (
    r"locker|safe|lock|padlock|door|gate|garage|alarm|shed|suitcase|cellar|building|office"
    r"|mailbox|letterbox"
)
# What nobody keeps, puts or stores: people, places, events and what belongs to them.
_PEOPLE = "|".join(
    dict.fromkeys(word for group in swap_groups()[2:14] for member in group for word in member)
)
_FIXED = (
    _PEOPLE + r"|friends?|parents?|family|aunt|uncle|nurse|therapist|lawyer|notary|mechanic|office|gym"
    r"|school|university"
    r"|college|café|cafe|restaurant|bar|pub|bakery|shop|store|market|pool|library|church|flat|house"
    r"|home|apartment"
    r"|hotel|bank|account|birthplace|hometown|town|city|village|place|spot|space|seat|room|desk"
    r"|garden|allotment"
    r"|workplace|job|appointment|wedding|party|meeting|lessons?|class|classes|exam|flight|trip"
    r"|holiday|honeymoon"
    r"|concert|surgery|clinic|practice|hospital|station|stop|gate|platform|shelter|stable|cabin"
    r"|cottage|grave|bed"
    r"|interview|course|training|rehearsals?|match|tournament|festival|conference|reception"
    r"|ceremony|beach|park|lake"
    r"|river|mountain|island|country|boat|accountant|barber|cleaner|gardener|son's|daughter's"
)
PATTERNS = {
    "who": rf"I|we|he|she|they|{_SOMEBODY}",
    "me": "I|we",
    "own": rf"my|our|his|her|their|(?:{_SOMEBODY})(?:'s|(?<=s)')",
    "him": rf"me|us|him|her|them|{_SOMEBODY}",
    "their": "my|our|his|her|their",
    "thing": r"(?:my|our|his|her|their|the) .+",
    "item": rf"(?!.*\b(?:{_FIXED})\?)(?!the .*[A-Z])(?!.* (?:is|are|was|were)\b)(?=(?:my|our"
    rf"|the) (?!favou?rite|first|last|nearest|closest|best))"
    r"(?!.* (?:located|from|going|now|\w{3,}ed|kept|born)\?|.* being ).+",
    "kind": r"(?!time\b)[\w'-]+(?: [\w'-]+){0,4}?",
    "tail": r"(?: (?:last|this|next|every|each) \w+(?: \w+)?| in \d{4}| as an? \w+"
    r"| (?:now|these days|at the moment|currently))?",
    "season": r"last \w+|(?:in|over) (?:the )?(?:summer|winter|spring|autumn|\d{4}|\w+ \d{4})"
    r"|at (?:Christmas|Easter)",
    "drink": r"coffee|tea|espresso|cappuccino|latte|cocoa|hot chocolate|gin and tonic|whisky|martini",
    "food": r"steak|eggs?|burgers?|toast|pasta|rice|pizza|porridge|bacon|chips|salad|noodles"
    r"|sandwich(?:es)?",
    "extra": r"(?:any )?(?:sugar|milk|cream|honey|lemon|ice|oat milk|sweetener)",
    "meal": r"breakfast|lunch|dinner|supper|tea|brunch",
    "day": rf"on (?:my |{_DAY} |weekday |weekend )?(?:{_DAY}s?|{_PART}|weekdays|weekends|days? off)"
    rf"|(?:at|on) (?:the )?weekends?|in the {_PART}|at night",
    "bareday": rf"(?:{_DAY}s?(?: {_PART})?|{_PART}|weekdays|weekends|the weekend)",
    "activity": r"(?:\w+ ){0,2}(?:practice|lessons?|class|classes|training|rehearsals?|therapy"
    r"|course|physio)",
    "doing": r"swimming|running|climbing|dancing|fishing|hiking|jogging|skating|cycling|shopping"
    r"|bowling|riding",
    "device": r"phone|laptop|computer|camera|tablet|printer|watch|television|TV|fridge"
    r"|washing machine|vacuum cleaner",
    "ride": r"bike|bicycle|motorbike|motorcycle|scooter",
    "ship": r"boat|sailing boat|yacht|canoe|kayak|dinghy",
    "lock": rf"(?:my|our|the) (?:[\w'-]+ ){{0,3}}?(?:{_ROOMS})",
    "card": r"(?:my|our|the) (?:[\w'-]+ ){0,2}?(?:card|phone|SIM|SIM card|tablet|mobile)",
    "login": r"(?:my|our|the) (?:[\w'-]+ ){0,2}?(?:Wi-Fi|wifi|WiFi|network|email|e-mail|laptop"
    r"|computer|account"
    r"|router|PC|inbox|website|app)",
    "garment": r"shirt|dress|jacket|hat|ring|glove|trouser|jeans|coat|T-shirt|clothing|clothes|bra"
    r"|helmet|sweater|suit",
    "pet": rf"(?:my|our) (?:[\w-]+ ){{0,2}}?(?:{_PETS})|{_NAME}",
    "species": _PETS,
    "subject": r"piano|guitar|violin|cello|flute|drum|singing|swimming|dance|ballet|yoga|driving"
    r"|art|music|maths"
    r"|chemistry|biology|physics|history|French|Spanish|German|English|Italian|Japanese|riding"
    r"|tennis|chess",
    "club": r"gym|choir|church|(?:\w+ )?club|orchestra|band|(?:\w+ )?team|mosque|temple",
}
_PRONOUNS = {
    "I": ("me", "my"),
    "we": ("us", "our"),
    "he": ("him", "his"),
    "she": ("her", "her"),
    "they": ("them", "their"),
}
_OBJECTS = {him: who for who, (him, _) in _PRONOUNS.items()}
_SUBJECT_OF_OWNER = {their: who for who, (_, their) in _PRONOUNS.items()}
_SHE = re.compile(
    r"\b(?:sister|mother|mum|mom|wife|daughter|aunt|niece|grandma|grandmother|granddaughter|girlfriend"
    r"|landlady|godmother|goddaughter|stepdaughter|stepmother|sister-in-law|mother-in-law"
    r"|daughter-in-law)$"
)
_HE = re.compile(
    r"\b(?:brother|father|dad|husband|son|uncle|nephew|grandpa|grandfather|grandson|boyfriend|landlord"
    r"|godfather|godson|stepson|stepfather|brother-in-law|father-in-law|son-in-law)$"
)


def owner_of(own: str) -> str:
    """The person behind a possessive: "my" -> "I", "my brother's" -> "my brother"."""
    return _SUBJECT_OF_OWNER.get(own) or re.sub(r"(?<=s)'$|'s$", "", own)


def own_of(person: str) -> str:
    """The possessive of a person: "I" -> "my", "my parents" -> "my parents'"."""
    if person in _PRONOUNS:
        return _PRONOUNS[person][1]
    return person + ("'" if person.endswith("s") and person.islower() and not person.endswith("ss") else "'s")


def pronouns_of(person: str) -> tuple[str, str, str]:
    """(subject, object, possessive pronoun) of a person, who may be given as subject or as object."""
    person = _OBJECTS.get(person, person)
    if person in _PRONOUNS:
        return (person, *_PRONOUNS[person])
    their = "her" if _SHE.search(person) else "his" if _HE.search(person) else "their"
    return person, person, their
