"""The `selection_*` tables: the only SQL of this room, and the truth about what is kept.

selection_items      one row per kept turn, the embedding as float32 bytes
selection_decisions  every decision in order; its numbers never repeat, also after rows were erased
selection_skips      turns that must never be kept (again)

All three name a turn by `turn_id`, so whoever deletes a turn can delete what is known about it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from selection.records import BufferItem, Decision, Scores

if TYPE_CHECKING:
    from sqlite_utils import Database

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS selection_items (
        turn_id INTEGER PRIMARY KEY,
        text TEXT NOT NULL,
        domain TEXT NOT NULL,
        eoe REAL NOT NULL,
        dss REAL NOT NULL,
        idd REAL NOT NULL,
        embedder TEXT NOT NULL,
        embedding BLOB NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS selection_decisions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        turn_id INTEGER NOT NULL,
        action TEXT NOT NULL CHECK (action IN ('keep', 'replace', 'drop', 'remove')),
        replaced INTEGER,
        reason TEXT NOT NULL,
        eoe REAL NOT NULL,
        dss REAL NOT NULL,
        idd REAL NOT NULL,
        domain TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS selection_decisions_of_turn ON selection_decisions (turn_id)",
    "CREATE INDEX IF NOT EXISTS selection_decisions_by_replaced ON selection_decisions (replaced)",
    "CREATE TABLE IF NOT EXISTS selection_skips (turn_id INTEGER PRIMARY KEY)",
)
_DECISION = "number, turn_id, action, replaced, reason, eoe, dss, idd, domain"


class Tables:
    """Rows in, rows out. Missing tables read as empty and are made by the first write.

    Wrap writes that belong together in `with tables.db.atomic()`. Raises sqlite3.Error as SQLite does.
    """

    def __init__(self, db: Database) -> None:
        self.db = db
        self._present = False

    def present(self) -> bool:
        if not self._present:
            made = self._rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'selection_skips'")
            self._present = bool(made)
        return self._present

    def create(self) -> None:
        """Make the tables, all or none. Call outside a transaction."""
        if not self.present():
            with self.db.atomic():
                for statement in _SCHEMA:
                    self.db.execute(statement)

    def version(self) -> int:
        """A number that changes when another connection has changed the file."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def items(self) -> list[BufferItem]:
        """Kept turns, ordered by turn number."""
        if not self.present():
            return []
        rows = self._rows(
            "SELECT turn_id, text, domain, eoe, dss, idd, embedder, embedding"
            " FROM selection_items ORDER BY turn_id"
        )
        return [
            BufferItem(
                turn_id=turn_id,
                text=text,
                domain=domain,
                scores=Scores(eoe, dss, idd),
                embedding=np.frombuffer(embedding, dtype="<f4").astype(np.float32),
                embedder=embedder,
            )
            for turn_id, text, domain, eoe, dss, idd, embedder, embedding in rows
        ]

    def put_item(self, item: BufferItem) -> None:
        self.db.execute(
            "INSERT OR REPLACE INTO selection_items VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                item.turn_id, item.text, item.domain, item.scores.eoe, item.scores.dss, item.scores.idd,
                item.embedder, item.embedding.astype("<f4").tobytes(),
            ),
        )  # fmt: skip

    def put_idd(self, values: Iterable[tuple[int, float]]) -> None:
        """Refresh the in-domain dissimilarity of kept turns, given as (turn, value)."""
        rows = [(idd, turn_id) for turn_id, idd in values]
        self.db.conn.executemany("UPDATE selection_items SET idd = ? WHERE turn_id = ?", rows)

    def drop_item(self, turn_id: int) -> None:
        self.db.execute("DELETE FROM selection_items WHERE turn_id = ?", (turn_id,))

    def decisions(self, turn_id: int) -> list[Decision]:
        """Decisions about a turn and those in which it had to make room, oldest first."""
        if not self.present():
            return []
        rows = self._rows(
            f"SELECT {_DECISION} FROM selection_decisions WHERE turn_id = ? OR replaced = ? ORDER BY number",
            (turn_id, turn_id),
        )
        return [
            Decision(action, turn, replaced, reason, Scores(eoe, dss, idd), domain, number)
            for number, turn, action, replaced, reason, eoe, dss, idd, domain in rows
        ]

    def add_decision(self, decision: Decision) -> None:
        """Record a decision under its own number."""
        scores = decision.scores
        self.db.execute(
            f"INSERT INTO selection_decisions ({_DECISION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                decision.number, decision.turn_id, decision.action, decision.replaced, decision.reason,
                scores.eoe, scores.dss, scores.idd, decision.domain,
            ),
        )  # fmt: skip

    def erase_decisions(self, turn_id: int) -> None:
        self.db.execute("DELETE FROM selection_decisions WHERE turn_id = ?", (turn_id,))

    def last_number(self) -> int:
        """The highest decision number ever given, 0 at the start."""
        if not self.present():
            return 0
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'selection_decisions'")
        return int(rows[0][0]) if rows else 0

    def counts(self) -> dict[str, int]:
        """How many decisions of each kind are on record."""
        if not self.present():
            return {}
        return dict(self._rows("SELECT action, count(*) FROM selection_decisions GROUP BY action"))

    def is_skipped(self, turn_id: int) -> bool:
        if not self.present():
            return False
        return bool(self._rows("SELECT 1 FROM selection_skips WHERE turn_id = ?", (turn_id,)))

    def skip(self, turn_id: int) -> None:
        self.db.execute("INSERT OR IGNORE INTO selection_skips VALUES (?)", (turn_id,))

    def unskip(self, turn_id: int) -> None:
        self.db.execute("DELETE FROM selection_skips WHERE turn_id = ?", (turn_id,))

    def _rows(self, sql: str, values: Sequence[int] = ()) -> list[tuple]:
        # Always read to the end: an open cursor would hold back the store's VACUUM.
        return self.db.execute(sql, values).fetchall()
