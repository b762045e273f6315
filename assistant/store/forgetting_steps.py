"""Steps of the schema that keep a journal of what was forgotten. Steps are never edited, only added."""

from __future__ import annotations

import sqlite3


def m013_forgettings(db: sqlite3.Connection) -> None:
    # The journal outlives what was forgotten, so it holds numbers and file names of ours, never texts.
    db.execute(
        """CREATE TABLE forgettings (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL CHECK (kind IN ('turn', 'chat', 'word', 'dates')),
            state TEXT NOT NULL CHECK (state IN ('erasing', 'erased', 'done')),
            started TEXT NOT NULL,
            files TEXT NOT NULL,
            receipt TEXT NOT NULL
        )"""
    )
