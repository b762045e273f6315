"""Chats from a file, in batches: bounded memory for any size, and an interrupted import goes on where it was.

Knows the file and the tables of chats. What an unfinished import has read is kept as a number of bytes with
their SHA-256, in the same transaction as the chats, so that going on neither repeats nor loses a chat.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from assistant.errors import Cancelled, UsageError
from assistant.store import transfer
from assistant.store.database import Session
from assistant.store.records import ROLES, ImportSummary, now, storable
from assistant.store.transfer import ChatDraft

BATCH_LINES = 500
BATCH_BYTES = 4 << 20
LONGEST_LINE_BYTES = 64 << 20
_READ_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is, in bytes of the file and turns added."""

    read_bytes: int
    size_bytes: int
    turns: int


@dataclass(slots=True)
class _State:
    """A row of the table `imports`; `number` is 0 before it is written."""

    number: int = 0
    read_bytes: int = 0
    chats: int = 0
    turns: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Batch:
    """Lines, of which an empty one was too long to be read, and how many bytes of the file they are."""

    lines: list[bytes]
    size_bytes: int


class Imports:
    """Adds the chats of JSON Lines files."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(
        self,
        file: Path,
        *,
        on_progress: Callable[[ImportProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> ImportSummary:
        """Add the chats of a file. A line that holds no usable chat is skipped and counted.

        The first bytes of the file decide whether an unfinished import is of this file, under whatever name.
        The numbers in the result are those of the whole file.

        Raises:
            UsageError: the file cannot be read.
            Cancelled: `cancel` was set; what was added stays, and the next call goes on there.
        """
        try:
            with file.open("rb") as stream:
                size = file.stat().st_size
                state, digest = self._resume(stream, size)
                resumed = state.read_bytes > 0
                for batch in _batches(stream, digest):
                    if cancel is not None and cancel.is_set():
                        raise Cancelled(
                            f"Stopped after {state.turns} turns, which stay.",
                            hint="The same command goes on from there.",
                        )
                    self._add(batch, state, digest.hexdigest())
                    if on_progress is not None:
                        on_progress(ImportProgress(state.read_bytes, size, state.turns))
        except OSError as problem:
            raise UsageError(f"{file} cannot be read: {problem.strerror}.") from problem
        with self._session.writing() as db:
            db.execute("DELETE FROM imports WHERE id = ?", (state.number,))
        return ImportSummary(state.chats, state.turns, state.skipped, resumed)

    def _resume(self, stream: IO[bytes], size: int) -> tuple[_State, hashlib._Hash]:
        """Where an earlier import of the same bytes stopped; the stream is left there."""
        with self._session.reading() as db:
            rows = db.execute(
                "SELECT * FROM imports WHERE read_bytes <= ? ORDER BY read_bytes", (size,)
            ).fetchall()
        digest, found, reached = hashlib.sha256(), None, hashlib.sha256()
        position = 0
        for row in rows:
            while position < row["read_bytes"]:
                piece = stream.read(min(_READ_BYTES, row["read_bytes"] - position))
                if not piece:
                    break
                digest.update(piece)
                position += len(piece)
            if digest.hexdigest() == row["sha256"]:
                found, reached = row, digest.copy()
        stream.seek(found["read_bytes"] if found else 0)
        if not found:
            return _State(), hashlib.sha256()
        return (
            _State(found["id"], found["read_bytes"], found["chats"], found["turns"], found["skipped"]),
            reached,
        )

    def _add(self, batch: _Batch, state: _State, sha256: str) -> None:
        """Add the chats of a batch and note how far this came, all or nothing."""
        after = replace(state, read_bytes=state.read_bytes + batch.size_bytes)
        with self._session.writing() as db:
            for line in batch.lines:
                text = line.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace")
                if line and not text.strip():
                    continue
                draft = transfer.parse(text, ROLES)
                if draft is None:
                    after.skipped += 1
                else:
                    after.turns += add_draft(db, draft)
                    after.chats += 1
            values = (after.read_bytes, sha256, after.chats, after.turns, after.skipped, now())
            number = db.execute(
                "INSERT OR REPLACE INTO imports VALUES (?, ?, ?, ?, ?, ?, ?)", (state.number or None, *values)
            ).lastrowid
        state.number = number or 0
        state.read_bytes, state.chats = after.read_bytes, after.chats
        state.turns, state.skipped = after.turns, after.skipped


def add_draft(db: sqlite3.Connection, draft: ChatDraft) -> int:
    """Write a chat with its turns, each reply to the message before it; returns the number of turns."""
    created = now()
    moment = draft.created or created
    chat_id = db.execute(
        "INSERT INTO chats (title, created, updated, learn) VALUES (?, ?, ?, 1)",
        (storable(draft.title), moment, moment),
    ).lastrowid
    reply_to = None
    for role, content in draft.messages:
        turn_id = db.execute(
            "INSERT INTO turns (chat_id, role, content, state, created, adapters, reply_to)"
            " VALUES (?, ?, ?, 'done', ?, '[]', ?)",
            (chat_id, role, storable(content), created, reply_to if role == "assistant" else None),
        ).lastrowid
        reply_to = turn_id if role == "user" else reply_to
    return len(draft.messages)


def _batches(stream: IO[bytes], digest: hashlib._Hash) -> Iterator[_Batch]:
    """Whole lines, a bounded number of lines and bytes at a time; the digest is of all read so far."""
    lines: list[bytes] = []
    size = 0
    while line := stream.readline(LONGEST_LINE_BYTES):
        digest.update(line)
        size += len(line)
        if len(line) == LONGEST_LINE_BYTES and not line.endswith(b"\n"):
            # Too long to be read at once; what is left of it goes by in pieces.
            while (piece := stream.readline(_READ_BYTES)) and not piece.endswith(b"\n"):
                digest.update(piece)
                size += len(piece)
            digest.update(piece)
            size += len(piece)
            line = b""
        lines.append(line)
        if len(lines) >= BATCH_LINES or size >= BATCH_BYTES:
            yield _Batch(lines, size)
            lines, size = [], 0
    if lines:
        yield _Batch(lines, size)
