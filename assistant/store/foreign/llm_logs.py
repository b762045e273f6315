"""The log database of the command-line program `llm`: both its older table of responses and its threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from assistant.store.foreign.reading import Collector, Reading

# A chain of messages from the tip of a thread to its beginning; text is literal or borrowed from fragments.
_CHAIN = """
WITH RECURSIVE chain (hash, depth) AS (
    SELECT ?, 0
    UNION ALL
    SELECT m.parent_hash, depth + 1 FROM chain JOIN messages AS m ON m.hash = chain.hash
    WHERE m.parent_hash IS NOT NULL AND depth < 100000
)
SELECT m.hash, m.role, p.type, coalesce(nullif(p.text, ''), (
    SELECT group_concat(f.content, char(10)) FROM part_fragments AS pf
    JOIN fragments AS f ON f.id = pf.fragment_id WHERE pf.part_id = p.id
)) AS text
FROM chain JOIN messages AS m ON m.hash = chain.hash LEFT JOIN parts AS p ON p.message_hash = m.hash
ORDER BY chain.depth DESC, p.position
"""


def read_logs(file: Path) -> Iterator[Reading]:
    """Every conversation, the oldest first. Raises sqlite3.Error for a file that is no such database."""
    address = f"{file.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as db:
        db.row_factory = sqlite3.Row
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        threads = "threads" in tables and "parts" in tables
        total = 0
        if "responses" in tables:
            total += db.execute(f"SELECT count(*) FROM ({_GROUPS})").fetchone()[0]
        if threads:
            total += db.execute("SELECT count(*) FROM threads").fetchone()[0]
        done = 0
        for reading in _all(db, tables, threads=threads):
            done += 1
            yield replace(reading, done=done, total=total)


def is_llm_logs(file: Path) -> bool:
    """Whether a SQLite database has the tables of `llm`."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return False
    return "responses" in tables or {"threads", "messages", "parts"} <= tables


# A response outside any conversation is one of its own.
_GROUPS = "SELECT coalesce(conversation_id, id) AS chat, min(id) AS first FROM responses GROUP BY 1"


def _all(db: sqlite3.Connection, tables: set[str], *, threads: bool) -> Iterator[Reading]:
    if "responses" in tables:
        for row in db.execute(f"{_GROUPS} ORDER BY first"):
            yield _conversation(db, row["chat"], has_names="conversations" in tables)
    if threads:
        for row in db.execute("SELECT id, name, tip_message_hash, datetime_utc FROM threads ORDER BY id"):
            yield _thread(db, row)


def _conversation(db: sqlite3.Connection, chat: str, *, has_names: bool) -> Reading:
    rows = db.execute(
        "SELECT prompt, system, response, datetime_utc FROM responses"
        " WHERE coalesce(conversation_id, id) = ? ORDER BY datetime_utc, id",
        (chat,),
    ).fetchall()
    gathered = Collector()
    former_system = None
    for row in rows:
        # The same system prompt is logged with every response.
        if row["system"] and row["system"] != former_system:
            gathered.add("system", row["system"])
            former_system = row["system"]
        gathered.add("user", row["prompt"] or "")
        gathered.add("assistant", row["response"] or "")
    name = None
    if has_names:
        name = db.execute("SELECT name FROM conversations WHERE id = ?", (chat,)).fetchone()
    return gathered.reading(
        title=name["name"] if name else "", created=rows[0]["datetime_utc"], key=f"llm:{chat}"
    )


def _thread(db: sqlite3.Connection, thread: sqlite3.Row) -> Reading:
    gathered = Collector()
    messages: dict[str, tuple[str, list[str], bool]] = {}
    for row in db.execute(_CHAIN, (thread["tip_message_hash"],)):
        _, texts, _ = messages.setdefault(row["hash"], (row["role"], [], row["type"] == "text"))
        if row["type"] == "text" and row["text"]:
            texts.append(row["text"])
    for role, texts, _ in messages.values():
        gathered.add(role, "\n".join(texts))
    return gathered.reading(title=thread["name"], created=thread["datetime_utc"], key=f"llm:{thread['id']}")
