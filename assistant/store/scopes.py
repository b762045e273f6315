"""What the owner wants forgotten, and which rows that means. Only reads.

A prompt is forgotten with its replies, because they answer it and what selection keeps of an exchange is
named by the reply. A reply can be forgotten alone.
"""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from assistant.errors import UsageError

KINDS = ("turn", "chat", "word", "dates")


@dataclass(frozen=True, slots=True)
class Scope:
    """Exactly one of: turns, chats, a word (or phrase), or a span of time.

    `since` and `until` are moments in ISO 8601 and UTC, the first inclusive, the second exclusive; an empty
    one is open.
    """

    turns: tuple[int, ...] = ()
    chats: tuple[int, ...] = ()
    word: str = ""
    since: str = ""
    until: str = ""

    @property
    def kind(self) -> str:
        """Raises UsageError unless exactly one thing was chosen."""
        chosen = (bool(self.turns), bool(self.chats), bool(self.word.strip()), bool(self.since or self.until))
        if sum(chosen) != 1:
            raise UsageError("Choose one: turns, chats, a word, or dates.")
        return KINDS[chosen.index(True)]


@dataclass(frozen=True, slots=True)
class Selection:
    """Numbers of the rows that a scope means.

    `emptied` are chats of which nothing is left, `retitled` those whose title holds what is forgotten.
    """

    turns: tuple[int, ...]
    pairs: tuple[int, ...]
    emptied: tuple[int, ...]
    retitled: tuple[int, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.turns or self.pairs or self.emptied or self.retitled)


def span(since: str, until: str) -> Scope:
    """The scope from one date to another, both inclusive, by the calendar of this machine.

    Raises:
        UsageError: a date that is none, or the wrong order.
    """
    first, last = _day(since), _day(until)
    if first and last and last < first:
        raise UsageError("The last date is before the first.")
    return Scope(
        since=_moment(first) if first else "", until=_moment(last + timedelta(days=1)) if last else ""
    )


def holds_word(word: str) -> Callable[[Any], bool]:
    """Whether a text holds `word` as a whole word; case, width of letters and spacing do not matter."""
    plain = _plain(word)
    before = r"(?<!\w)" if plain[:1].isalnum() else ""
    after = r"(?!\w)" if plain[-1:].isalnum() else ""
    pattern = re.compile(before + re.escape(plain) + after)
    return lambda text: isinstance(text, str) and pattern.search(_plain(text)) is not None


def choose(db: sqlite3.Connection, scope: Scope) -> Selection:
    """The rows a scope means. Raises UsageError for an unknown turn or chat."""
    kind = scope.kind
    if kind == "word":
        db.create_function("holds_word", 1, holds_word(scope.word), deterministic=True)
    turns = _with_replies(db, _turns(db, scope, kind))
    ids = json.dumps(turns)
    of_turns = "turn_id IN (SELECT value FROM json_each(?))"
    pairs = {row[0] for row in db.execute(f"SELECT id FROM pairs WHERE {of_turns}", (ids,))}
    pairs |= _pairs(db, scope, kind)
    emptied = [
        row[0]
        for row in db.execute(
            "SELECT c.id FROM chats AS c WHERE"
            " EXISTS (SELECT 1 FROM turns WHERE chat_id = c.id AND id IN (SELECT value FROM json_each(:ids)))"
            " AND NOT EXISTS (SELECT 1 FROM turns WHERE chat_id = c.id"
            " AND id NOT IN (SELECT value FROM json_each(:ids)))"
            " OR c.id IN (SELECT value FROM json_each(:chats)) ORDER BY c.id",
            {"ids": ids, "chats": json.dumps(scope.chats)},
        )
    ]
    retitled = _titles(db, turns, kind) - set(emptied)
    return Selection(tuple(turns), tuple(sorted(pairs)), tuple(emptied), tuple(sorted(retitled)))


def texts_of(db: sqlite3.Connection, chosen: Selection) -> list[str]:
    """Everything that is written in the chosen rows."""
    turns, pairs = json.dumps(chosen.turns), json.dumps(chosen.pairs)
    rows = db.execute(
        "SELECT content FROM turns WHERE id IN (SELECT value FROM json_each(:turns))"
        " UNION ALL SELECT text FROM marks WHERE text IS NOT NULL"
        " AND turn_id IN (SELECT value FROM json_each(:turns))"
        " UNION ALL SELECT question FROM pairs WHERE id IN (SELECT value FROM json_each(:pairs))"
        " UNION ALL SELECT answer FROM pairs WHERE id IN (SELECT value FROM json_each(:pairs))"
        " UNION ALL SELECT question FROM wordings WHERE pair_id IN (SELECT value FROM json_each(:pairs))"
        " UNION ALL SELECT text FROM rejects WHERE pair_id IN (SELECT value FROM json_each(:pairs))",
        {"turns": turns, "pairs": pairs},
    )
    return [row[0] for row in rows]


