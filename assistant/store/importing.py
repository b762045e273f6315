"""Chats from a file, in batches: bounded memory for any size, and an interrupted import goes on where it was.

Knows the file and the tables of chats. What an unfinished import of JSON Lines has read is kept as a number
of bytes with their SHA-256, in the same transaction as the chats, so that going on neither repeats nor loses
a chat. The other formats are read from the beginning again, and what is there already is known.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from assistant.errors import Cancelled, UsageError
from assistant.store import foreign, transfer
from assistant.store.database import Session
from assistant.store.foreign.detect import JSONL
from assistant.store.foreign.reading import Reading
from assistant.store.imported import ADDED, GROWN, add_once
from assistant.store.records import ROLES, ImportSummary, now

BATCH_LINES = 500
BATCH_BYTES = 4 << 20
LONGEST_LINE_BYTES = 64 << 20
_READ_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is, in bytes of the file (conversations of a database) and turns added."""

    read_bytes: int
    size_bytes: int
    turns: int


@dataclass(slots=True)
class _State:
    """What an import has done; for JSON Lines also a row of `imports`, `number` 0 before it is written."""

    number: int = 0
    read_bytes: int = 0
    chats: int = 0
    turns: int = 0
    skipped: int = 0
    known: int = 0
    grown: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def copy(self) -> _State:
        return replace(self, reasons=self.reasons.copy(), left_out=self.left_out.copy())

    def take(self, db: sqlite3.Connection, reading: Reading, position: int) -> None:
        """Add a conversation if it is a new one, and count it either way."""
        if reading.draft is None:
            self.skipped += 1
            self.reasons[reading.reason] += 1
            return
        how, turns = add_once(db, reading.draft, position)
        self.turns += turns
        self.chats += how == ADDED
        self.grown += how == GROWN
        self.known += how not in (ADDED, GROWN)
        if how == ADDED:
            self.left_out += reading.left_out

    def summary(self, kind: str, *, resumed: bool = False) -> ImportSummary:
        return ImportSummary(
            self.chats,
            self.turns,
            self.skipped,
            resumed,
            self.known,
            self.grown,
            dict(self.reasons),
            dict(self.left_out),
            kind,
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Lines, of which an empty one was too long to be read, and how many bytes of the file each is."""

    lines: list[bytes]
    sizes: list[int]


class Imports:
    """Adds the chats of files in any of `foreign.FORMATS`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(
        self,
        file: Path,
        kind: str | None = None,
        *,
        on_progress: Callable[[ImportProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> ImportSummary:
        """Add the chats of a file that are not there yet; `kind` None finds out its format.

        What holds no usable chat is skipped and counted. The first bytes of a file of JSON Lines decide
        whether an unfinished import is of this file, under whatever name; the numbers are then those of the
        whole file.

        Raises:
            UsageError: the file cannot be read, or not to its end; what was added stays.
            Cancelled: `cancel` was set; what was added stays, and the next call goes on there.
        """
        try:
            kind = kind or foreign.detect(file)
            if kind != JSONL:
                return self._run_foreign(file, kind, on_progress, cancel)
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
                    state = self._add(batch, state, digest.hexdigest())
                    if on_progress is not None:
                        on_progress(ImportProgress(state.read_bytes, size, state.turns))
        except OSError as problem:
            raise UsageError(f"{file} cannot be read: {problem.strerror}.") from problem
        with self._session.writing() as db:
            db.execute("DELETE FROM imports WHERE id = ?", (state.number,))
        return state.summary(JSONL, resumed=resumed)

    def _run_foreign(
        self,
        file: Path,
        kind: str,
        on_progress: Callable[[ImportProgress], None] | None,
        cancel: threading.Event | None,
    ) -> ImportSummary:
        state = _State()
        position = 0
        for batch in _groups(foreign.read(file, kind)):
            if cancel is not None and cancel.is_set():
                raise Cancelled(
                    f"Stopped after {state.turns} turns, which stay.",
                    hint="The same command adds the rest.",
                )
            after = state.copy()
            with self._session.writing() as db:
                for reading in batch:
                    after.take(db, reading, position)
                    position += 1
            state = after
            if on_progress is not None:
                on_progress(ImportProgress(batch[-1].done, batch[-1].total, state.turns))
        return state.summary(kind)

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
        counts = json.loads(found["counts"])
        state = _State(
            found["id"], found["read_bytes"], found["chats"], found["turns"], found["skipped"],
            counts.get("known", 0), counts.get("grown", 0), Counter(counts.get("reasons", {})),
        )  # fmt: skip
        return state, reached

    def _add(self, batch: _Batch, state: _State, sha256: str) -> _State:
        """Add the chats of a batch and note how far this came, all or nothing."""
        after = state.copy()
        position = state.read_bytes
        with self._session.writing() as db:
            for line, size in zip(batch.lines, batch.sizes, strict=True):
                text = line.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace")
                if not line or text.strip():
                    draft = transfer.parse(text, ROLES)
                    reason = transfer.UNUSABLE if line else "a line too long to be read"
                    after.take(db, Reading(draft, "" if draft else reason), position)
                position += size
            after.read_bytes = position
            counts = json.dumps({"known": after.known, "grown": after.grown, "reasons": after.reasons})
            number = db.execute(
                "INSERT OR REPLACE INTO imports"
                " (id, read_bytes, sha256, chats, turns, skipped, updated, counts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    state.number or None,
                    after.read_bytes,
                    sha256,
                    after.chats,
                    after.turns,
                    after.skipped,
                    now(),
                    counts,
                ),
            ).lastrowid
        after.number = number or 0
        return after


def _groups(readings: Iterator[Reading]) -> Iterator[list[Reading]]:
    """A bounded number of conversations and characters at a time."""
    group: list[Reading] = []
    size = 0
    try:
        for reading in readings:
            group.append(reading)
            size += sum(len(text) for _, text in reading.draft.messages) if reading.draft else 0
            if len(group) >= BATCH_LINES or size >= BATCH_BYTES:
                yield group
                group, size = [], 0
    except UsageError:
        # The file is damaged further on: what was read before that is taken.
        if group:
            yield group
        raise
    if group:
        yield group


def _batches(stream: IO[bytes], digest: hashlib._Hash) -> Iterator[_Batch]:
    """Whole lines, a bounded number of lines and bytes at a time; the digest is of all read so far."""
    lines: list[bytes] = []
    sizes: list[int] = []
    total = 0
    while line := stream.readline(LONGEST_LINE_BYTES):
        digest.update(line)
        size = len(line)
        if len(line) == LONGEST_LINE_BYTES and not line.endswith(b"\n"):
            # Too long to be read at once; what is left of it goes by in pieces.
            while (piece := stream.readline(_READ_BYTES)) and not piece.endswith(b"\n"):
                digest.update(piece)
                size += len(piece)
            digest.update(piece)
            size += len(piece)
            line = b""
        lines.append(line)
        sizes.append(size)
        total += size
        if len(lines) >= BATCH_LINES or total >= BATCH_BYTES:
            yield _Batch(lines, sizes)
            lines, sizes, total = [], [], 0
    if lines:
        yield _Batch(lines, sizes)
