"""What was learned: the lineage of adapters and which one is in force. Never looks into an adapter file."""

from __future__ import annotations

import builtins
import json
import math
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.errors import UsageError
from assistant.paths import run_log
from assistant.store.database import Session, translated
from assistant.store.records import Version, now

MAX_STRENGTH = 1.5


class Versions:
    """At most one version of each kind is active. Every unknown id raises UsageError."""

    def __init__(self, session: Session, *, adapters: Path) -> None:
        self._session = session
        self._adapters = adapters

    def next_id(self) -> str:
        """The id of the next version; ids of deleted versions do not come back."""
        with self._session.reading() as db:
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'versions'").fetchone()
            return f"v{(row[0] if row else 0) + 1:04d}"

    def add(self, version: Version) -> Version:
        """Record a version; an empty `created` becomes now. One that is added as active is activated."""
        number = version.id.removeprefix("v")
        if not version.id.startswith("v") or not number.isdecimal():
            raise UsageError(f"{version.id!r} is not a version id; they look like v0001.")
        created = version.created or now()
        with self._session.writing() as db:
            if db.execute("SELECT 1 FROM versions WHERE id = ?", (version.id,)).fetchone():
                raise UsageError(f"There is already a version {version.id}.")
            db.execute(
                "INSERT INTO versions (number, id, parent, kind, state, strength, method, base_sha256, path,"
                " created, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    int(number),
                    version.id,
                    version.parent,
                    version.kind,
                    "draft" if version.state == "active" else version.state,
                    _strength(version.strength),
                    version.method,
                    version.base_sha256,
                    Path(version.path).name,
                    created,
                    json.dumps(version.report),
                ),
            )
            db.executemany(
                "INSERT INTO version_pairs VALUES (?, ?)",
                [(version.id, pair_id) for pair_id in dict.fromkeys(version.pair_ids)],
            )
            return self.activate(version.id) if version.state == "active" else self._version(db, version.id)

    def list(self, kind: str | None = None) -> builtins.list[Version]:
        """Oldest first."""
        with self._session.reading() as db:
            rows = db.execute(
                "SELECT * FROM versions WHERE :kind IS NULL OR kind = :kind ORDER BY number", {"kind": kind}
            ).fetchall()
            return [_as_version(db, row) for row in rows]

    def get(self, version_id: str) -> Version:
        with self._session.reading() as db:
            return self._version(db, version_id)

    def active(self, kind: str = "personal") -> Version | None:
        with self._session.reading() as db:
            row = db.execute("SELECT * FROM versions WHERE kind = ? AND state = 'active'", (kind,)).fetchone()
            return None if row is None else _as_version(db, row)

    def activate(self, version_id: str) -> Version:
        """Put a version in force and retire the one of its kind that was; both or neither."""
        with self._session.writing() as db:
            version = self._version(db, version_id)
            if version.state == "active":
                return version
            self._switch(db, version.kind, version_id)
            db.execute(
                "INSERT INTO activations (kind, version_id, created) VALUES (?, ?, ?)",
                (version.kind, version_id, now()),
            )
            return replace(version, state="active")

    def off(self, kind: str = "personal") -> None:
        """Retire the active version, if any; the base model answers alone."""
        with self._session.writing() as db:
            self._switch(db, kind, None)

    def rollback(self, kind: str = "personal") -> Version | None:
        """Return to the version that was in force before, and forget this activation.

        After `off` that is the version that was switched off. Where no earlier activation is left
        it is the parent; without one nothing is active and the result is None.
        """
        with self._session.writing() as db:
            current = self.active(kind)
            if current is not None:
                db.execute(
                    "DELETE FROM activations WHERE id > coalesce("
                    "(SELECT max(id) FROM activations WHERE kind = :kind AND version_id != :id), 0)"
                    " AND kind = :kind",
                    {"kind": kind, "id": current.id},
                )
            row = db.execute(
                "SELECT version_id FROM activations WHERE kind = ? ORDER BY id DESC LIMIT 1", (kind,)
            ).fetchone()
            target = row["version_id"] if row else self._known_parent(db, current)
            self._switch(db, kind, target)
            return None if target is None else self._version(db, target)

    def set_strength(self, version_id: str, strength: float) -> Version:
        """How strongly the adapter is applied: 1 as trained, 0 not at all, up to 1.5."""
        with self._session.writing() as db:
            self._version(db, version_id)
            db.execute("UPDATE versions SET strength = ? WHERE id = ?", (_strength(strength), version_id))
            return self._version(db, version_id)

    def update_report(self, version_id: str, report: Mapping[str, Any]) -> Version:
        with self._session.writing() as db:
            self._version(db, version_id)
            db.execute("UPDATE versions SET report = ? WHERE id = ?", (json.dumps(dict(report)), version_id))
            return self._version(db, version_id)

    def delete(self, version_id: str) -> None:
        """Remove a version with its adapter file and log. UsageError while it is active."""
        with self._session.writing() as db:
            version = self._version(db, version_id)
            if version.state == "active":
                raise UsageError(
                    f"{version_id} is in use.", hint="Switch it off first: `assistant adapters off`."
                )
            db.execute("DELETE FROM versions WHERE id = ?", (version_id,))
        with translated(self._adapters):
            adapter = self._adapters / version.path
            for file in (adapter, run_log(adapter)):
                file.unlink(missing_ok=True)

    @staticmethod
    def _switch(db: sqlite3.Connection, kind: str, version_id: str | None) -> None:
        db.execute("UPDATE versions SET state = 'retired' WHERE kind = ? AND state = 'active'", (kind,))
        if version_id is not None:
            db.execute("UPDATE versions SET state = 'active' WHERE id = ?", (version_id,))

    @staticmethod
    def _known_parent(db: sqlite3.Connection, version: Version | None) -> str | None:
        if version is None or version.parent is None:
            return None
        row = db.execute(
            "SELECT id FROM versions WHERE id = ? AND kind = ?", (version.parent, version.kind)
        ).fetchone()
        return row["id"] if row else None

    @staticmethod
    def _version(db: sqlite3.Connection, version_id: str) -> Version:
        row = db.execute("SELECT * FROM versions WHERE id = ?", (version_id,)).fetchone()
        if row is None:
            raise UsageError(
                f"There is no version {version_id}.", hint="`assistant adapters list` shows them."
            )
        return _as_version(db, row)


def _strength(value: float) -> float:
    if not math.isfinite(value) or not 0 <= value <= MAX_STRENGTH:
        raise UsageError(f"A strength is between 0 and {MAX_STRENGTH}, not {value}.")
    return float(value)


def _as_version(db: sqlite3.Connection, row: sqlite3.Row) -> Version:
    pairs = db.execute(
        "SELECT pair_id FROM version_pairs WHERE version_id = ? ORDER BY pair_id", (row["id"],)
    )
    return Version(
        id=row["id"],
        parent=row["parent"],
        kind=row["kind"],
        state=row["state"],
        strength=row["strength"],
        method=row["method"],
        base_sha256=row["base_sha256"],
        path=row["path"],
        created=row["created"],
        pair_ids=tuple(pair["pair_id"] for pair in pairs),
        report=json.loads(row["report"]),
    )
