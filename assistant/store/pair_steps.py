"""Steps of the schema that make the table of pairs anew. Steps are never edited, only added."""

from __future__ import annotations

import sqlite3


def m008_own_replies(db: sqlite3.Connection) -> None:
    _rebuild(db, "'statement', 'good')", "'statement', 'good', 'own')")


def m009_contradictions(db: sqlite3.Connection) -> None:
    _rebuild(db, "'off', 'superseded')", "'off', 'superseded', 'unconfirmed', 'rejected')")
    # When the newer pair is deleted the older one stays superseded, by something that is no more.
    db.execute("ALTER TABLE pairs ADD COLUMN superseded_by INTEGER REFERENCES pairs(id) ON DELETE SET NULL")
    db.execute("CREATE INDEX pairs_by_successor ON pairs (superseded_by)")
    db.execute(
        "UPDATE pairs SET superseded_by = (SELECT newer.id FROM pairs AS newer"
        " WHERE newer.question_key = pairs.question_key AND newer.state = 'active')"
        " WHERE state = 'superseded'"
    )


def _rebuild(db: sqlite3.Connection, before: str, after: str) -> None:
    """Replace `before` in the table's own definition.

    SQLite cannot change a CHECK in place: the table is made anew from its own text and its rows copied.
    Foreign keys are off while steps are applied, so that dropping the former table takes no wording along.
    """
    statements = [
        row[0]
        for row in db.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'pairs' AND sql IS NOT NULL"
            " ORDER BY type = 'index'"
        )
    ]
    # Numbers of deleted pairs must not come back: versions name what they learned by number.
    last = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'pairs'").fetchone()
    table = statements[0].replace("CREATE TABLE pairs", "CREATE TABLE pairs_new", 1)
    # After a rename SQLite writes the name in quotes.
    table = table.replace('CREATE TABLE "pairs"', "CREATE TABLE pairs_new", 1)
    db.execute(table.replace(before, after, 1))
    db.execute("INSERT INTO pairs_new SELECT * FROM pairs")
    db.execute("DROP TABLE pairs")
    db.execute("ALTER TABLE pairs_new RENAME TO pairs")
    for index in statements[1:]:
        db.execute(index)
    if last is not None:
        db.execute("DELETE FROM sqlite_sequence WHERE name = 'pairs'")
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('pairs', ?)", (last[0],))
