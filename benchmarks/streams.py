"""Question-answer streams from public data sets, with a held-out part. Knows no model and no policy.

`--data` is a folder with these files (JSON Lines, gzip; `messages` in the OpenAI shape, user first):

    dolly15k.jsonl.gz  alpaca52k.jsonl.gz  medquad.jsonl.gz
    self_dialogue.jsonl.gz (also `user`)   synthetic_persona_chat.jsonl.gz

An exchange is a user message and the message after it, without what was said before. Only the beginning of an
answer is taught and asked for: as many whole sentences as fit into `ANSWER_WORDS`.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

QUESTION_WORDS = 40
ANSWER_WORDS = 24
FEWEST_WORDS = 3
# Of people with fewer exchanges nothing would be left to choose from.
TALKATIVE = 1250
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class StreamError(ValueError):
    """A data file is missing, damaged or too small; the message names it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and the reference answer, which stands for what the owner would say when asked."""

    question: str
    answer: str

    @property
    def text(self) -> str:
        """What selection sees."""
        return f"{self.question}\n{self.answer}"


@dataclass(frozen=True, slots=True)
class Stream:
    """`taught` come by in order; `held_out` share no question and no dialogue with them."""

    name: str
    seed: int
    taught: tuple[Exchange, ...]
    held_out: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """A file; with `by_user` a stream is what one person said, and the seed chooses the person."""

    file: str
    by_user: bool = False


STREAMS: dict[str, _Source] = {
    "dolly": _Source("dolly15k.jsonl.gz"),
    "alpaca": _Source("alpaca52k.jsonl.gz"),
    "medquad": _Source("medquad.jsonl.gz"),
    "self-dialogue": _Source("self_dialogue.jsonl.gz", by_user=True),
    "persona-chat": _Source("synthetic_persona_chat.jsonl.gz"),
}

Dialogue = tuple[Exchange, ...]


def load_stream(name: str, folder: Path, *, seed: int, length: int, held_out: int) -> Stream:
    """`length` exchanges in an order that the seed fixes, whole dialogues one after the other.

    The held-out part depends on the seed alone, not on `length`. Raises StreamError.
    """
    if name not in STREAMS:
        raise StreamError(f"There is no stream {name!r}; streams are {', '.join(STREAMS)}.")
    source = STREAMS[name]
    owners = _owners(folder / source.file, source.by_user)
    rng = np.random.Generator(np.random.Philox(seed))
    if source.by_user:
        enough = [each for each in owners if sum(map(len, each)) >= TALKATIVE]
        if not enough:
            raise StreamError(f"Nobody in {source.file} has {TALKATIVE} exchanges.")
        dialogues = enough[int(rng.integers(len(enough)))]
    else:
        (dialogues,) = owners
    return split(name, dialogues, seed=seed, length=length, held_out=held_out, rng=rng)


def split(
    name: str,
    dialogues: Sequence[Dialogue],
    *,
    seed: int,
    length: int,
    held_out: int,
    rng: np.random.Generator,
) -> Stream:
    """Shuffle whole dialogues, hold out the first of them, stream the next. Raises StreamError if too few."""
    order = iter(rng.permutation(len(dialogues)))
    known: set[str] = set()

    def take(count: int) -> tuple[Exchange, ...]:
        taken: list[Exchange] = []
        for number in order:
            for each in dialogues[number]:
                key = " ".join(each.question.casefold().split())
                if key not in known and len(taken) < count:
                    known.add(key)
                    taken.append(each)
            if len(taken) == count:
                return tuple(taken)
        raise StreamError(f"{name} has only {len(known)} usable exchanges; {length} + {held_out} are needed.")

    kept_apart = take(held_out)
    return Stream(name, seed, take(length), kept_apart)


def exchanges(messages: Sequence[dict[str, Any]]) -> Dialogue:
    """The user messages of a dialogue with the beginnings of the answers to them, those that fit."""
    found = []
    for asked, told in pairwise(messages):
        if asked["role"] != "user" or told["role"] != "assistant":
            continue
        question, answer = " ".join(asked["content"].split()), beginning(told["content"])
        if FEWEST_WORDS <= len(question.split()) <= QUESTION_WORDS and answer:
            found.append(Exchange(question, answer))
    return tuple(found)


def beginning(answer: str) -> str:
    """As many whole sentences from the start as fit; empty if the first does not, or says next to nothing."""
    chosen: list[str] = []
    for sentence in _SENTENCE_END.split(" ".join(answer.split())):
        words = sentence.split()
        if len(chosen) + len(words) > ANSWER_WORDS:
            break
        chosen += words
    return " ".join(chosen) if len(chosen) >= FEWEST_WORDS else ""


@lru_cache(maxsize=1)  # the plan takes all seeds of a stream together
def _owners(path: Path, by_user: bool) -> tuple[tuple[Dialogue, ...], ...]:
    """The dialogues of each person (in order of name), or all of them as one."""
    people: dict[str, list[Dialogue]] = {}
    for row in _rows(path):
        try:
            found = exchanges(row["messages"])
            owner = str(row["user"]) if by_user else ""
        except (KeyError, TypeError) as error:
            raise StreamError(f"{path} has a row that is no dialogue: {error!r}.") from error
        if found:
            people.setdefault(owner, []).append(found)
    if not people:
        raise StreamError(f"{path} holds no usable dialogue.")
    return tuple(tuple(people[owner]) for owner in sorted(people))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise StreamError(f"The data file {path.name} is missing in {path.parent}.")
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except (OSError, EOFError, ValueError) as error:
        raise StreamError(f"{path} can't be read: {error}.") from error
