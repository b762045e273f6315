"""The step of the schema for imports that may be repeated. Steps are never edited, only added."""

from __future__ import annotations

import sqlite3


def m015_imported_chats(db: sqlite3.Connection) -> None:
    # Digests, never texts. They go with their chat, so that nothing of a forgotten chat stays.
    db.execute(
        """CREATE TABLE imported_chats (
            digest BLOB PRIMARY KEY,
            source BLOB,
            messages INTEGER NOT NULL,
            last_turn INTEGER,
            chat_id INTEGER NOT NULL REFERENCES chats(id) ON DELETE CASCADE
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX imported_by_source ON imported_chats (source) WHERE source IS NOT NULL")
    db.execute("CREATE INDEX imported_by_chat ON imported_chats (chat_id)")
    db.execute("ALTER TABLE imports ADD COLUMN counts TEXT NOT NULL DEFAULT '{}'")
