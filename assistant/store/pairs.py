"""Questions with the answers they should get, and the wordings made from them.

A question has at most one active answer: another one supersedes it, and the older is kept with a reference
to the newer. Knows nothing of how wordings are made or learned, and of questions only their letters; whoever
opens the store may give it an eye for the same question in other words.
"""

from __future__ import annotations

import builtins
import json
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from assistant.errors import UsageError
from assistant.store.chats import storable
from assistant.store.database import Session
from assistant.store.records import NewWording, Pair, Wording, now

STATES = ("active", "off", "superseded", "unconfirmed", "rejected")
FindContradicted = Callable[[str, str, Sequence[Pair]], Sequence[int]]
"""(question, answer, pairs) -> ids of those that ask the same and say something else."""
_PAIR = (
    "SELECT *, (SELECT group_concat(version_id) FROM (SELECT version_id FROM version_pairs"
    " JOIN versions ON versions.id = version_id AND versions.state != 'draft'"
    " WHERE pair_id = pairs.id ORDER BY version_id)) AS learned_in FROM pairs"
)


def question_key(question: str) -> str:
    """What makes two questions the same: case, width of letters and spacing do not matter."""
    return " ".join(unicodedata.normalize("NFKC", storable(question)).casefold().split())


class Pairs:
    """Every unknown id raises UsageError.

    Attributes:
        find_contradicted: finds the same question in other words; without it only letters count.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.find_contradicted: FindContradicted | None = None

    def add(
        self,
        question: str,
        answer: str,
        *,
        source: str,
        turn_id: int | None = None,
        weight: float = 1.0,
        state: str = "active",
        among: Sequence[Pair] | None = None,
    ) -> Pair:
        """Keep a pair. Other answers to the same question become superseded by it.

        The same answer again is not kept twice: the pair that is there becomes active again, with
        the heavier weight and its source. An "unconfirmed" pair supersedes nothing, and changes nothing
        about one that is there and was not confirmed either. `among` are the active pairs where they are
        known already.

        Raises:
            UsageError: question or answer is empty.
        """
        question, answer, key = storable(question).strip(), storable(answer).strip(), question_key(question)
        if not key or not answer:
            raise UsageError("A pair needs a question and an answer.")
        known = self._same(key, answer)
        counts = state == "active" or (known is not None and known.state in ("off", "superseded"))
        # What the model said by itself never replaces what the owner said.
        rivals = self.contradicted(question, answer, among) if counts and source != "own" else []
        if known is not None and known.superseded_by is not None:
            rivals.append(known.superseded_by)
        with self._session.writing() as db:
            # Read again, because another thread may have added it meanwhile.
            same = self._same(key, answer)
            if same is None:
                # The new row is inserted switched off: two active answers may not exist even for a moment.
                number = db.execute(
                    "INSERT INTO pairs"
                    " (question, question_key, answer, source, turn_id, state, created, weight)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (question, key, answer, source, turn_id, "off" if counts else state, now(), weight),
                ).lastrowid
            else:
                number = same.id
                is_vouched_for = counts and same.state in ("unconfirmed", "rejected")
                if weight > same.weight or is_vouched_for:
                    db.execute(
                        "UPDATE pairs SET weight = ?, source = ? WHERE id = ?", (weight, source, number)
                    )
            if counts:
                self._activate(db, number, rivals)
            return self._pair(db, number)

    def add_all(self, pairs: Iterable[tuple[str, str]], *, source: str) -> builtins.list[Pair]:
        """Keep several pairs (question, answer) as `add` does: all of them, or none if anything goes wrong.

        Raises:
            UsageError: one of them is empty.
        """
        with self._session.writing() as db:
            active, numbers = self.list("active"), []
            for question, answer in pairs:
                added = self.add(question, answer, source=source, among=active)
                active.append(added)
                numbers.append(added.id)
            # Read again, because a later pair may have superseded an earlier one.
            return [self._pair(db, number) for number in numbers]

    def list(self, state: str | None = "active") -> builtins.list[Pair]:
        """Pairs in one state, oldest first; all of them for None."""
        with self._session.reading() as db:
            rows = db.execute(f"{_PAIR} WHERE :state IS NULL OR state = :state ORDER BY id", {"state": state})
            return [_as_pair(row) for row in rows]

    def get(self, pair_id: int) -> Pair:
        with self._session.reading() as db:
            return self._pair(db, pair_id)

    def for_turn(self, turn_id: int) -> builtins.list[Pair]:
        with self._session.reading() as db:
            rows = db.execute(f"{_PAIR} WHERE turn_id = ? ORDER BY id", (turn_id,))
            return [_as_pair(row) for row in rows]

    def set_state(self, pair_id: int, state: str) -> Pair:
        """Switch a pair; making it active supersedes the answers that were active for its question."""
        if state not in STATES:
            raise UsageError(f"{state!r} is not a state of a pair; states are {', '.join(STATES)}.")
        pair = self.get(pair_id)
        finds = state == "active" and pair.source != "own"
        rivals = self.contradicted(pair.question, pair.answer) if finds else []
        if pair.superseded_by is not None:
            rivals.append(pair.superseded_by)
        with self._session.writing() as db:
            self._pair(db, pair_id)
            if state == "active":
                self._activate(db, pair_id, rivals)
            else:
                db.execute("UPDATE pairs SET state = ? WHERE id = ?", (state, pair_id))
            return self._pair(db, pair_id)

    def contradicted(
        self, question: str, answer: str, among: Sequence[Pair] | None = None
    ) -> builtins.list[int]:
        """Ids of active pairs that ask this question in other words and give it another answer.

        `among` are the active pairs where they are known already.
        """
        if self.find_contradicted is None:
            return []
        key = question_key(question)
        active = self.list("active") if among is None else among
        others = [pair for pair in active if question_key(pair.question) != key]
        return list(self.find_contradicted(question, answer, others)) if others else []

    def superseded_by(self, pair_id: int) -> builtins.list[Pair]:
        """The older answers that this one replaced, oldest first."""
        with self._session.reading() as db:
            rows = db.execute(f"{_PAIR} WHERE superseded_by = ? ORDER BY id", (pair_id,))
            return [_as_pair(row) for row in rows]

    def take_back(self, pair_id: int) -> builtins.list[Pair]:
        """Switch a pair off as if it had never been added; returns the older answers in force again.

        Those it had superseded come back. If it was itself superseded meanwhile they stay so, by the newer
        one.
        """
        with self._session.writing() as db:
            pair = self._pair(db, pair_id)
            db.execute("UPDATE pairs SET state = 'off', superseded_by = NULL WHERE id = ?", (pair_id,))
            restored = []
            for older in reversed(self.superseded_by(pair_id)):
                newer = db.execute(
                    "SELECT id FROM pairs WHERE question_key = ? AND state = 'active'",
                    (question_key(older.question),),
                ).fetchone()
                if pair.state == "superseded" or newer is not None:
                    successor = pair.superseded_by if newer is None else newer["id"]
                    db.execute("UPDATE pairs SET superseded_by = ? WHERE id = ?", (successor, older.id))
                else:
                    self._activate(db, older.id, [])
                    restored.append(self._pair(db, older.id))
            return restored

    def hide_of(self, turn_ids: Iterable[int]) -> int:
        """Switch off what was made from turns that are no longer shown; returns how many pairs."""
        with self._session.writing() as db:
            rows = db.execute(
                "SELECT id FROM pairs WHERE state = 'active' AND turn_id IN (SELECT value FROM json_each(?))",
                (json.dumps([*turn_ids]),),
            ).fetchall()
            for row in rows:
                db.execute("UPDATE pairs SET hidden = 1 WHERE id = ?", (row["id"],))
                self.take_back(row["id"])
            return len(rows)

    def show_of(self, turn_ids: Iterable[int]) -> int:
        """Switch on again what `hide_of` had switched off, unless it was changed since."""
        with self._session.writing() as db:
            rows = db.execute(
                "SELECT id, state FROM pairs WHERE hidden AND turn_id IN (SELECT value FROM json_each(?))",
                (json.dumps([*turn_ids]),),
            ).fetchall()
            for row in rows:
                db.execute("UPDATE pairs SET hidden = 0 WHERE id = ?", (row["id"],))
        back = [row["id"] for row in rows if row["state"] == "off"]
        for pair_id in back:
            self.set_state(pair_id, "active")
        return len(back)

    def delete(self, pair_id: int) -> None:
        """Remove a pair with its wordings and rejects, and their bytes."""
        with self._session.writing() as db:
            self._pair(db, pair_id)
            db.execute("DELETE FROM pairs WHERE id = ?", (pair_id,))
        self._session.scrub()

    def discard(self, pair_ids: Iterable[int]) -> None:
        """Remove pairs that were derived from turns which are still there.

        Unlike `delete` this does not write the file anew to hunt for their bytes.
        """
        with self._session.writing() as db:
            db.executemany("DELETE FROM pairs WHERE id = ?", [(pair_id,) for pair_id in pair_ids])

    def wordings(self, pair_id: int) -> builtins.list[Wording]:
        with self._session.reading() as db:
            self._pair(db, pair_id)
            rows = db.execute("SELECT * FROM wordings WHERE pair_id = ? ORDER BY id", (pair_id,))
            return [_as_wording(row) for row in rows]

    def replace_wordings(self, pair_id: int, wordings: Sequence[NewWording]) -> builtins.list[Wording]:
        with self._session.writing() as db:
            self._pair(db, pair_id)
            db.execute("DELETE FROM wordings WHERE pair_id = ?", (pair_id,))
            db.executemany(
                "INSERT INTO wordings (pair_id, question, origin, split, rouge1, similarity)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (pair_id, storable(w.question), w.origin, w.split, w.rouge1, w.similarity)
                    for w in wordings
                ],
            )
            return self.wordings(pair_id)

    def add_reject(self, pair_id: int, text: str, reason: str) -> None:
        """Keep a wording that was not good enough, with why."""
        with self._session.writing() as db:
            self._pair(db, pair_id)
            db.execute(
                "INSERT INTO rejects (pair_id, text, reason, created) VALUES (?, ?, ?, ?)",
                (pair_id, storable(text), reason, now()),
            )

    def rejects(self, pair_id: int | None = None) -> dict[str, int]:
        """How many wordings were rejected for each reason, the most frequent first."""
        with self._session.reading() as db:
            rows = db.execute(
                "SELECT reason, count(*) AS count FROM rejects WHERE :pair IS NULL OR pair_id = :pair"
                " GROUP BY reason ORDER BY count DESC, reason",
                {"pair": pair_id},
            )
            return {row["reason"]: row["count"] for row in rows}

    def _same(self, key: str, answer: str) -> Pair | None:
        """The pair with this very question and answer."""
        with self._session.reading() as db:
            row = db.execute(
                f"{_PAIR} WHERE question_key = ? AND answer = ? ORDER BY id DESC LIMIT 1", (key, answer)
            ).fetchone()
            return None if row is None else _as_pair(row)

    @staticmethod
    def _activate(db: sqlite3.Connection, pair_id: int | None, rivals: Sequence[int]) -> None:
        supersede = (
            "UPDATE pairs SET state = 'superseded', superseded_by = :id WHERE state = 'active' AND id != :id"
        )
        db.execute(
            f"{supersede} AND question_key = (SELECT question_key FROM pairs WHERE id = :id)", {"id": pair_id}
        )
        db.executemany(f"{supersede} AND id = :rival", [{"id": pair_id, "rival": each} for each in rivals])
        db.execute("UPDATE pairs SET state = 'active', superseded_by = NULL WHERE id = ?", (pair_id,))

    @staticmethod
    def _pair(db: sqlite3.Connection, pair_id: int | None) -> Pair:
        row = db.execute(f"{_PAIR} WHERE id = ?", (pair_id,)).fetchone()
        if row is None:
            raise UsageError(f"There is no pair {pair_id}.", hint="`assistant learn pairs` shows them.")
        return _as_pair(row)


def _as_pair(row: sqlite3.Row) -> Pair:
    return Pair(
        id=row["id"],
        question=row["question"],
        answer=row["answer"],
        source=row["source"],
        turn_id=row["turn_id"],
        state=row["state"],
        created=row["created"],
        weight=row["weight"],
        learned_in=tuple(row["learned_in"].split(",")) if row["learned_in"] else (),
        superseded_by=row["superseded_by"],
    )


def _as_wording(row: sqlite3.Row) -> Wording:
    return Wording(
        id=row["id"],
        pair_id=row["pair_id"],
        question=row["question"],
        origin=row["origin"],
        split=row["split"],
        rouge1=row["rouge1"],
        similarity=row["similarity"],
    )
