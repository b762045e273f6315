"""Chats and their turns: written as they happen, deleted for good. Knows no model and no screen."""

from __future__ import annotations

import builtins
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from assistant.errors import UsageError
from assistant.store import branches, search, transfer
from assistant.store.database import Session
from assistant.store.imported import add_draft
from assistant.store.records import ROLES, Chat, Deletion, ImportSummary, SearchHit, Turn, now, storable

_CHAT = (
    "SELECT *, (SELECT count(*) FROM turns WHERE chat_id = chats.id AND visible) AS turns,"
    " (SELECT group_concat(tag, ' ') FROM chat_tags WHERE chat_id = chats.id) AS tags FROM chats"
)


class Chats:
    """Every unknown id raises UsageError."""

    def __init__(self, session: Session, *, index: Path) -> None:
        self._session = session
        self._index = index

    def create(self, title: str = "", *, learn: bool = True) -> Chat:
        moment = now()
        with self._session.writing() as db:
            number = db.execute(
                "INSERT INTO chats (title, created, updated, learn) VALUES (?, ?, ?, ?)",
                (storable(title), moment, moment, learn),
            ).lastrowid
            return self._chat(db, number)

    def list(
        self, limit: int | None = None, *, tag: str | None = None, pinned: bool = False
    ) -> builtins.list[Chat]:
        """Pinned chats first, then the chat that was written to last. Only those with `tag`, if given."""
        conditions = ["TRUE"]
        if tag is not None:
            conditions.append("id IN (SELECT chat_id FROM chat_tags WHERE tag = :tag)")
        if pinned:
            conditions.append("pinned")
        with self._session.reading() as db:
            rows = db.execute(
                f"{_CHAT} WHERE {' AND '.join(conditions)}"
                " ORDER BY pinned DESC, updated DESC, id DESC LIMIT :limit",
                {"tag": as_tag(tag or ""), "limit": -1 if limit is None else limit},
            )
            return [_as_chat(row) for row in rows]

    def get(self, chat_id: int) -> Chat:
        with self._session.reading() as db:
            return self._chat(db, chat_id)

    def rename(self, chat_id: int, title: str) -> Chat:
        with self._session.writing() as db:
            db.execute("UPDATE chats SET title = ? WHERE id = ?", (storable(title), chat_id))
            return self._chat(db, chat_id)

    def set_learn(self, chat_id: int, learn: bool) -> Chat:
        """Whether turns of this chat may be learned from."""
        with self._session.writing() as db:
            db.execute("UPDATE chats SET learn = ? WHERE id = ?", (learn, chat_id))
            return self._chat(db, chat_id)

    def set_pinned(self, chat_id: int, pinned: bool) -> Chat:
        """Whether this chat is listed before all others."""
        with self._session.writing() as db:
            db.execute("UPDATE chats SET pinned = ? WHERE id = ?", (pinned, chat_id))
            return self._chat(db, chat_id)

    def set_tags(self, chat_id: int, tags: Iterable[str]) -> Chat:
        """Give a chat exactly these tags; see `as_tag` for how they are written."""
        written = [tag for tag in dict.fromkeys(as_tag(tag) for tag in tags) if tag]
        with self._session.writing() as db:
            self._chat(db, chat_id)
            db.execute("DELETE FROM chat_tags WHERE chat_id = ?", (chat_id,))
            db.executemany("INSERT INTO chat_tags VALUES (?, ?)", [(chat_id, tag) for tag in written])
            return self._chat(db, chat_id)

    def set_system(self, chat_id: int, system: str | None, *, persona: str = "") -> Chat:
        """What the model is told before this chat; None is what the settings say."""
        with self._session.writing() as db:
            db.execute(
                "UPDATE chats SET system = ?, persona = ? WHERE id = ?",
                (None if system is None else storable(system), storable(persona), chat_id),
            )
            return self._chat(db, chat_id)

    def delete(self, chat_id: int) -> Deletion:
        """Remove a chat with its marks, its pairs, its place in the selection, and their bytes.

        The vector index file goes too; it is rebuilt from what is left.
        """
        with self._session.writing() as db:
            self._chat(db, chat_id)
            turn_ids = [row[0] for row in db.execute("SELECT id FROM turns WHERE chat_id = ?", (chat_id,))]
            deletion = self._forget(db, turn_ids)
            db.execute("DELETE FROM chats WHERE id = ?", (chat_id,))
            search.rebuild(db)
        self._session.scrub()
        return deletion

    def delete_turn(self, turn_id: int) -> Deletion:
        """Remove one turn as thoroughly as `delete` removes a chat."""
        return self.delete_turns([turn_id])

    def delete_turns(self, turn_ids: Sequence[int]) -> Deletion:
        """Remove turns as thoroughly as `delete` removes a chat; what follows them closes the gap.

        `Branches.going_with` tells which turns should go with one.
        """
        with self._session.writing() as db:
            turns = [self._turn(db, turn_id) for turn_id in turn_ids]
            deletion = self._forget(db, turn_ids)
            # A reply that failed before its first word leaves no bytes to look for.
            if not any(turn.content for turn in turns) and not deletion.pairs:
                return deletion
            search.rebuild(db)
        self._session.scrub()
        return deletion

    def add_turn(
        self, chat_id: int, role: str, content: str, *, state: str = "done", reply_to: int | None = None
    ) -> Turn:
        """Append a whole turn; it is on disk on return."""
        with self._session.writing() as db:
            return self._append(db, chat_id, role, content, state=state, reply_to=reply_to)

    def begin_reply(
        self, chat_id: int, *, reply_to: int | None, model: str | None, adapters: Sequence[str] = ()
    ) -> Turn:
        """Append an empty reply in state "streaming"."""
        with self._session.writing() as db:
            return self._append(
                db,
                chat_id,
                "assistant",
                "",
                state="streaming",
                reply_to=reply_to,
                model=model,
                adapters=adapters,
            )

    def append_reply(self, turn_id: int, text_so_far: str) -> None:
        """Save a growing reply. `text_so_far` is all of its text, not only the new piece."""
        with self._session.writing() as db:
            changed = db.execute(
                "UPDATE turns SET content = ? WHERE id = ? AND state = 'streaming'",
                (storable(text_so_far), turn_id),
            ).rowcount
            if not changed:
                raise UsageError(f"Turn {turn_id} is not a reply that is being written.")

    def finish_reply(
        self,
        turn_id: int,
        text: str,
        *,
        state: str = "done",
        tokens: int | None = None,
        tokens_per_s: float | None = None,
        loss: float | None = None,
    ) -> Turn:
        """Save the whole reply and make it searchable. `state` is done, stopped or lost."""
        if state not in ("done", "stopped", "lost"):
            raise UsageError(f"A finished reply cannot be {state!r}.")
        with self._session.writing() as db:
            db.execute(
                "UPDATE turns SET content = ?, state = ?, tokens = ?, tokens_per_s = ?, loss = ?"
                " WHERE id = ?",
                (storable(text), state, tokens, tokens_per_s, loss, turn_id),
            )
            turn = self._turn(db, turn_id)
            db.execute("UPDATE chats SET updated = ? WHERE id = ?", (now(), turn.chat_id))
            return turn

    def resume_reply(self, turn_id: int) -> Turn:
        """Put a finished reply into state "streaming" again, so that it can go on."""
        with self._session.writing() as db:
            self._turn(db, turn_id)
            db.execute("UPDATE turns SET state = 'streaming' WHERE id = ? AND role = 'assistant'", (turn_id,))
            return self._turn(db, turn_id)

    def turns(self, chat_id: int, *, last: int | None = None) -> builtins.list[Turn]:
        """What is shown of a chat, in order: all of it, or the last so many turns."""
        with self._session.reading() as db:
            self._chat(db, chat_id)
            rows = db.execute(
                "SELECT * FROM turns WHERE chat_id = ? AND visible ORDER BY id DESC LIMIT ?",
                (chat_id, -1 if last is None else last),
            ).fetchall()
            return [_as_turn(row) for row in reversed(rows)]

    def replies(self, turn_id: int) -> builtins.list[Turn]:
        """All answers to a message, other versions included, oldest first."""
        with self._session.reading() as db:
            rows = db.execute("SELECT * FROM turns WHERE reply_to = ? ORDER BY id", (turn_id,))
            return [_as_turn(row) for row in rows]

    def prompts(self, limit: int) -> builtins.list[str]:
        """The owner's last messages without repetitions, the newest first.."""
        with self._session.reading() as db:
            rows = db.execute(
                "SELECT content FROM turns WHERE role = 'user' ORDER BY id DESC LIMIT ?", (limit,)
            )
            return builtins.list(dict.fromkeys(row[0] for row in rows))

    def turn(self, turn_id: int) -> Turn:
        with self._session.reading() as db:
            return self._turn(db, turn_id)

    def search(self, query: str, limit: int = 50) -> builtins.list[SearchHit]:
        """Titles and turns that hold every word of `query`; the last word may be only a beginning."""
        with self._session.reading() as db:
            return search.find(db, query, limit)

    def recover(self) -> int:
        """Give replies that a crash left unfinished the state "stopped"; returns how many."""
        with self._session.writing() as db:
            return db.execute("UPDATE turns SET state = 'stopped' WHERE state = 'streaming'").rowcount

    def export(self, chat_ids: Iterable[int] | None = None) -> Iterator[dict[str, object]]:
        """One chat at a time in the OpenAI message shape, oldest first when no ids are given."""
        ids = sorted(chat.id for chat in self.list()) if chat_ids is None else list(chat_ids)
        for chat_id in ids:
            yield transfer.as_document(self.get(chat_id), self.turns(chat_id))

    def import_jsonl(self, lines: Iterable[str]) -> ImportSummary:
        """Add the chats of JSON Lines, all of them or, if it fails or the disk is full, none.

        A line that is not a chat in the OpenAI message shape is skipped and counted. For files of any
        length see `Imports`.
        """
        chats = turns = skipped = 0
        with self._session.writing() as db:
            for line in lines:
                if not line.strip():
                    continue
                draft = transfer.parse(line, ROLES)
                if draft is None:
                    skipped += 1
                else:
                    turns += add_draft(db, draft)
                    chats += 1
        return ImportSummary(chats, turns, skipped)

    def _append(
        self,
        db: sqlite3.Connection,
        chat_id: int,
        role: str,
        content: str,
        *,
        state: str = "done",
        reply_to: int | None = None,
        model: str | None = None,
        adapters: Sequence[str] = (),
    ) -> Turn:
        if role not in ROLES:
            raise UsageError(f"{role!r} is not a role; roles are {', '.join(ROLES)}.")
        self._chat(db, chat_id)
        if reply_to is not None:
            self._turn(db, reply_to)
        moment = now()
        number = db.execute(
            "INSERT INTO turns (chat_id, role, content, state, created, model, adapters, reply_to)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (chat_id, role, storable(content), state, moment, model, json.dumps(list(adapters)), reply_to),
        ).lastrowid
        db.execute("UPDATE chats SET updated = ? WHERE id = ?", (moment, chat_id))
        return self._turn(db, number)

    def _forget(self, db: sqlite3.Connection, turn_ids: Sequence[int]) -> Deletion:
        ids = json.dumps(list(turn_ids))
        touched = branches.chats_of(db, turn_ids)
        of_turns = "turn_id IN (SELECT value FROM json_each(?))"
        pair_ids = [row[0] for row in db.execute(f"SELECT id FROM pairs WHERE {of_turns}", (ids,))]
        versions = db.execute(
            "SELECT DISTINCT version_id FROM version_pairs WHERE pair_id IN (SELECT value FROM json_each(?))"
            " ORDER BY version_id",
            (json.dumps(pair_ids),),
        ).fetchall()
        # What selection keeps about a turn is named by its number, whatever else those tables hold.
        for table in tables_about_turns(db):
            db.execute(f'DELETE FROM "{table}" WHERE {of_turns}', (ids,))
        self._index.unlink(missing_ok=True)
        # Marks, pairs, wordings and rejects follow by their references.
        db.execute("DELETE FROM turns WHERE id IN (SELECT value FROM json_each(?))", (ids,))
        for chat_id in touched:
            branches.mend(db, chat_id)
        return Deletion(len(turn_ids), len(pair_ids), tuple(row[0] for row in versions))

    @staticmethod
    def _chat(db: sqlite3.Connection, chat_id: int | None) -> Chat:
        return as_chat(db, chat_id)

    @staticmethod
    def _turn(db: sqlite3.Connection, turn_id: int | None) -> Turn:
        row = db.execute("SELECT * FROM turns WHERE id = ?", (turn_id,)).fetchone()
        if row is None:
            raise UsageError(f"There is no turn {turn_id}.")
        return _as_turn(row)


