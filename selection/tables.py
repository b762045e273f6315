"""The `selection_*` tables: the only SQL of this room, and the truth about what is kept.

selection_items      one row per kept turn, the embedding as float32 bytes
selection_decisions  every decision in order; its numbers never repeat, also after rows were erased
selection_skips      turns that must never be kept (again)
selection_state      a few numbers by name: the policy's memory, how far a sweep has come

The first three name a turn by `turn_id`, so whoever deletes a turn can delete what is known about it here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from selection.records import NO_TOPIC, BufferItem, Decision, Scores

if TYPE_CHECKING:
    from sqlite_utils import Database

_SCHEMA = (
    # First, because a file of the former release lacks it: a transaction that starts with a write cannot meet
    # another's in between.
    "CREATE TABLE IF NOT EXISTS selection_state (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
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
# Columns that came later, with the default a row gets that was written before.
_LATER = {
    "selection_items": {
        "tokens": "INTEGER NOT NULL DEFAULT 0",
        "topic": f"INTEGER NOT NULL DEFAULT {NO_TOPIC}",
        "since": "INTEGER NOT NULL DEFAULT 0",
        "learnability": "REAL",
        "kept": "TEXT NOT NULL DEFAULT ''",
    },
    "selection_decisions": {
        "policy": "TEXT NOT NULL DEFAULT ''",
        "topic": f"INTEGER NOT NULL DEFAULT {NO_TOPIC}",
        "decided": "TEXT NOT NULL DEFAULT ''",
    },
}
_ITEM = (
    "turn_id", "text", "domain", "eoe", "dss", "idd", "embedder", "embedding",
    "tokens", "topic", "since", "learnability", "kept",
)  # fmt: skip
_DECISION = (
    "number", "turn_id", "action", "replaced", "reason", "eoe", "dss", "idd", "domain",
    "policy", "topic", "decided",
)  # fmt: skip


class Tables:
    """Rows in, rows out. Missing tables read as empty and are made by the first write.

    Wrap writes that belong together in `with tables.db.atomic()`. Raises sqlite3.Error as SQLite does.
    """

    def __init__(self, db: Database) -> None:
        self.db = db
        self._complete = False
        self._known: set[str] = set()

    def create(self) -> None:
        """Make the tables, and the columns that an older release did not have. Outside a transaction."""
        if self._complete:
            return
        with self.db.atomic():
            for statement in _SCHEMA:
                self.db.execute(statement)
            for table, columns in _LATER.items():
                present = self._columns(table)
                for name, kind in columns.items():
                    if name not in present:
                        self.db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
        self._complete = True

    def writable(self) -> bool:
        return not self._rows("PRAGMA query_only")[0][0]

    def version(self) -> int:
        """A number that changes when another connection has changed the file."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def items(self) -> list[BufferItem]:
        """Kept turns, ordered by turn number; `idd` as it was when each was kept."""
        if not self._has("selection_items"):
            return []
        rows = self._rows(f"SELECT {self._read('selection_items', _ITEM)} FROM selection_items ORDER BY 1")
        return [
            BufferItem(
                turn_id=turn_id,
                text=text,
                domain=domain,
                scores=Scores(eoe, dss, idd),
                embedding=np.frombuffer(embedding, dtype="<f4").astype(np.float32),
                embedder=embedder,
                tokens=tokens,
                topic=topic,
                since=since,
                learnability=learnability,
                kept=kept,
            )
            for (
                turn_id, text, domain, eoe, dss, idd, embedder, embedding,
                tokens, topic, since, learnability, kept,
            ) in rows
        ]  # fmt: skip

    def turn_ids(self) -> list[int]:
        """The kept turns, in order."""
        if not self._has("selection_items"):
            return []
        return [row[0] for row in self._rows("SELECT turn_id FROM selection_items ORDER BY turn_id")]

    def put_items(self, items: Iterable[BufferItem]) -> None:
        self.db.conn.executemany(
            f"INSERT OR REPLACE INTO selection_items ({', '.join(_ITEM)}) VALUES ({_marks(_ITEM)})",
            [
                (
                    item.turn_id, item.text, item.domain, item.scores.eoe, item.scores.dss, item.scores.idd,
                    item.embedder, item.embedding.astype("<f4").tobytes(), item.tokens, item.topic,
                    item.since, item.learnability, item.kept,
                )
                for item in items
            ],
        )  # fmt: skip

    def put_topics(self, topics: Iterable[tuple[int, int]]) -> None:
        """Set the topic of kept turns, given as (turn, topic)."""
        rows = [(topic, turn_id) for turn_id, topic in topics]
        self.db.conn.executemany("UPDATE selection_items SET topic = ? WHERE turn_id = ?", rows)

    def drop_items(self, turn_ids: Iterable[int]) -> None:
        rows = [(turn_id,) for turn_id in turn_ids]
        self.db.conn.executemany("DELETE FROM selection_items WHERE turn_id = ?", rows)

    def decisions(self, turn_id: int) -> list[Decision]:
        """Decisions about a turn and those in which it had to make room, oldest first."""
        if not self._has("selection_decisions"):
            return []
        rows = self._rows(
            f"SELECT {self._read('selection_decisions', _DECISION)} FROM selection_decisions"
            " WHERE turn_id = ? OR replaced = ? ORDER BY number",
            (turn_id, turn_id),
        )
        return [
            Decision(
                action, turn, replaced, reason, Scores(eoe, dss, idd), domain, number, policy, topic, decided
            )
            for (
                number, turn, action, replaced, reason, eoe, dss, idd, domain, policy, topic, decided
            ) in rows
        ]  # fmt: skip

    def add_decisions(self, decisions: Iterable[Decision]) -> None:
        """Record decisions under their own numbers."""
        self.db.conn.executemany(
            f"INSERT INTO selection_decisions ({', '.join(_DECISION)}) VALUES ({_marks(_DECISION)})",
            [
                (
                    each.number, each.turn_id, each.action, each.replaced, each.reason, each.scores.eoe,
                    each.scores.dss, each.scores.idd, each.domain, each.policy, each.topic, each.decided,
                )
                for each in decisions
            ],
        )  # fmt: skip

    def erase_decisions(self, turn_id: int) -> None:
        self.db.execute("DELETE FROM selection_decisions WHERE turn_id = ?", (turn_id,))

    def decided(self, turn_ids: Collection[int]) -> set[int]:
        """Those of the turns about which a decision is on record."""
        if not self._has("selection_decisions"):
            return set()
        rows = self._rows(
            "SELECT DISTINCT turn_id FROM selection_decisions"
            " WHERE turn_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(turn_ids)),),
        )
        return {row[0] for row in rows}

    def last_number(self) -> int:
        """The highest decision number ever given, 0 at the start."""
        if not self._has("selection_decisions"):
            return 0
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'selection_decisions'")
        return int(rows[0][0]) if rows else 0

    def counts(self) -> dict[str, int]:
        """How many decisions of each kind are on record."""
        if not self._has("selection_decisions"):
            return {}
        return dict(self._rows("SELECT action, count(*) FROM selection_decisions GROUP BY action"))

    def skipped(self, turn_ids: Collection[int]) -> set[int]:
        """Those of the turns that must never be kept."""
        if not self._has("selection_skips"):
            return set()
        rows = self._rows(
            "SELECT turn_id FROM selection_skips WHERE turn_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(turn_ids)),),
        )
        return {row[0] for row in rows}

    def skip(self, turn_id: int) -> None:
        self.db.execute("INSERT OR IGNORE INTO selection_skips VALUES (?)", (turn_id,))

    def unskip(self, turn_id: int) -> None:
        self.db.execute("DELETE FROM selection_skips WHERE turn_id = ?", (turn_id,))

    def state(self) -> dict[str, Any]:
        """The numbers by name, decoded from JSON."""
        if not self._has("selection_state"):
            return {}
        return {name: json.loads(value) for name, value in self._rows("SELECT * FROM selection_state")}

    def put_state(self, values: dict[str, Any]) -> None:
        rows = [(name, json.dumps(value)) for name, value in values.items()]
        self.db.conn.executemany("INSERT OR REPLACE INTO selection_state VALUES (?, ?)", rows)

    def _has(self, table: str) -> bool:
        # Tables are never dropped, so what was seen once need not be looked for again.
        if table not in self._known:
            rows = self._rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
            if rows:
                self._known.add(table)
        return table in self._known

    def _read(self, table: str, names: Sequence[str]) -> str:
        """The columns to select; in a file of an older release the later ones are their defaults."""
        if self._complete:
            return ", ".join(names)
        present = self._columns(table)
        return ", ".join(
            name if name in present else f"{_default(_LATER[table][name])} AS {name}" for name in names
        )

    def _columns(self, table: str) -> set[str]:
        return {row[0] for row in self._rows("SELECT name FROM pragma_table_info(?)", (table,))}

    def _rows(self, sql: str, values: Sequence[int | str] = ()) -> list[tuple]:
        # Always read to the end: an open cursor would hold back the store's VACUUM.
        return self.db.execute(sql, values).fetchall()


def _marks(names: Sequence[str]) -> str:
    return ", ".join("?" for _ in names)


def _default(kind: str) -> str:
    return kind.partition("DEFAULT ")[2] or "NULL"
