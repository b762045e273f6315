"""Steps of the schema for branches, details of chats, and speed. Steps are never edited, only added."""

from __future__ import annotations

import sqlite3


def m010_branches(db: sqlite3.Connection) -> None:
    """A turn has a parent, the one before it; of the children of a turn one is chosen.

    `visible` repeats what follows from it (chosen, and so are all before it), so that every reader of the
    path asks an index and not a recursion.
    """
    db.execute("ALTER TABLE turns ADD COLUMN parent INTEGER REFERENCES turns(id) ON DELETE SET NULL")
    db.execute("ALTER TABLE turns ADD COLUMN chosen INTEGER NOT NULL DEFAULT 1")
    db.execute("ALTER TABLE turns ADD COLUMN visible INTEGER NOT NULL DEFAULT 1")
    db.execute("ALTER TABLE turns ADD COLUMN copy_of INTEGER REFERENCES turns(id) ON DELETE SET NULL")
    before = "SELECT max(id) FROM turns AS other WHERE other.chat_id = turns.chat_id AND other.id < turns.id"
    db.execute(f"UPDATE turns SET parent = ({before})")
    db.execute("CREATE INDEX turns_by_parent ON turns (parent)")
    db.execute("CREATE INDEX turns_shown ON turns (chat_id, id) WHERE visible")
    db.execute("CREATE INDEX turns_copied ON turns (copy_of) WHERE copy_of IS NOT NULL")
    # Whoever adds a turn, it goes on where the visible path ends.
    db.execute(
        "CREATE TRIGGER turns_linked AFTER INSERT ON turns WHEN new.parent IS NULL BEGIN"
        " UPDATE turns SET parent = (SELECT max(id) FROM turns"
        "   WHERE chat_id = new.chat_id AND visible AND id < new.id)"
        " WHERE id = new.id; END"
    )
    # Whoever deletes a turn, what follows it goes on behind what was before it.
    db.execute(
        "CREATE TRIGGER turns_unlinked BEFORE DELETE ON turns BEGIN"
        " UPDATE turns SET parent = old.parent, chosen = chosen AND old.chosen WHERE parent = old.id; END"
    )
    # Pairs of turns off the path are switched off; this tells them from those the owner switched off.
    db.execute("ALTER TABLE pairs ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0")


def m011_chat_details(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE chats ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0")
    # NULL: what the settings say. The persona is only the name under which the text was chosen.
    db.execute("ALTER TABLE chats ADD COLUMN system TEXT")
    db.execute("ALTER TABLE chats ADD COLUMN persona TEXT NOT NULL DEFAULT ''")
    db.execute(
        """CREATE TABLE chat_tags (
            chat_id INTEGER NOT NULL REFERENCES chats(id) ON DELETE CASCADE,
            tag TEXT NOT NULL,
            PRIMARY KEY (chat_id, tag)
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX chats_of_tag ON chat_tags (tag)")
    db.execute(
        """CREATE TABLE personas (
            name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
            prompt TEXT NOT NULL,
            created TEXT NOT NULL
        )"""
    )


def m012_large_homes(db: sqlite3.Connection) -> None:
    """Opening, listing and searching ask indexes only, however many chats and turns there are."""
    db.execute("CREATE INDEX chats_recent ON chats (pinned DESC, updated DESC, id DESC)")
    db.execute("CREATE INDEX turns_unfinished ON turns (id) WHERE state = 'streaming'")
    db.execute("CREATE INDEX turns_of_owner ON turns (id) WHERE role = 'user'")
    # The last word of a search is a beginning. Without lists of beginnings each letter typed would join the
    # lists of all words that begin so.
    db.execute("DROP TABLE turns_fts")
    db.execute(
        """CREATE VIRTUAL TABLE turns_fts USING fts5 (
            content, content='searchable_turns', content_rowid='id', tokenize='unicode61 remove_diacritics 2',
            prefix='2 3'
        )"""
    )
    db.execute("INSERT INTO turns_fts (turns_fts) VALUES ('rebuild')")
