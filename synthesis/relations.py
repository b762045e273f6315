"""Questions of one meaning in other words: "Where do I live?", "Which city do I live in?".

Reads groups of question frames from the data files beside this module. A question that fits one frame of a
group is asked by all the others, about the same person and thing. Knows word order only through the frames,
whose signs are explained in `data/README.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from synthesis.english import ADVERBS, is_plural
from synthesis.guards import swap_groups
from synthesis.slots import PATTERNS, own_of, owner_of, pronouns_of
from synthesis.verbs import third_person

_FILES = ("people", "acquaintances", "likes", "habits", "things")
_PETS = frozenset(word for member in swap_groups()[0] for word in member)
_TOKEN = re.compile(r"\{([^{}]+)\}")
_AUXILIARIES = {
    # for "I", for "he" and for "we"
    "am": ("am", "is", "are"),
    "was": ("was", "was", "were"),
    "do": ("do", "does", "do"),
    "Do": ("Do", "Does", "Do"),
    "dont": ("don't", "doesn't", "don't"),
    "did": ("did", "did", "did"),
    "have": ("have", "has", "have"),
}
_PERSONS = ("who", "me")


@dataclass(frozen=True, slots=True)
class _Group:
    frames: tuple[str, ...]
    patterns: tuple[tuple[str, str, re.Pattern[str]], ...]
    """Each with how a question must begin and end to fit, which is quicker to see than the whole."""


def in_other_words(question: str) -> Iterator[str]:
    """Direct questions of the same meaning as `question`, a direct question, by the relation they ask for.

    The question itself may be among them; nothing for a question that fits no frame.
    """
    for group in _groups():
        for start, end, pattern in group.patterns:
            if not (question.startswith(start) and question.endswith(end)):
                continue
            match = pattern.fullmatch(question)
            slots = _completed(match.groupdict()) if match else None
            if slots is not None:
                yield from (text for frame in group.frames if (text := _filled(frame, slots)))
                break


@cache
def _groups() -> tuple[_Group, ...]:
    found = []
    for name in _FILES:
        text = (
            resources.files("synthesis").joinpath("data", f"relations_{name}.txt").read_text(encoding="utf-8")
        )
        for block in re.split(r"\n\s*\n", text):
            lines = [line.strip() for line in block.splitlines() if line.strip() and line[0] != "#"]
            frames = tuple(line.lstrip("> ") for line in lines if line[0] != "~")
            if frames:
                patterns = tuple((*_ends(line), _pattern(line)) for line in lines if line[0] != ">")
                found.append(_Group(frames, patterns))
    return tuple(found)


def _ends(line: str) -> tuple[str, str]:
    """What a question that fits a frame begins and ends with for certain."""
    raw = line[1:].strip() if line[0] == "~" else line
    start, end = re.match(r"[^({]*", raw), re.search(r"[^)}]*$", raw)
    return start[0] if start else "", "" if end is None or end[0] == "?" else end[0]


def _pattern(line: str) -> re.Pattern[str]:
    """A frame as a pattern; a line that begins with "~" may hold alternatives in brackets, and may
    end in one that can be left out, known by its leading blank."""
    seen: set[str] = set()

    def slot(name: str) -> str:
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{PATTERNS[name]})"

    def token(sign: str) -> str:
        if sign.startswith("s:"):
            verb = sign[2:].split()[0]
            return f"(?:{verb}|{third_person(verb)})"
        if " " in sign or ":" in sign:
            aux, name = re.split("[ :]", sign)
            said = "|".join(dict.fromkeys(_AUXILIARIES[aux]))
            return f"(?:{said})" + (f" {slot(name)}" if " " in sign else "")
        return slot(sign)

    raw = line[1:].strip() if line[0] == "~" else line
    optional_end = re.search(r"\(\?: [^()]*\)\?$", raw) is not None
    parts = _TOKEN.split(raw if optional_end else raw.removesuffix("?"))
    texts = [
        token(part) if place % 2 else (part if line[0] == "~" else re.escape(part))
        for place, part in enumerate(parts)
    ]
    return re.compile("".join(texts) + r"\?")


def _completed(slots: Mapping[str, str | None]) -> dict[str, str] | None:
    """With what follows from the slots that were matched: "my" from "I", "our dog" from "we"; None when they
    contradict each other."""
    values = {name: value for name, value in slots.items() if value is not None}
    persons = {values[name] for name in _PERSONS if name in values}
    if "own" in values:
        persons.add(owner_of(values["own"]))
    if "him" in values:
        persons.add(pronouns_of(values["him"])[0])
    if len(persons) > 1 or any(person.split()[-1] in ADVERBS for person in persons):
        return None
    things = [value for name, value in values.items() if name not in (*_PERSONS, "own", "him", "their")]
    ours = any(re.match(r"our\b", thing) for thing in things)
    person = persons.pop() if persons else "we" if ours else "I"
    _, him, their = pronouns_of(person)
    if "their" in values and "who" in values and values["their"] not in (their, "his", "her", "their"):
        return None
    values |= {"who": person, "own": own_of(person), "him": him, "their": values.get("their", their)}
    if person in ("I", "we"):
        values["me"] = person
    if "bareday" in values:
        values.setdefault("day", ("at " if "weekend" in values["bareday"] else "on ") + values["bareday"])
    if "day" in values:
        values["bareday"] = re.sub(r"^(?:on|at|in) ", "", values["day"])
    if "pet" in values and values["pet"].split()[-1] in _PETS:
        values["species"] = values["pet"].split()[-1]
    elif "species" in values and "pet" not in values:
        values["pet"] = f"{values['own']} {values['species']}"
    values.setdefault("tail", "")
    return values


def _filled(frame: str, slots: Mapping[str, str]) -> str | None:
    """The frame with its slots filled in; None when one of them is unknown."""

    def token(match: re.Match[str]) -> str:
        sign = match[1]
        if sign.startswith("s:"):
            verb, name = sign[2:].split()
            return third_person(verb) if _number(slots[name]) == 1 else verb
        if " " in sign or ":" in sign:
            aux, name = re.split("[ :]", sign)
            said = _AUXILIARIES[aux][_number(slots[name])]
            return f"{said} {slots[name]}" if " " in sign else said
        return slots[sign]

    try:
        return _TOKEN.sub(token, frame)
    except KeyError:
        return None


def _number(subject: str) -> int:
    """0 for "I", 1 for one other, 2 for several."""
    if subject == "I":
        return 0
    several = subject in ("we", "they", "you") or " and " in subject
    return 2 if several or (subject.islower() and is_plural(subject)) else 1