def rows_with_word(db: sqlite3.Connection, word: str) -> dict[str, int]:
    """How many rows hold the word, by "table.column", in whatever table there is."""
    db.create_function("holds_word", 1, holds_word(word), deterministic=True)
    found = {}
    columns = db.execute(
        "SELECT m.name AS t, c.name AS c FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' AND m.name NOT LIKE '%\\_fts%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'"
        " AND upper(c.type) LIKE '%TEXT%'"
    ).fetchall()
    for table, column in columns:
        count = db.execute(f'SELECT count(*) FROM "{table}" WHERE holds_word("{column}")').fetchone()[0]
        if count:
            found[f"{table}.{column}"] = count
    return found


def _turns(db: sqlite3.Connection, scope: Scope, kind: str) -> list[int]:
    if kind == "turn":
        return _known(db, "turns", "turn", scope.turns)
    if kind == "chat":
        chats = json.dumps(_known(db, "chats", "chat", scope.chats))
        rows = db.execute(
            "SELECT id FROM turns WHERE chat_id IN (SELECT value FROM json_each(?)) ORDER BY id", (chats,)
        )
    elif kind == "word":
        rows = db.execute(
            "SELECT id FROM turns WHERE holds_word(content)"
            " OR id IN (SELECT turn_id FROM marks WHERE holds_word(text)) ORDER BY id"
        )
    else:
        rows = db.execute(f"SELECT id FROM turns WHERE {_WITHIN} ORDER BY id", _bounds(scope))
    return [row[0] for row in rows]


def _pairs(db: sqlite3.Connection, scope: Scope, kind: str) -> set[int]:
    """Pairs that the scope means by themselves, whatever turn they came from."""
    if kind == "word":
        rows = db.execute(
            "SELECT id FROM pairs WHERE holds_word(question) OR holds_word(answer)"
            " UNION SELECT pair_id FROM wordings WHERE holds_word(question)"
        )
    elif kind == "dates":
        rows = db.execute(f"SELECT id FROM pairs WHERE {_WITHIN}", _bounds(scope))
    else:
        return set()
    return {row[0] for row in rows}


def _with_replies(db: sqlite3.Connection, turns: Iterable[int]) -> list[int]:
    rows = db.execute(
        "WITH RECURSIVE gone (id) AS (SELECT value FROM json_each(?)"
        " UNION SELECT t.id FROM turns AS t JOIN gone ON t.reply_to = gone.id)"
        " SELECT id FROM gone ORDER BY id",
        (json.dumps(list(turns)),),
    )
    return [row[0] for row in rows]


def _titles(db: sqlite3.Connection, turns: Sequence[int], kind: str) -> set[int]:
    """Chats whose title holds the word, or was made from one of the turns: the first, or one it begins."""
    found = set()
    if kind == "word":
        found = {row[0] for row in db.execute("SELECT id FROM chats WHERE holds_word(title)")}
    rows = db.execute(
        "SELECT c.id, c.title, t.content,"
        " NOT EXISTS (SELECT 1 FROM turns WHERE chat_id = c.id AND id < t.id) AS is_first"
        " FROM turns AS t JOIN chats AS c ON c.id = t.chat_id"
        " WHERE c.title != '' AND t.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(turns)),),
    )
    return found | {
        number
        for number, title, text, is_first in rows
        if is_first or _plain(text).startswith(_plain(title).rstrip("."))
    }


def _known(db: sqlite3.Connection, table: str, name: str, numbers: Sequence[int]) -> list[int]:
    for number in numbers:
        if db.execute(f"SELECT 1 FROM {table} WHERE id = ?", (number,)).fetchone() is None:
            raise UsageError(f"There is no {name} {number}.")
    return sorted(set(numbers))


_WITHIN = "(:since = '' OR created >= :since) AND (:until = '' OR created < :until)"


def _bounds(scope: Scope) -> dict[str, str]:
    return {"since": scope.since, "until": scope.until}


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as problem:
        raise UsageError(f"{text!r} is not a date.", hint="Write it like 2031-05-17.") from problem


def _moment(day: date) -> str:
    # The owner's midnight, as the store writes moments.
    return datetime.combine(day, time()).astimezone().astimezone(UTC).isoformat(timespec="microseconds")
