"""The schema, as numbered steps that are each applied once. Steps are never edited, only added."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from assistant.errors import StoreCorrupt, StoreError
from assistant.store.branch_steps import m010_branches, m011_chat_details, m012_large_homes
from assistant.store.database import Session
from assistant.store.forgetting_steps import m013_forgettings
from assistant.store.import_steps import m015_imported_chats
from assistant.store.pair_steps import m008_own_replies, m009_contradictions
from assistant.store.records import now

Migration = Callable[[sqlite3.Connection], None]


def m001_chats(db: sqlite3.Connection) -> None:
    # AUTOINCREMENT: other tables, adapters and the vector index name turns by number, so a number
    # must never come back with another meaning.
    db.execute(
        """CREATE TABLE chats (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            title TEXT NOT NULL,
            created TEXT NOT NULL,
            updated TEXT NOT NULL,
            learn INTEGER NOT NULL DEFAULT 1
        )"""
    )
    db.execute(
        """CREATE TABLE turns (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            chat_id INTEGER NOT NULL REFERENCES chats(id) ON DELETE CASCADE,
            role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
            content TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('streaming', 'done', 'stopped', 'lost')),
            created TEXT NOT NULL,
            tokens INTEGER,
            tokens_per_s REAL,
            model TEXT,
            adapters TEXT NOT NULL DEFAULT '[]',
            reply_to INTEGER REFERENCES turns(id) ON DELETE SET NULL
        )"""
    )
    db.execute("CREATE INDEX turns_of_chat ON turns (chat_id, id)")
    db.execute("CREATE INDEX turns_by_reply ON turns (reply_to)")


def m002_search(db: sqlite3.Connection) -> None:
    # A growing reply is indexed once, when it is finished; the view keeps `rebuild` to that rule too.
    db.execute("CREATE VIEW searchable_turns AS SELECT id, content FROM turns WHERE state != 'streaming'")
    db.execute(
        """CREATE VIRTUAL TABLE turns_fts USING fts5 (
            content, content='searchable_turns', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
        )"""
    )
    db.execute(
        """CREATE VIRTUAL TABLE chats_fts USING fts5 (
            title, content='chats', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
        )"""
    )
    remove = (
        "INSERT INTO turns_fts (turns_fts, rowid, content)"
        " SELECT 'delete', old.id, old.content WHERE old.state != 'streaming';"
    )
    add = "INSERT INTO turns_fts (rowid, content) SELECT new.id, new.content WHERE new.state != 'streaming';"
    db.execute(f"CREATE TRIGGER turns_added AFTER INSERT ON turns BEGIN {add} END")
    db.execute(f"CREATE TRIGGER turns_removed AFTER DELETE ON turns BEGIN {remove} END")
    db.execute(
        f"CREATE TRIGGER turns_changed AFTER UPDATE OF content, state ON turns BEGIN {remove} {add} END"
    )
    remove = "INSERT INTO chats_fts (chats_fts, rowid, title) VALUES ('delete', old.id, old.title);"
    add = "INSERT INTO chats_fts (rowid, title) VALUES (new.id, new.title);"
    db.execute(f"CREATE TRIGGER chats_added AFTER INSERT ON chats BEGIN {add} END")
    db.execute(f"CREATE TRIGGER chats_removed AFTER DELETE ON chats BEGIN {remove} END")
    db.execute(f"CREATE TRIGGER chats_changed AFTER UPDATE OF title ON chats BEGIN {remove} {add} END")


def m003_marks(db: sqlite3.Connection) -> None:
    db.execute(
        """CREATE TABLE marks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            turn_id INTEGER NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
            kind TEXT NOT NULL CHECK (kind IN ('good', 'bad', 'edit', 'skip', 'unskip')),
            text TEXT,
            created TEXT NOT NULL,
            undone INTEGER NOT NULL DEFAULT 0
        )"""
    )
    db.execute("CREATE INDEX marks_of_turn ON marks (turn_id)")


def m004_pairs(db: sqlite3.Connection) -> None:
    db.execute(
        """CREATE TABLE pairs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            question TEXT NOT NULL,
            question_key TEXT NOT NULL,
            answer TEXT NOT NULL,
            source TEXT NOT NULL CHECK (source IN ('edit', 'added', 'statement', 'good')),
            turn_id INTEGER REFERENCES turns(id) ON DELETE CASCADE,
            state TEXT NOT NULL CHECK (state IN ('active', 'off', 'superseded')),
            created TEXT NOT NULL,
            weight REAL NOT NULL
        )"""
    )
    db.execute("CREATE UNIQUE INDEX one_active_answer ON pairs (question_key) WHERE state = 'active'")
    db.execute("CREATE INDEX pairs_by_question ON pairs (question_key)")
    db.execute("CREATE INDEX pairs_of_turn ON pairs (turn_id)")
    db.execute(
        """CREATE TABLE wordings (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            pair_id INTEGER NOT NULL REFERENCES pairs(id) ON DELETE CASCADE,
            question TEXT NOT NULL,
            origin TEXT NOT NULL CHECK (origin IN ('given', 'model', 'rules')),
            split TEXT NOT NULL CHECK (split IN ('train', 'held-out')),
            rouge1 REAL,
            similarity REAL
        )"""
    )
    db.execute("CREATE INDEX wordings_of_pair ON wordings (pair_id)")
    db.execute(
        """CREATE TABLE rejects (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            pair_id INTEGER NOT NULL REFERENCES pairs(id) ON DELETE CASCADE,
            text TEXT NOT NULL,
            reason TEXT NOT NULL,
            created TEXT NOT NULL
        )"""
    )
    db.execute("CREATE INDEX rejects_of_pair ON rejects (pair_id)")


def m005_versions(db: sqlite3.Connection) -> None:
    db.execute(
        """CREATE TABLE versions (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            parent TEXT,
            kind TEXT NOT NULL CHECK (kind IN ('personal', 'shared')),
            state TEXT NOT NULL CHECK (state IN ('draft', 'active', 'retired')),
            strength REAL NOT NULL,
            method TEXT NOT NULL,
            base_sha256 TEXT NOT NULL,
            path TEXT NOT NULL,
            created TEXT NOT NULL,
            report TEXT NOT NULL
        )"""
    )
    db.execute("CREATE UNIQUE INDEX one_active_version ON versions (kind) WHERE state = 'active'")
    # No reference to pairs: that a version learned from a pair stays true after the pair is deleted.
    db.execute(
        """CREATE TABLE version_pairs (
            version_id TEXT NOT NULL REFERENCES versions(id) ON DELETE CASCADE,
            pair_id INTEGER NOT NULL,
            PRIMARY KEY (version_id, pair_id)
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX versions_of_pair ON version_pairs (pair_id)")
    db.execute(
        """CREATE TABLE activations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            version_id TEXT NOT NULL REFERENCES versions(id) ON DELETE CASCADE,
            created TEXT NOT NULL
        )"""
    )
    db.execute("CREATE INDEX activations_of_version ON activations (version_id)")


def m006_imports(db: sqlite3.Connection) -> None:
    # Only unfinished imports have a row, so that each can go on where it stopped.
    db.execute(
        """CREATE TABLE imports (
            id INTEGER PRIMARY KEY,
            read_bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            chats INTEGER NOT NULL,
            turns INTEGER NOT NULL,
            skipped INTEGER NOT NULL,
            updated TEXT NOT NULL
        )"""
    )


def m007_questions(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE turns ADD COLUMN loss REAL")
    # AUTOINCREMENT: the budget of a session counts by its number.
    db.execute("CREATE TABLE sessions (id INTEGER PRIMARY KEY AUTOINCREMENT, started TEXT NOT NULL)")
    # A question outlives its turn: deleting a chat must not give back a spent budget.
    db.execute(
        """CREATE TABLE questions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            turn_id INTEGER REFERENCES turns(id) ON DELETE SET NULL,
            session INTEGER REFERENCES sessions(id),
            place TEXT NOT NULL CHECK (place IN ('pause', 'review')),
            asked TEXT NOT NULL,
            outcome TEXT NOT NULL
                CHECK (outcome IN ('open', 'fine', 'bad', 'corrected', 'never', 'dismissed'))
        )"""
    )
    db.execute("CREATE INDEX questions_of_turn ON questions (turn_id)")
    # The vector tells what an exchange was about, so it goes with the turn.
    db.execute(
        """CREATE TABLE judged_vectors (
            turn_id INTEGER PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE,
            embedder TEXT NOT NULL,
            vector BLOB NOT NULL
        )"""
    )


MIGRATIONS: tuple[Migration, ...] = (
    m001_chats,
    m002_search,
    m003_marks,
    m004_pairs,
    m005_versions,
    m006_imports,
    m007_questions,
    m008_own_replies,
    m009_contradictions,
    m010_branches,
    m011_chat_details,
    m012_large_homes,
    m013_forgettings,
    m015_imported_chats,
)


def schema_number(connection: sqlite3.Connection, path: Path) -> int:
    """The last step applied, 0 for an empty file.

    Raises:
        StoreCorrupt: another program's database, or one written by a newer release.
    """
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    if "migrations" not in tables or "chats" not in tables:
        raise StoreCorrupt(f"{path} is a database, but not the assistant's.")
    number = connection.execute("SELECT max(number) FROM migrations").fetchone()[0] or 0
    if number > len(MIGRATIONS):
        raise StoreCorrupt(
            f"{path} was written by a newer release (schema {number}, this one knows {len(MIGRATIONS)}).",
            hint="Install the newer release again; the file was left untouched.",
        )
    return int(number)


def require_current(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError if the schema is older than this release; reading alone cannot upgrade it."""
    number = schema_number(connection, path)
    if number < len(MIGRATIONS):
        raise StoreError(
            f"{path} is from an older release (schema {number} of {len(MIGRATIONS)}).",
            hint="Start `assistant` once; it upgrades the file.",
        )


def migrate(session: Session) -> int:
    """Apply the steps that are missing, each in its own transaction; returns how many.

    Foreign keys are off meanwhile, because SQLite rebuilds a table by dropping it
    (https://www.sqlite.org/lang_altertable.html, section 7). A step that leaves a row without the one it
    names is undone and raises StoreCorrupt.
    """
    with session.reading() as db:
        start = schema_number(db, session.path)
        # Without effect inside a transaction, so it is set around the steps.
        db.execute("PRAGMA foreign_keys = OFF")
    try:
        for number, step in enumerate(MIGRATIONS[start:], start=start + 1):
            with session.writing() as db:
                _apply(db, number, step, session.path)
    finally:
        with session.reading() as db:
            db.execute("PRAGMA foreign_keys = ON")
    return len(MIGRATIONS) - start


def _apply(db: sqlite3.Connection, number: int, step: Migration, path: Path) -> None:
    if number == 1:
        db.execute(
            "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied TEXT NOT NULL)"
        )
    step(db)
    if db.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise StoreCorrupt(f"{path} holds rows that refer to nothing; step {step.__name__} was undone.")
    db.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, step.__name__, now()))
