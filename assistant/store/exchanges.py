"""Prompts with their answers, as selection reads them: in order, and only those that may be learned from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from assistant.store.database import Session
from assistant.store.records import Exchange

# An exchange is named by its prompt. One that the owner marked as not to be learned from, and did not take
# that back, is left out with all its answers.
_SKIPPED = """SELECT coalesce(t.reply_to, t.id) FROM marks AS m JOIN turns AS t ON t.id = m.turn_id
    WHERE m.kind = 'skip' AND NOT m.undone
    AND m.id = (SELECT max(id) FROM marks WHERE turn_id = m.turn_id AND NOT undone)"""
# What is not on the path that the owner sees is not learned from; nor is a copy beside its original.
_LEARNABLE = f"""FROM turns AS t JOIN chats AS c ON c.id = t.chat_id
    WHERE c.learn AND t.visible AND coalesce(t.reply_to, t.id) NOT IN ({_SKIPPED})
    AND NOT EXISTS (SELECT 1 FROM turns AS o WHERE o.id = t.copy_of AND o.visible)"""
_AFTER = f"{_LEARNABLE} AND t.id > ? AND t.role = 'assistant' AND t.state = 'done' AND t.reply_to IS NOT NULL"


class Exchanges:
    """Only reads."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def learnable(self, turn_ids: Collection[int]) -> set[int]:
        """Those of the turns that are shown in a chat that may be learned from, and are not marked."""
        with self._session.reading() as db:
            rows = db.execute(
                f"SELECT t.id {_LEARNABLE} AND t.id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(turn_ids)),),
            )
            return {row[0] for row in rows}

    def after(self, turn_id: int, *, limit: int, longest: int = 4096) -> list[Exchange]:
        """The next finished answers by turn number, with their prompts; texts are cut at `longest`."""
        with self._session.reading() as db:
            rows = db.execute(
                "SELECT t.id, substr(u.content, 1, ?), substr(t.content, 1, ?) FROM"
                f" (SELECT t.* {_AFTER} ORDER BY t.id LIMIT ?) AS t JOIN turns AS u ON u.id = t.reply_to"
                " ORDER BY t.id",
                (longest, longest, turn_id, limit),
            ).fetchall()
            return [Exchange(*row) for row in rows]

    def count_after(self, turn_id: int) -> int:
        """How many `after` would give in all."""
        with self._session.reading() as db:
            row: sqlite3.Row = db.execute(f"SELECT count(*) {_AFTER}", (turn_id,)).fetchone()
            return int(row[0])
