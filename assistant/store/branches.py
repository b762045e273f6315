"""The versions of a chat: which turns follow which, and the one path through them that is shown.

A turn comes after its parent. Where a turn has several children, they are versions of the same place, and one
of them is chosen. The path begins with the chosen turn without a parent and goes on with the chosen child
until there is none. Nothing is learned from turns off the path.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection

from assistant.errors import UsageError
from assistant.store.database import Session
from assistant.store.records import Chat, now

_FORK = " (fork)"
_PATH = """WITH RECURSIVE path(id) AS (
    SELECT id FROM turns WHERE chat_id = :chat AND parent IS NULL AND chosen
    UNION ALL SELECT turns.id FROM turns JOIN path ON turns.parent = path.id WHERE turns.chosen)"""
_SUBTREE = """WITH RECURSIVE branch(id) AS (
    SELECT :turn UNION ALL SELECT turns.id FROM turns JOIN branch ON turns.parent = branch.id)"""


class Branches:
    """Every unknown id raises UsageError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def path(self, chat_id: int) -> list[int]:
        """Ids of the turns that are shown, in order."""
        with self._session.reading() as db:
            rows = db.execute("SELECT id FROM turns WHERE chat_id = ? AND visible ORDER BY id", (chat_id,))
            return [row[0] for row in rows]

    def versions(self, chat_id: int) -> dict[int, tuple[int, ...]]:
        """For each turn on the path that has other versions: the ids of all of them, itself included."""
        with self._session.reading() as db:
            rows = db.execute(
                "SELECT id, parent, visible FROM turns WHERE chat_id = ? ORDER BY id", (chat_id,)
            ).fetchall()
        siblings: dict[int | None, list[int]] = defaultdict(list)
        for row in rows:
            siblings[row["parent"]].append(row["id"])
        return {
            row["id"]: tuple(siblings[row["parent"]])
            for row in rows
            if row["visible"] and len(siblings[row["parent"]]) > 1
        }

    def cut(self, chat_id: int, after: int | None) -> None:
        """Let the path end with this turn (None: before the first); what is added next goes on there."""
        with self._session.writing() as db:
            if after is not None:
                _chat_of(db, after)
            db.execute(
                "UPDATE turns SET chosen = 0 WHERE chat_id = ? AND parent IS ? AND chosen", (chat_id, after)
            )
            _show_path(db, chat_id)

    def choose(self, turn_id: int) -> None:
        """Lay the path through this turn; behind it, it goes on where it went when it was last shown."""
        with self._session.writing() as db:
            chat_id = _chat_of(db, turn_id)
            at: int | None = turn_id
            while at is not None:
                parent = db.execute("SELECT parent FROM turns WHERE id = ?", (at,)).fetchone()["parent"]
                db.execute(
                    "UPDATE turns SET chosen = (id = ?) WHERE chat_id = ? AND parent IS ?",
                    (at, chat_id, parent),
                )
                at = parent
            _choose_where_none_is(db, chat_id)
            _show_path(db, chat_id)

    def going_with(self, turn_id: int) -> list[int]:
        """The turns that deleting this one takes along, itself first.

        Of several versions one goes with all that follows it. Where there is only one, what follows stays and
        closes the gap; but a message takes its answers along.
        """
        with self._session.reading() as db:
            _chat_of(db, turn_id)
            turn = db.execute("SELECT * FROM turns WHERE id = ?", (turn_id,)).fetchone()
            has_versions = db.execute(
                "SELECT 1 FROM turns WHERE chat_id = ? AND parent IS ? AND id != ?",
                (turn["chat_id"], turn["parent"], turn_id),
            ).fetchone()
            if has_versions:
                rows = db.execute(f"{_SUBTREE} SELECT id FROM branch", {"turn": turn_id}).fetchall()
            else:
                rows = db.execute(
                    "SELECT id FROM turns WHERE parent = ? AND reply_to = ? AND role = 'assistant'",
                    (turn_id, turn_id),
                ).fetchall()
            return list(dict.fromkeys([turn_id, *(row[0] for row in rows)]))

    def fork(self, turn_id: int) -> Chat:
        """A new chat with copies of the path up to this turn and the same details; its title says (fork).

        A copy remembers what it was copied from, so that nothing counts twice in learning.
        """
        from assistant.store.chats import as_chat

        with self._session.writing() as db:
            source = _chat_of(db, turn_id)
            moment = now()
            title = as_chat(db, source).title.removesuffix(_FORK) or "Untitled"
            chat_id = db.execute(
                "INSERT INTO chats (title, created, updated, learn, system, persona)"
                " SELECT ?, ?, ?, learn, system, persona FROM chats WHERE id = ?",
                (title + _FORK, moment, moment, source),
            ).lastrowid
            db.execute(
                "INSERT INTO chat_tags SELECT ?, tag FROM chat_tags WHERE chat_id = ?", (chat_id, source)
            )
            copies: dict[int, int | None] = {}
            rows = db.execute(
                "SELECT * FROM turns WHERE chat_id = ? AND visible AND id <= ? ORDER BY id",
                (source, turn_id),
            ).fetchall()
            for row in rows:
                copies[row["id"]] = db.execute(
                    "INSERT INTO turns (chat_id, role, content, state, created, tokens, tokens_per_s, model,"
                    " adapters, reply_to, loss, copy_of) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        chat_id,
                        row["role"],
                        row["content"],
                        "stopped" if row["state"] == "streaming" else row["state"],
                        row["created"],
                        row["tokens"],
                        row["tokens_per_s"],
                        row["model"],
                        row["adapters"],
                        copies.get(row["reply_to"]),
                        row["loss"],
                        row["id"],
                    ),
                ).lastrowid
            return as_chat(db, chat_id)


def chats_of(db: sqlite3.Connection, turn_ids: Collection[int]) -> list[int]:
    rows = db.execute(
        "SELECT DISTINCT chat_id FROM turns WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(turn_ids)),),
    )
    return [row[0] for row in rows]


def mend(db: sqlite3.Connection, chat_id: int) -> None:
    """Give a chat that lost turns a whole path again, through another version where the chosen one went."""
    _choose_where_none_is(db, chat_id)
    _show_path(db, chat_id)


def _choose_where_none_is(db: sqlite3.Connection, chat_id: int) -> None:
    db.execute(
        "UPDATE turns SET chosen = 1 WHERE id IN"
        " (SELECT max(id) FROM turns WHERE chat_id = ? GROUP BY parent HAVING NOT max(chosen))",
        (chat_id,),
    )


def _show_path(db: sqlite3.Connection, chat_id: int) -> None:
    db.execute(
        f"{_PATH} UPDATE turns SET visible = NOT visible"
        " WHERE chat_id = :chat AND visible != (id IN (SELECT id FROM path))",
        {"chat": chat_id},
    )


def _chat_of(db: sqlite3.Connection, turn_id: int) -> int:
    row = db.execute("SELECT chat_id FROM turns WHERE id = ?", (turn_id,)).fetchone()
    if row is None:
        raise UsageError(f"There is no turn {turn_id}.")
    return int(row["chat_id"])
