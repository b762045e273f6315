"""Other wordings of a question by rule: other words and the question inside another sentence, in turn.

Made for English questions of any content; an imperative prompt is wrapped. No model is asked and nothing
is random,
so the same question always yields the same wordings in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, zip_longest

from synthesis.checks import language_of, same_text, words_of
from synthesis.english import capitalised, lowered
from synthesis.families import structural
from synthesis.questions import Question, bare, parse
from synthesis.relations import in_other_words

_AROUND_A_CLAUSE = (
    "Can you tell me {}?",
    "Do you remember {}?",
    "Remind me {}.",
    "I forgot {}, can you help?",
    "Do you know {}?",
    "Tell me {}.",
    "I'd like to know {}.",
    "Could you remind me {}?",
    "Have I told you {}?",
    "Please tell me {}.",
    "I can't remember {}.",
    "Would you happen to know {}?",
    "I was wondering {}.",
)
_AROUND_A_YES_OR_NO = (
    "Can you tell me {}?",
    "Do you know {}?",
    "Tell me {}.",
    "I'd like to know {}.",
    "Do you remember {}?",
    "Could you tell me {}?",
)
_AROUND_A_THING = (
    "Tell me {}.",
    "Do you know {}?",
    "Remind me of {}.",
    "Do you remember {}?",
    "Could you give me {}?",
    "Can you tell me {}?",
    "I need to know {}.",
    "I forgot {}, what is it?",
)
_AROUND_A_REQUEST = (
    "Can you {}?",
    "Please {}.",
    "Could you {} for me?",
    "I'd like you to {}.",
    "I want you to {}.",
    "Would you {}?",
)
_AROUND_ANYTHING = (
    "Quick question: {}",
    "Hey, {}",
    "One more thing: {}",
    "Listen: {}",
    "Another thing: {}",
    "Now this: {}",
)
_AROUND_A_QUESTION = ("Quick question: {}?", "Remind me: {}?", "By the way, {}?", "Hey, {}?", "{} again?")
_POLITE = re.compile(
    r"(?:can|could|would|will) you (?:please )?((?!(?:please )?(?:tell|remind|know|remember)\b).+)\?$",
    re.IGNORECASE,
)
_NOT_A_REQUEST = re.compile(
    r"(hello|hi|hey|good|thanks?|thank|great|my|i|i'm|we|the|there|he|she|it|they|you|if|ok|yes|no|what|any|this|"
    r"in|on|at|a|an)\b",
    re.IGNORECASE,
)


def reword(question: str) -> list[str]:
    """Distinct wordings of `question` by rule, other words and wrappings in turn.

    Empty for texts in another language than English.
    """
    text = re.sub(r"\s+", " ", question).strip()
    if not text or language_of(text) not in ("en", ""):
        return []
    parsed = None if _POLITE.match(text) else parse(text)
    if parsed is not None:
        # Other words teach more than the same words inside another sentence, so they come first in each turn.
        other_words = dict.fromkeys(_whole(chain(in_other_words(parsed.direct()), structural(parsed))))
        wrapped, asked_for = _whole(_wrapped(parsed)), _whole(_asked_for(parsed))
        around = [text for turn in zip_longest(wrapped[:1], asked_for, wrapped[1:]) for text in turn if text]
        asked = parsed.direct()
        ways = [[each for each in other_words if not same_text(each, asked)], around]
    else:
        ways = [_whole(_request(text))]
    found = {" ".join(words_of(text)): text}
    order = [each for turn in zip_longest(*ways) for each in turn if each]
    for wording in [*order, *_whole(_around(text, parsed))]:
        found.setdefault(" ".join(words_of(wording)), wording)
    return list(found.values())[1:]


def _wrapped(parsed: Question) -> Iterator[str]:
    frames = _AROUND_A_CLAUSE if parsed.wh else _AROUND_A_YES_OR_NO
    return (frame.format(parsed.indirect()) for frame in frames)


def _asked_for(parsed: Question) -> Iterator[str]:
    """The thing itself is asked for: "Tell me my shoe size."."""
    asked_by_name = parsed.wh == "what" and parsed.aux in ("is", "are", "was") and not parsed.rest
    if asked_by_name and re.match(r"(my|our|the) |.*'s ", parsed.subject):
        yield from (frame.format(parsed.subject) for frame in _AROUND_A_THING)
        yield (
            f"What's {parsed.subject} again?"
            if parsed.aux == "is"
            else f"{capitalised(parsed.subject)} {parsed.aux} what?"
        )
    elif parsed.wh in ("where", "who", "when") and parsed.aux == "is" and not parsed.rest and parsed.subject:
        yield f"{capitalised(parsed.wh)}'s {parsed.subject} again?"
        yield f"{capitalised(parsed.subject)} is {parsed.wh}?"
    elif parsed.wh:
        yield f"{parsed.direct().rstrip('?')} again?"


def _request(text: str) -> Iterator[str]:
    core = bare(text)
    if text.endswith("?") or _NOT_A_REQUEST.match(text) or "?" in core or ". " in core:
        return
    request = re.sub(r"^(can|could|would|will) you (please )?", "", lowered(core), flags=re.IGNORECASE)
    for frame in _AROUND_A_REQUEST:
        yield frame.format(request)


def _around(text: str, parsed: Question | None) -> Iterator[str]:
    if parsed is not None:
        yield from (frame.format(lowered(parsed.direct().rstrip("?"))) for frame in _AROUND_A_QUESTION)
        return
    polite = _POLITE.match(text)
    if polite:
        yield from (frame.format(polite[1]) for frame in _AROUND_A_REQUEST)
    end = "" if text[-1] in ".?!" else "."
    yield from (
        frame.format(lowered(text) if frame.startswith("Hey") else text) + end for frame in _AROUND_ANYTHING
    )


def _whole(texts: Iterator[str]) -> list[str]:
    return [capitalised(text) for text in texts]
