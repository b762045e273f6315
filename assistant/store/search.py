"""Full-text search over titles and turns (SQLite FTS5). Knows words, not meanings."""

from __future__ import annotations

import json
import sqlite3

from assistant.store.records import SearchHit

# Guillemets carry no meaning in terminal markup, JSON or Markdown.
MATCH_START, MATCH_END = "«", "»"
RANKED_HITS = 2_000
_SNIPPET_WORDS = 16


def match_expression(query: str) -> str:
    """The FTS5 expression for what a person typed: every word, the last one also as a beginning.

    Words are quoted, so that operators and punctuation are plain text. Empty if there is no word. A single
    Latin letter is no beginning: it would join the lists of a tenth of all words.
    """
    words = [word.replace("\0", "") for word in query.split()]
    # Punctuation alone is no token; as a phrase it would make the whole expression match nothing.
    words = [word for word in words if any(letter.isalnum() for letter in word)]
    quoted = ['"' + word.replace('"', '""') + '"' for word in words]
    is_letter = bool(words) and len(words[-1]) == 1 and words[-1].isascii()
    if quoted and words[-1][-1].isalnum() and not is_letter:
        quoted[-1] += "*"
    return " ".join(quoted)


def find(db: sqlite3.Connection, query: str, limit: int) -> list[SearchHit]:
    """Matching titles first, then turns, each by relevance (BM25) and then the newest first.

    Of more than `RANKED_HITS` turns the newest are given, whatever their relevance. A word with # in front
    is a tag that the chat must have.
    """
    tags = [word[1:].casefold() for word in query.split() if len(word) > 1 and word.startswith("#")]
    expression = match_expression(" ".join(word for word in query.split() if not word.startswith("#")))
    if not expression:
        return _tagged(db, tags, limit) if tags else []
    # Each tag that is asked for must be among those of the chat.
    in_tags = "".join(" AND c.id IN (SELECT chat_id FROM chat_tags WHERE tag = ?)" for _ in tags)
    titles = db.execute(
        "SELECT c.id AS chat_id, c.title, NULL AS turn_id, 'title' AS role, c.created,"
        " snippet(chats_fts, 0, ?, ?, '…', ?) AS snippet"
        " FROM chats_fts JOIN chats AS c ON c.id = chats_fts.rowid"
        f" WHERE chats_fts MATCH ?{in_tags} ORDER BY rank, c.id DESC LIMIT ?",
        (MATCH_START, MATCH_END, _SNIPPET_WORDS, expression, *tags, limit),
    ).fetchall()
    left = limit - len(titles)
    # A word that is everywhere tells nothing about relevance, and ranking all its places takes seconds.
    counted = "SELECT count(*) FROM (SELECT 1 FROM turns_fts WHERE turns_fts MATCH ? LIMIT ?)"
    is_common = db.execute(counted, (expression, RANKED_HITS + 1)).fetchone()[0] > RANKED_HITS
    order = "turns_fts.rowid DESC" if is_common else "rank, t.id DESC"
    turns = db.execute(
        "SELECT c.id AS chat_id, c.title, t.id AS turn_id, t.role, t.created,"
        " snippet(turns_fts, 0, ?, ?, '…', ?) AS snippet"
        " FROM turns_fts CROSS JOIN turns AS t ON t.id = turns_fts.rowid"
        " CROSS JOIN chats AS c ON c.id = t.chat_id"
        f" WHERE turns_fts MATCH ?{in_tags} ORDER BY {order} LIMIT ?",
        (MATCH_START, MATCH_END, _SNIPPET_WORDS, expression, *tags, left),
    ).fetchall()
    return [
        SearchHit(row["chat_id"], row["title"], row["turn_id"], row["role"], row["snippet"], row["created"])
        for row in (*titles, *turns)
    ]


def _tagged(db: sqlite3.Connection, tags: list[str], limit: int) -> list[SearchHit]:
    """Chats with all of these tags, the last used first."""
    rows = db.execute(
        "SELECT id, title, created FROM chats WHERE id IN"
        " (SELECT chat_id FROM chat_tags WHERE tag IN (SELECT value FROM json_each(?))"
        "  GROUP BY chat_id HAVING count(*) = ?)"
        " ORDER BY updated DESC, id DESC LIMIT ?",
        (json.dumps(tags), len(set(tags)), limit),
    )
    return [SearchHit(row["id"], row["title"], None, "title", row["title"], row["created"]) for row in rows]


def rebuild(db: sqlite3.Connection) -> None:
    """Write the word lists anew. Removing a text only marks its words as gone; this drops them."""
    db.execute("INSERT INTO turns_fts (turns_fts) VALUES ('rebuild')")
    db.execute("INSERT INTO chats_fts (chats_fts) VALUES ('rebuild')")