def as_tag(text: str) -> str:
    """A tag as it is kept: one word without its #, in small letters."""
    return "-".join(storable(text).casefold().strip().lstrip("#").split())


def as_chat(db: sqlite3.Connection, chat_id: int | None) -> Chat:
    """One chat. Raises UsageError when there is none with this number."""
    row = db.execute(f"{_CHAT} WHERE id = ?", (chat_id,)).fetchone()
    if row is None:
        raise UsageError(f"There is no chat {chat_id}.", hint="`assistant chats list` shows them.")
    return _as_chat(row)


def tables_about_turns(db: sqlite3.Connection) -> list[str]:
    """The tables of `selection/`, which name turns by number without a reference."""
    rows = db.execute(
        "SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' AND m.name LIKE 'selection\\_%' ESCAPE '\\' AND c.name = 'turn_id'"
    )
    return [row[0] for row in rows]


def _as_chat(row: sqlite3.Row) -> Chat:
    return Chat(
        id=row["id"],
        title=row["title"],
        created=row["created"],
        updated=row["updated"],
        turns=row["turns"],
        learn=bool(row["learn"]),
        pinned=bool(row["pinned"]),
        tags=tuple(sorted((row["tags"] or "").split())),
        system=row["system"],
        persona=row["persona"],
    )


def _as_turn(row: sqlite3.Row) -> Turn:
    return Turn(
        id=row["id"],
        chat_id=row["chat_id"],
        role=row["role"],
        content=row["content"],
        state=row["state"],
        created=row["created"],
        tokens=row["tokens"],
        tokens_per_s=row["tokens_per_s"],
        model=row["model"],
        adapters=tuple(json.loads(row["adapters"])),
        reply_to=row["reply_to"],
        loss=row["loss"],
        parent=row["parent"],
        visible=bool(row["visible"]),
    )
