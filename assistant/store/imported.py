"""Adding drafts of chats so that the same one twice adds nothing, and one that has grown adds what is new.

A draft is told apart by a digest of what it says and of where it is from; of the texts nothing else is kept.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from itertools import accumulate

from assistant.store.records import now, storable
from assistant.store.transfer import ChatDraft

ADDED, KNOWN, GROWN = "added", "known", "grown"


def add_once(db: sqlite3.Connection, draft: ChatDraft, position: int) -> tuple[str, int]:
    """Add a draft unless it is there; returns added, known or grown, and the number of turns added.

    A draft that names neither its origin nor a time is known again only at the same `position` of a file,
    because two chats may well say the same.
    """
    origin = draft.key or (f"{draft.created} {draft.title}" if draft.created else f"at {position}")
    digests = _digests(origin, draft.messages)
    if db.execute("SELECT 1 FROM imported_chats WHERE digest = ?", (digests[-1],)).fetchone():
        return KNOWN, 0
    source = hashlib.sha256(draft.key.encode()).digest() if draft.key else None
    former = _former(db, source, digests)
    if former is None:
        chat_id, last = _add_chat(db, draft)
        added, how = len(draft.messages), ADDED
        start = 0
    else:
        chat_id, start = former["chat_id"], former["messages"]
        last = append_messages(db, chat_id, draft.messages[start:], former["last_turn"])
        db.execute("UPDATE chats SET updated = ? WHERE id = ?", (now(), chat_id))
        db.execute("DELETE FROM imported_chats WHERE digest = ?", (former["digest"],))
        added, how = len(draft.messages) - start, GROWN
    db.execute(
        "INSERT INTO imported_chats (digest, source, messages, last_turn, chat_id) VALUES (?, ?, ?, ?, ?)",
        (digests[-1], source, len(draft.messages), last, chat_id),
    )
    return how, added


def add_draft(db: sqlite3.Connection, draft: ChatDraft) -> int:
    """Write a chat with its turns, each reply to the message before it; returns the number of turns."""
    _add_chat(db, draft)
    return len(draft.messages)


def append_messages(
    db: sqlite3.Connection, chat_id: int, messages: Sequence[tuple[str, str]], reply_to: int | None
) -> int | None:
    """Write messages behind those of a chat; returns the owner's last turn, which a reply would answer."""
    created = now()
    for role, content in messages:
        turn_id = db.execute(
            "INSERT INTO turns (chat_id, role, content, state, created, adapters, reply_to)"
            " VALUES (?, ?, ?, 'done', ?, '[]', ?)",
            (chat_id, role, storable(content), created, reply_to if role == "assistant" else None),
        ).lastrowid
        reply_to = turn_id if role == "user" else reply_to
    return reply_to


def _add_chat(db: sqlite3.Connection, draft: ChatDraft) -> tuple[int, int | None]:
    moment = draft.created or now()
    chat_id = db.execute(
        "INSERT INTO chats (title, created, updated, learn) VALUES (?, ?, ?, 1)",
        (storable(draft.title), moment, moment),
    ).lastrowid
    assert chat_id is not None
    return chat_id, append_messages(db, chat_id, draft.messages, None)


def _former(db: sqlite3.Connection, source: bytes | None, digests: Sequence[bytes]) -> sqlite3.Row | None:
    """The longest import of the same conversation that this one begins with; None if there is none."""
    if source is None:
        return None
    rows: list[sqlite3.Row] = db.execute(
        "SELECT * FROM imported_chats WHERE source = ? AND messages < ? ORDER BY messages DESC",
        (source, len(digests)),
    ).fetchall()
    return next((row for row in rows if digests[row["messages"] - 1] == row["digest"]), None)


def _digests(origin: str, messages: Sequence[tuple[str, str]]) -> list[bytes]:
    """For each message the digest of everything up to it."""

    def add(former: bytes, message: tuple[str, str]) -> bytes:
        role, content = (storable(text).encode() for text in message)
        # Lengths between the parts, so that no text can look like the boundary to another.
        head = f"{len(former)} {len(role)} {len(content)}\n".encode()
        return hashlib.sha256(head + former + role + content).digest()

    return list(accumulate(messages, add, initial=storable(origin).encode()))[1:]
