"""The values the store hands out. Frozen: a change goes through the store, never through a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ROLES = ("system", "user", "assistant")


def now() -> str:
    """The present moment as ISO 8601 in UTC with microseconds; such texts sort by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def storable(text: str) -> str:
    """`text` without lone surrogates, which undecodable input leaves and UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation. `learn` False keeps every turn of it out of learning.

    `turns` counts what is shown, not other versions. `system` is what the model is told before this chat,
    None for what the settings say; `persona` is the name under which that was chosen, if it has one.
    """

    id: int
    title: str
    created: str
    updated: str
    turns: int
    learn: bool
    pinned: bool = False
    tags: tuple[str, ...] = ()
    system: str | None = None
    persona: str = ""


@dataclass(frozen=True, slots=True)
class Persona:
    """A system prompt with a name."""

    name: str
    prompt: str
    created: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a chat.

    `role` is system, user or assistant. `state` is "streaming" while a reply grows, then "done",
    "stopped" (by the owner or a crash; the text is partial) or "lost" (no usable text).
    `adapters` are the ids of the versions that were in force. `loss` is how unsure the model was of its own
    reply: nats per token, None where it was not measured. `parent` is the turn before it; `visible` says
    whether it is on the path that is shown, and not another version of what is there.
    """

    id: int
    chat_id: int
    role: str
    content: str
    state: str
    created: str
    tokens: int | None
    tokens_per_s: float | None
    model: str | None
    adapters: tuple[str, ...]
    reply_to: int | None
    loss: float | None = None
    parent: int | None = None
    visible: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    """A finished answer, named by its turn, and the prompt it answers; long texts may be cut."""

    reply_id: int
    prompt: str
    reply: str


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A place where a search matched; « and » enclose the match in `snippet`.

    A match in the title has no turn: `turn_id` is None and `role` is "title".
    """

    chat_id: int
    chat_title: str
    turn_id: int | None
    role: str
    snippet: str
    created: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a deletion took with it, and the ids of the versions that had learned from it."""

    turns: int
    pairs: int
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """Result of an import; `skipped` counts lines, or conversations, that held no usable chat.

    `resumed`: an earlier import of the same file had been interrupted, and this one went on from there.
    `known` chats had been imported before, `grown` ones got their new turns. `reasons` says why conversations
    were skipped, `left_out` why messages of the others were, each with a count. `format` is one of `FORMATS`.
    """

    chats: int
    turns: int
    skipped: int
    resumed: bool = False
    known: int = 0
    grown: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    format: str = "jsonl"


@dataclass(frozen=True, slots=True)
class Mark:
    """The owner's judgement of a turn: good, bad, edit (`text` is the wanted answer), skip or unskip."""

    id: int
    turn_id: int
    kind: str
    text: str | None
    created: str
    undone: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One time the owner was asked whether a reply was good, or judged it in the review.

    `place` is pause (the program asked) or review (the owner came to judge; `session` is None then).
    `outcome` is open (no reaction), fine, bad, corrected, never or dismissed. `turn_id` is None once the
    turn was deleted: that something was asked still counts towards the budget.
    """

    id: int
    turn_id: int | None
    session: int | None
    place: str
    asked: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and the answer that should be learned.

    `source` is edit, added, statement, good or own (the model's own reply that nobody complained about).
    `state` is active, off, superseded (by the newer answer `superseded_by`, None once that is deleted),
    unconfirmed (a statement that the model was not asked about yet) or rejected (asked, and the statement
    does not answer the question). `learned_in` are the ids of the versions trained on it that passed their
    checks or were put in force all the same.
    """

    id: int
    question: str
    answer: str
    source: str
    turn_id: int | None
    state: str
    created: str
    weight: float
    learned_in: tuple[str, ...]
    superseded_by: int | None = None


@dataclass(frozen=True, slots=True)
class NewWording:
    """A wording of a pair's question that is not stored yet."""

    question: str
    origin: str
    split: str = "train"
    rouge1: float | None = None
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Wording:
    """Another way to ask a pair's question. `origin` is given, model or rules; `split` train or held-out."""

    id: int
    pair_id: int
    question: str
    origin: str
    split: str
    rouge1: float | None
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Version:
    """One learned adapter. `path` is a file name inside the adapters folder.

    `kind` is personal or shared, `state` draft, active or retired. `report` outlives deleted chats,
    so it holds numbers and ids, never texts.
    """

    id: str
    parent: str | None
    kind: str
    state: str
    strength: float
    method: str
    base_sha256: str
    path: str
    created: str = ""
    pair_ids: tuple[int, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
