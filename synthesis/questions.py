"""A question taken apart: what is asked, about whom, and the word order that goes with it.

"Can you tell me where I keep the spare key?", "Where do I keep the spare key?" and "Tell me where I keep
the spare
key." all come out as the same `Question`. Knows word order only, not meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from synthesis.english import (
    ADVERBS,
    AUXILIARIES,
    BE,
    DETERMINERS,
    DO,
    HAVE,
    PREDICATES,
    PREPOSITIONS,
    PRONOUNS,
    capitalised,
    end_of_noun_phrase,
    is_plural,
    lowered,
)
from synthesis.verbs import base_form, is_participle, past, third_person

_WH = frozenset({"what", "which", "who", "whom", "whose", "where", "when", "why", "how"})
_LEAD_INS = re.compile(
    r"""^(?:
      (?:hey|hi|hello|ok|okay|so|and|well|now|please|sorry|excuse\ me|by\ the\ way|quick\ question)[,:]?\s+
    | (?:can|could|would|will)\ you\ (?:please\ )?(?:tell|remind)\ me\ (?:again\ )?(?:of\ |,\ )?
    | (?:tell|remind)\ me\ (?:again\ )?(?:of\ |:\ |,\ )?
    | do\ you\ (?:still\ |happen\ to\ )?(?:know|remember|recall)\ (?=my|our|the|wh|how|if)
    | have\ i\ (?:ever\ )?told\ you\ (?:about\ )?
    | i(?:'d|\ would)\ like\ to\ know\ | i\ want\ to\ know\ | i\ was\ wondering\ | i\ wonder\ 
    | i(?:'ve|\ have)?\ (?:forgot|forgotten|can't\ remember|can't\ recall|cannot\ remember|don't\ remember|don't\ recall)[,:]?\ 
    | any\ idea\ 
    )""",  # noqa: E501
    re.IGNORECASE | re.VERBOSE,
)
_TRAILERS = re.compile(
    r"(?:,? (?:please|again|do you know|can you|could you tell me|right))+$", re.IGNORECASE
)
_AFTERTHOUGHT = re.compile(
    r"^(.+?) (is|are|was|were) ((?:on |in |at )?(?:what|which)(?: \w+)?|when|where|who|how old)(?: again)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """`wh` asks ("where", "what colour", "" for yes or no), `aux` and `subject` may be empty, `rest`
    follows."""

    wh: str
    aux: str
    subject: str
    rest: str

    def direct(self) -> str:
        """As a direct question: "Where do I keep the spare key?"."""
        return capitalised(_join(self.wh, self.aux, self.subject, self.rest)) + "?"

    def indirect(self) -> str:
        """As a clause to follow "tell me": "where I keep the spare key"."""
        wh = self.wh or "whether"
        if not self.subject:
            return lowered(_join(wh, self.aux, self.rest))
        return lowered(_join(wh, self.statement()))

    def statement(self) -> str:
        """Subject, verb and rest in the order of a statement: "I keep the spare key"."""
        if self.aux in DO:
            words = self.rest.split()
            verb = next((place for place, word in enumerate(words) if word.lower() not in ADVERBS), None)
            if verb is not None and self.aux == "does":
                words[verb] = third_person(words[verb])
            elif verb is not None and self.aux == "did":
                words[verb] = past(words[verb])
            return _join(self.subject, *words)
        return _join(self.subject, self.aux, self.rest)


def bare(text: str) -> str:
    """The text without wrapping such as "Can you tell me …" or "…, please?"; without its end mark."""
    text = re.sub(r"\s+", " ", text).strip().rstrip("?.! ").replace("’", "'")
    former = None
    while former != text:
        former = text
        text = _TRAILERS.sub("", _LEAD_INS.sub("", text))
    return text


def parse(text: str) -> Question | None:
    """Take a question apart; None when it is not a question this module understands."""
    core = bare(text)
    wrapped = core != re.sub(r"\s+", " ", text).strip().rstrip("?.! ").replace("’", "'")
    afterthought = _AFTERTHOUGHT.match(core)
    if afterthought:
        subject, aux, wh = afterthought.groups()
        return Question(wh.lower(), aux.lower(), _subject(subject), "")
    words = _expand(core).split()
    if not words:
        return None
    first = words[0].lower()
    if first in ("if", "whether") and wrapped:
        return _clause("", words[1:])
    if first in _WH:
        return _wh_question(words)
    if first in PREPOSITIONS and len(words) > 3 and words[1].lower() in ("which", "what", "whom"):
        later = _wh_question(words[1:])
        if later is None or not later.aux or later.wh == "what time":
            return later
        return replace(later, rest=_join(later.rest, first))
    if first in AUXILIARIES and len(words) > 2:
        return _inverted("", first, words[1:])
    if wrapped and (first in ("my", "our", "the") or words[0].endswith("'s")) and "," not in core:
        return Question("what", "are" if is_plural(core) else "is", _subject(core), "")
    return None


def _wh_question(words: list[str]) -> Question | None:
    start = 1
    if words[0].lower() in ("what", "which", "whose", "how"):
        while start < len(words) and words[start].lower() not in AUXILIARIES | PRONOUNS:
            if words[start].lower() in DETERMINERS and words[start - 1].lower() != "of":
                break
            start += 1
    if start >= len(words):
        return _wh_subject(words)
    wh, word, rest = " ".join(words[:start]).lower(), words[start].lower(), words[start + 1 :]
    wh = (
        wh
        if words[0][1:] == words[0][1:].lower() and not _has_name(words[:start])
        else " ".join(words[:start])
    )
    if word in AUXILIARIES:
        return _inverted(wh, word, rest)
    if word in PRONOUNS | DETERMINERS:
        clause = _clause(wh, words[start:])
        return clause if clause is not None else _wh_subject(words)
    return _wh_subject(words)


def _wh_subject(words: list[str]) -> Question | None:
    """ "Who gave me my watch": the wh-word is the subject, the order never changes."""
    return Question(words[0].lower(), "", "", " ".join(words[1:])) if len(words) > 1 else None


def _inverted(wh: str, aux: str, words: list[str]) -> Question | None:
    """After the auxiliary of a direct question: subject, then the rest."""
    if not words:
        return None
    first = words[0].lower()
    kind = "be" if aux in BE else "have" if aux in HAVE else "do"
    if wh:
        phrase = len(wh.split()) > 1
        lead_is_subject = first in PREPOSITIONS | PREDICATES or (
            first.endswith("ing") and kind == "be" and not phrase
        )
        if kind == "have" and first not in PRONOUNS:
            lead_is_subject = not _has_participle(wh, words)
        if kind == "do" and aux not in DO and first not in PRONOUNS | DETERMINERS and base_form(first):
            lead_is_subject = True
        if kind == "be" and phrase and wh.startswith("which") and first not in PRONOUNS | {"my", "our"}:
            # "which box are the candles in" is about the candles, "which box is the heavy one" is not
            lead_is_subject = words[-1].lower() not in PREPOSITIONS
        if lead_is_subject:
            return Question(wh, aux, "", " ".join(words))
    end = end_of_noun_phrase(words, kind)
    if kind == "be" and end == len(words) > 1:
        end = _split_preposition(wh, words)
    return Question(wh, aux, _subject(" ".join(words[:end])), " ".join(words[end:]))


def _has_participle(wh: str, words: list[str]) -> bool:
    """Whether "has" is followed by a subject and a participle: "has my brother moved", not "has a dog"."""
    if wh.split()[0] in ("where", "when", "why"):
        return True
    first = words[0].lower()
    if first in ("a", "an", "any") or (first not in DETERMINERS and not words[0][:1].isupper()):
        return False
    end = end_of_noun_phrase(words, "have")
    return any(is_participle(word) for word in words[end : end + 2])


def _split_preposition(wh: str, words: list[str]) -> int:
    """A last stranded preposition, or in a yes/no question whatever follows the first noun, is said of the
    subject."""
    if words[-1].lower() in PREPOSITIONS:
        return len(words) - 1
    if wh:
        return len(words)
    least = 2 if words[0].lower() in DETERMINERS else 1
    while least < len(words) and words[least - 1].lower().endswith("'s"):
        least += 1
    places = [
        place for place in range(least, len(words)) if words[place].lower() in PREPOSITIONS | {"a", "an"}
    ]
    return places[0] if places else min(least, len(words) - 1)


def _clause(wh: str, words: list[str]) -> Question | None:
    """From the order of a statement ("I keep the spare key") back to a question."""
    end = (
        1
        if words[0].lower() in PRONOUNS
        else next(
            (
                place
                for place in range(2, len(words))
                if words[place].lower() in BE | HAVE or base_form(words[place])
            ),
            0,
        )
    )
    if not end or end >= len(words):
        return None
    verb_at = end
    while verb_at < len(words) - 1 and words[verb_at].lower() in ADVERBS:
        verb_at += 1
    subject, verb, rest = _subject(" ".join(words[:end])), words[verb_at].lower(), words[verb_at + 1 :]
    adverbs = words[end:verb_at]
    said = next((word for word in rest if word.lower() not in ADVERBS), "")
    participle = is_participle(said)
    if verb in BE or (verb in AUXILIARIES - DO - HAVE) or (verb in HAVE and participle):
        return Question(wh, verb, subject, _join(*adverbs, *rest))
    form = base_form(verb)
    if form is None:
        return None
    base, aux = form
    if aux == "do" and subject.lower() not in PRONOUNS and not is_plural(subject):
        return None
    return Question(wh, aux, subject, _join(*adverbs, base, *rest))


def _expand(text: str) -> str:
    text = re.sub(r"^(what|who|where|when|how)'s\b", r"\1 is", text, flags=re.IGNORECASE)
    return re.sub(r"^(what|who|where|when|how)'re\b", r"\1 are", text, flags=re.IGNORECASE)


def _subject(text: str) -> str:
    """A name keeps its capital."""
    first = re.split(r"[\s']", text, maxsplit=1)[0].lower()
    return "I" if text.lower() == "i" else lowered(text) if first in PRONOUNS | DETERMINERS else text


def _has_name(words: list[str]) -> bool:
    return any(word[:1].isupper() for word in words[1:])


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)
