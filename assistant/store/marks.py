"""The owner's judgements of turns, kept in order so that the last one can be undone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from assistant.errors import UsageError
from assistant.store.chats import storable
from assistant.store.database import Session
from assistant.store.records import Mark, now

KINDS = ("good", "bad", "edit", "skip", "unskip")


class Marks:
    """Rows are never removed by undoing, only by deleting the turn."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, turn_id: int, kind: str, text: str | None = None) -> Mark:
        """Record a judgement; `text` is the wanted answer of an edit.

        Raises:
            UsageError: unknown turn or kind.
        """
        if kind not in KINDS:
            raise UsageError(f"{kind!r} is not a mark; marks are {', '.join(KINDS)}.")
        with self._session.writing() as db:
            if db.execute("SELECT 1 FROM turns WHERE id = ?", (turn_id,)).fetchone() is None:
                raise UsageError(f"There is no turn {turn_id}.")
            number = db.execute(
                "INSERT INTO marks (turn_id, kind, text, created) VALUES (?, ?, ?, ?)",
                (turn_id, kind, None if text is None else storable(text), now()),
            ).lastrowid
            return _as_mark(db.execute("SELECT * FROM marks WHERE id = ?", (number,)).fetchone())

    def undo_last(self, chat_id: int | None = None) -> Mark | None:
        """Undo the newest mark (of one chat); None when there is nothing left to undo."""
        with self._session.writing() as db:
            row = db.execute(
                "SELECT m.id FROM marks AS m JOIN turns AS t ON t.id = m.turn_id"
                " WHERE NOT m.undone AND (:chat IS NULL OR t.chat_id = :chat) ORDER BY m.id DESC LIMIT 1",
                {"chat": chat_id},
            ).fetchone()
            if row is None:
                return None
            db.execute("UPDATE marks SET undone = 1 WHERE id = ?", (row["id"],))
            return _as_mark(db.execute("SELECT * FROM marks WHERE id = ?", (row["id"],)).fetchone())

    def for_turn(self, turn_id: int) -> list[Mark]:
        """The marks in force, oldest first."""
        with self._session.reading() as db:
            rows = db.execute("SELECT * FROM marks WHERE turn_id = ? AND NOT undone ORDER BY id", (turn_id,))
            return [_as_mark(row) for row in rows]

    def latest_of(self, turn_ids: Collection[int]) -> dict[int, Mark]:
        """The mark in force of each of these turns that has one."""
        with self._session.reading() as db:
            rows = db.execute(
                "SELECT * FROM marks WHERE NOT undone AND turn_id IN (SELECT value FROM json_each(?))"
                " ORDER BY id",
                (json.dumps([*turn_ids]),),
            )
            return {row["turn_id"]: _as_mark(row) for row in rows}

    def latest(self, turn_id: int) -> Mark | None:
        marks = self.for_turn(turn_id)
        return marks[-1] if marks else None


def _as_mark(row: sqlite3.Row) -> Mark:
    return Mark(row["id"], row["turn_id"], row["kind"], row["text"], row["created"], bool(row["undone"]))
