"""A consistent copy of the database, also while somebody writes to it, and the check of such a copy."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from assistant.store.database import BUSY_TIMEOUT_MS, create_private, translated, verify
from assistant.store.migrations import schema_number

PAGES_AT_ONCE = 2_000


def copy_database(source: Path, target: Path) -> int:
    """Copy by SQLite's backup interface (https://www.sqlite.org/backup.html); returns the schema's number.

    The copy is one file without a log, mode 0600. Raises StoreError, StoreCorrupt and DiskFull.
    """
    verify(source, exclusive=False, inspect=schema_number)
    create_private(target)
    with (
        translated(source),
        contextlib.closing(
            sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_MS / 1000)
        ) as db,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        # In one go a writer would wait for all of it; in pieces it goes on, SQLite starting over if need be.
        db.backup(copy, pages=PAGES_AT_ONCE, sleep=0.01)
        copy.execute("PRAGMA journal_mode = DELETE")
        return schema_number(copy, target)


def check_copy(file: Path) -> int:
    """The schema's number of a copy that is whole and of a release this one knows. Raises StoreCorrupt."""
    found: list[int] = []
    verify(file, exclusive=True, inspect=lambda db, path: found.append(schema_number(db, path)))
    return found[0]
