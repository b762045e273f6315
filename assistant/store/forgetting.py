"""Forgetting for good: what depends on a choice of turns, erasing all of it, and the receipt.

The rows go in one transaction together with a line in a journal; files, and the bytes that SQLite leaves
behind, are erased after it. What a killed process left half done is completed by the next one that opens the
store. The journal and the receipts hold numbers and names of files, never texts.
"""

from __future__ import annotations

import builtins
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.errors import UsageError
from assistant.paths import Paths, run_log
from assistant.store import search
from assistant.store.chats import tables_about_turns
from assistant.store.database import Session, create_private, translated
from assistant.store.records import now
from assistant.store.scopes import Scope, Selection, choose, rows_with_word, texts_of
from assistant.store.traces import Traces, doomed_files, files_that_hold, traces_of_texts, traces_of_word

_IN = "IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Preview:
    """What a choice takes along. Counts of rows, ids of versions, names of files; no texts.

    Attributes:
        kind: turn, chat, word or dates.
        vectors: embeddings of judged exchanges; `buffer` counts kept exchanges, whose vectors go as well.
        versions: learned from one of the pairs, and deleted with their adapters.
        unsure: among them, those only known to have learned pairs that were deleted since.
        in_force: those of them that answer now.
        instead: the newest clean version that takes over, by kind; None is the base model.
        files: what goes, relative to the home folder. `kept_files` are the owner's own, which stay although
            they hold some of it.
        rounds: federated rounds that used one of the pairs.
    """

    kind: str
    turn_ids: tuple[int, ...]
    pair_ids: tuple[int, ...]
    chats: int
    titles: int
    marks: int
    questions: int
    wordings: int
    rejects: int
    vectors: int
    buffer: int
    decisions: int
    versions: tuple[str, ...]
    unsure: tuple[str, ...]
    in_force: tuple[str, ...]
    instead: dict[str, str | None]
    files: tuple[str, ...] = ()
    kept_files: tuple[str, ...] = ()
    rounds: int = 0

    @property
    def turns(self) -> int:
        return len(self.turn_ids)

    @property
    def pairs(self) -> int:
        return len(self.pair_ids)

    @property
    def changes_something(self) -> bool:
        """False when the choice means nothing that there is."""
        return bool(self.turn_ids or self.pair_ids or self.chats or self.titles)

    def counts(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {"turns": self.turns, "pairs": self.pairs, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Forgetting:
    """One line of the journal. `state` is erasing, erased (everything is gone) or done (checked as well)."""

    id: int
    kind: str
    state: str
    started: str
    receipt: dict[str, Any] = field(default_factory=dict)


class Forgettings:
    """Erases what a scope means, and keeps the receipts.

    Attributes:
        rounds_of: counts the federated rounds that used one of these pairs; nobody does yet.
    """

    def __init__(self, session: Session, paths: Paths) -> None:
        self._session = session
        self._paths = paths
        self.rounds_of: Callable[[Sequence[int]], int] = lambda pair_ids: 0

    def preview(self, scope: Scope) -> Preview:
        """What `erase` would take along; nothing changes. Raises UsageError for an unknown turn or chat."""
        return self._look(scope)[0]

    def erase(self, scope: Scope) -> tuple[Preview, Forgetting]:
        """Remove everything that `preview` tells, and its bytes from every file.

        Versions in force that learned from it are replaced by the newest clean one, or the base model.

        Raises:
            UsageError: unknown, or there is nothing to forget.
            DiskFull: no room to write the file anew; the rows are gone, and the rest follows when the
                store is opened next.
        """
        preview, traces = self._look(scope)
        with self._session.writing() as db:
            chosen = choose(db, scope)
            if chosen.is_empty:
                raise UsageError("There is nothing to forget.", hint="Nothing was changed.")
            former = _version_files(db, preview.versions)
            self._delete(db, chosen, preview)
            # A learning run that was cut off goes on from what it had read.
            files = sorted({*preview.files, *former, self._paths.tuning_checkpoint.name})
            number = db.execute(
                "INSERT INTO forgettings (kind, state, started, files, receipt)"
                " VALUES (?, 'erasing', ?, ?, ?)",
                (scope.kind, now(), json.dumps(files), json.dumps(preview.counts())),
            ).lastrowid
        self._clean(number or 0)
        searched, found = files_that_hold(self._paths, traces)
        left = {}
        if scope.kind == "word":
            with self._session.reading() as db:
                left = rows_with_word(db, scope.word)
        forgetting = self.note(
            number or 0, files_searched=searched, still_found_in=found, rows_still_holding_it=left
        )
        return preview, forgetting

    def complete(self) -> builtins.list[int]:
        """Finish what a killed process left half erased; numbers of those forgettings."""
        with self._session.reading() as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'forgettings'").fetchone():
                return []
            rows = db.execute("SELECT id FROM forgettings WHERE state = 'erasing' ORDER BY id").fetchall()
        for row in rows:
            self._clean(row["id"])
            self.note(row["id"], completed_at_next_start=True)
        return [row["id"] for row in rows]

    def list(self) -> builtins.list[Forgetting]:
        """All forgettings with their receipts, oldest first."""
        with self._session.reading() as db:
            return [_as_forgetting(row) for row in db.execute("SELECT * FROM forgettings ORDER BY id")]

    def get(self, number: int) -> Forgetting:
        """Raises UsageError for an unknown number."""
        with self._session.reading() as db:
            row = db.execute("SELECT * FROM forgettings WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise UsageError(
                f"There is no receipt {number}.", hint="`assistant forget --receipts` lists them."
            )
        return _as_forgetting(row)

    def note(self, number: int, *, done: bool = False, **facts: Any) -> Forgetting:
        """Add facts (JSON values without texts) to a receipt and write its file anew."""
        with self._session.writing() as db:
            receipt = {**self.get(number).receipt, **facts}
            db.execute(
                "UPDATE forgettings SET receipt = ?, state = CASE WHEN ? THEN 'done' ELSE state END"
                " WHERE id = ?",
                (json.dumps(receipt), done, number),
            )
        forgetting = self.get(number)
        self._write_receipt(forgetting)
        return forgetting

    def _look(self, scope: Scope) -> tuple[Preview, Traces]:
        with self._session.reading() as db:
            chosen = choose(db, scope)
            texts = texts_of(db, chosen)
            preview = _count(db, scope, chosen)
            traces = (
                traces_of_word(scope.word)
                if scope.kind == "word"
                else traces_of_texts(texts, lambda line: _stands_elsewhere(db, chosen, line))
            )
            since = _oldest(db, chosen)
            adapters = [
                row[0]
                for row in db.execute(f"SELECT path FROM versions WHERE id NOT {_IN}", _ids(preview.versions))
            ]
        files = doomed_files(self._paths, traces, adapters=adapters, since=since)
        ours = {*files, *(f"{self._paths.database.name}{end}" for end in ("", "-wal", "-shm"))}
        _, kept = files_that_hold(self._paths, traces, without=ours)
        rounds = self.rounds_of(chosen.pairs)
        preview = replace(preview, files=tuple(files), kept_files=tuple(kept), rounds=rounds)
        return preview, traces

    def _delete(self, db: sqlite3.Connection, chosen: Selection, preview: Preview) -> None:
        for table in tables_about_turns(db):
            db.execute(f'DELETE FROM "{table}" WHERE turn_id {_IN}', _ids(chosen.turns))
        for table, rows in (("pairs", chosen.pairs), ("turns", chosen.turns), ("chats", chosen.emptied)):
            db.execute(f"DELETE FROM {table} WHERE id {_IN}", _ids(rows))
        db.execute(f"UPDATE chats SET title = '' WHERE id {_IN}", _ids(chosen.retitled))
        db.execute(f"DELETE FROM versions WHERE id {_IN}", _ids(preview.versions))
        for kind, version in preview.instead.items():
            if version is not None:
                db.execute("UPDATE versions SET state = 'active' WHERE id = ?", (version,))
                db.execute(
                    "INSERT INTO activations (kind, version_id, created) VALUES (?, ?, ?)",
                    (kind, version, now()),
                )
        search.rebuild(db)

    def _clean(self, number: int) -> None:
        """Everything after the transaction; does no harm when it is done twice."""
        with self._session.reading() as db:
            files = json.loads(
                db.execute("SELECT files FROM forgettings WHERE id = ?", (number,)).fetchone()[0]
            )
        with translated(self._paths.home):
            for name in files:
                (self._paths.home / name).unlink(missing_ok=True)
        self._session.scrub()
        with self._session.writing() as db:
            db.execute("UPDATE forgettings SET state = 'erased' WHERE id = ?", (number,))
        self._session.empty_log()

    def _write_receipt(self, forgetting: Forgetting) -> None:
        folder = self._paths.receipts
        with translated(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = folder / f"forget-{forgetting.id:04d}.json"
            create_private(file)
            draft = file.with_suffix(".new")
            create_private(draft)
            draft.write_text(json.dumps(asdict(forgetting), indent=1) + "\n", encoding="utf-8")
            draft.replace(file)


def _count(db: sqlite3.Connection, scope: Scope, chosen: Selection) -> Preview:
    turns, pairs = _ids(chosen.turns), _ids(chosen.pairs)

    def count(query: str, ids: tuple[str]) -> int:
        return int(db.execute(f"SELECT count(*) FROM {query} {_IN}", ids).fetchone()[0])

    tables = set(tables_about_turns(db))

    def of_selection(table: str) -> int:
        return count(f"{table} WHERE turn_id", turns) if table in tables else 0

    versions, unsure = _versions(db, chosen)
    in_force = [
        (row["id"], row["kind"], row["base_sha256"])
        for row in db.execute(
            f"SELECT id, kind, base_sha256 FROM versions WHERE state = 'active' AND id {_IN} ORDER BY kind",
            _ids(versions),
        )
    ]
    return Preview(
        kind=scope.kind,
        turn_ids=chosen.turns,
        pair_ids=chosen.pairs,
        chats=len(chosen.emptied),
        titles=len(chosen.retitled),
        marks=count("marks WHERE turn_id", turns),
        questions=count("questions WHERE turn_id", turns),
        wordings=count("wordings WHERE pair_id", pairs),
        rejects=count("rejects WHERE pair_id", pairs),
        vectors=count("judged_vectors WHERE turn_id", turns),
        buffer=of_selection("selection_items"),
        decisions=of_selection("selection_decisions"),
        versions=tuple(versions),
        unsure=tuple(unsure),
        in_force=tuple(version for version, _, _ in in_force),
        instead={kind: _clean_version(db, kind, base, chosen, versions) for _, kind, base in in_force},
    )


def _versions(db: sqlite3.Connection, chosen: Selection) -> tuple[list[str], list[str]]:
    """Versions that learned from the pairs, and among them those that only may have.

    What a pair said that was deleted earlier is not known any more. A version that learned such a pair, and
    was made after the forgotten texts came up, can't be shown to be clean, so it goes as well.
    """
    sure = {
        row[0]
        for row in db.execute(
            f"SELECT DISTINCT version_id FROM version_pairs WHERE pair_id {_IN}", _ids(chosen.pairs)
        )
    }
    unsure = {
        row[0]
        for row in db.execute(
            "SELECT DISTINCT v.id FROM versions AS v JOIN version_pairs AS p ON p.version_id = v.id"
            " WHERE p.pair_id NOT IN (SELECT id FROM pairs) AND v.created >= ?",
            (_oldest(db, chosen).isoformat(timespec="microseconds"),),
        )
    } - sure
    return sorted(sure | unsure), sorted(unsure)


def _clean_version(
    db: sqlite3.Connection, kind: str, base: str, chosen: Selection, gone: builtins.list[str]
) -> str | None:
    """The newest version that was in force before, and learned only pairs that stay and still count."""
    row = db.execute(
        "SELECT v.id FROM versions AS v"
        " WHERE v.kind = :kind AND v.base_sha256 = :base AND v.state = 'retired'"
        " AND v.id NOT IN (SELECT value FROM json_each(:gone))"
        " AND EXISTS (SELECT 1 FROM activations WHERE version_id = v.id)"
        " AND NOT EXISTS (SELECT 1 FROM version_pairs AS p WHERE p.version_id = v.id AND p.pair_id NOT IN"
        " (SELECT id FROM pairs WHERE state = 'active' AND id NOT IN (SELECT value FROM json_each(:pairs))))"
        " ORDER BY v.number DESC LIMIT 1",
        {"kind": kind, "base": base, "gone": json.dumps(gone), "pairs": json.dumps(chosen.pairs)},
    ).fetchone()
    return None if row is None else str(row["id"])


def _version_files(db: sqlite3.Connection, versions: tuple[str, ...]) -> set[str]:
    rows = db.execute(f"SELECT path FROM versions WHERE id {_IN}", _ids(versions))
    adapters = [Path(row["path"]) for row in rows]
    return {f"adapters/{each.name}" for file in adapters for each in (file, run_log(file))}


def _oldest(db: sqlite3.Connection, chosen: Selection) -> datetime:
    """When the first of the chosen texts came up; now if there is none."""
    row = db.execute(
        "SELECT min(created) FROM ("
        "SELECT created FROM turns WHERE id IN (SELECT value FROM json_each(:turns))"
        " UNION ALL SELECT created FROM pairs WHERE id IN (SELECT value FROM json_each(:pairs))"
        " UNION ALL SELECT created FROM chats WHERE id IN (SELECT value FROM json_each(:chats)))",
        {
            "turns": json.dumps(chosen.turns),
            "pairs": json.dumps(chosen.pairs),
            "chats": json.dumps((*chosen.emptied, *chosen.retitled)),
        },
    ).fetchone()
    return datetime.fromisoformat(row[0]) if row[0] else datetime.now(UTC)


def _stands_elsewhere(db: sqlite3.Connection, chosen: Selection, line: str) -> bool:
    """Whether what stays says the same; then finding it again means nothing."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM turns WHERE instr(content, :line)"
        " AND id NOT IN (SELECT value FROM json_each(:turns)))"
        " OR EXISTS (SELECT 1 FROM pairs WHERE (instr(question, :line) OR instr(answer, :line))"
        " AND id NOT IN (SELECT value FROM json_each(:pairs)))"
        " OR EXISTS (SELECT 1 FROM wordings WHERE instr(question, :line)"
        " AND pair_id NOT IN (SELECT value FROM json_each(:pairs)))"
        " OR EXISTS (SELECT 1 FROM chats WHERE instr(title, :line)"
        " AND id NOT IN (SELECT value FROM json_each(:chats)))",
        {
            "line": line,
            "turns": json.dumps(chosen.turns),
            "pairs": json.dumps(chosen.pairs),
            "chats": json.dumps((*chosen.emptied, *chosen.retitled)),
        },
    ).fetchone()
    return bool(row[0])


def _ids(numbers: object) -> tuple[str]:
    return (json.dumps(numbers),)


def _as_forgetting(row: sqlite3.Row) -> Forgetting:
    return Forgetting(row["id"], row["kind"], row["state"], row["started"], json.loads(row["receipt"]))
