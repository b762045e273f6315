"""What the owner was asked about replies, and the vectors of the exchanges that were judged.

Knows rows and bytes; when and what to ask is decided in `assistant/annotation`.
"""

from __future__ import annotations

import sqlite3

from assistant.errors import UsageError
from assistant.store.database import Session
from assistant.store.records import Question, now

PLACES = ("pause", "review")
OUTCOMES = ("open", "fine", "bad", "corrected", "never", "dismissed")


class Questions:
    """Rows outlive the turns they are about, but then hold nothing but a time and an outcome."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin_session(self) -> int:
        """Number a session of the program; numbers rise and do not come back."""
        with self._session.writing() as db:
            return int(db.execute("INSERT INTO sessions (started) VALUES (?)", (now(),)).lastrowid or 0)

    def add(
        self,
        turn_id: int,
        *,
        place: str,
        session: int | None = None,
        outcome: str = "open",
        asked: str | None = None,
    ) -> Question:
        """Record a question about a reply; `asked` is ISO 8601 in UTC, by default now.

        Raises:
            UsageError: unknown turn or outcome.
        """
        _check(outcome)
        with self._session.writing() as db:
            if db.execute("SELECT 1 FROM turns WHERE id = ?", (turn_id,)).fetchone() is None:
                raise UsageError(f"There is no turn {turn_id}.")
            number = db.execute(
                "INSERT INTO questions (turn_id, session, place, asked, outcome) VALUES (?, ?, ?, ?, ?)",
                (turn_id, session, place, asked or now(), outcome),
            ).lastrowid
            return self._question(db, number)

    def settle(self, question_id: int, outcome: str) -> Question:
        """Record what came of a question."""
        _check(outcome)
        with self._session.writing() as db:
            db.execute("UPDATE questions SET outcome = ? WHERE id = ?", (outcome, question_id))
            return self._question(db, question_id)

    def withdraw(self, question_id: int) -> None:
        """Forget a judgement of the review that was taken back."""
        with self._session.writing() as db:
            self._question(db, question_id)
            db.execute("DELETE FROM questions WHERE id = ?", (question_id,))

    def history(self) -> list[Question]:
        """All of them, oldest first."""
        with self._session.reading() as db:
            return [_as_question(row) for row in db.execute("SELECT * FROM questions ORDER BY id")]

    def remember_vector(self, turn_id: int, embedder: str, vector: bytes) -> None:
        """Keep the embedding (little-endian float32) of a judged exchange, so that its like is not asked."""
        with self._session.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO judged_vectors (turn_id, embedder, vector) VALUES (?, ?, ?)",
                (turn_id, embedder, vector),
            )

    def forget_vector(self, turn_id: int) -> None:
        with self._session.writing() as db:
            db.execute("DELETE FROM judged_vectors WHERE turn_id = ?", (turn_id,))

    def vectors(self, embedder: str) -> dict[int, bytes]:
        """The kept embeddings that this embedder made, by turn."""
        with self._session.reading() as db:
            rows = db.execute(
                "SELECT turn_id, vector FROM judged_vectors WHERE embedder = ? ORDER BY turn_id", (embedder,)
            )
            return {row["turn_id"]: row["vector"] for row in rows}

    @staticmethod
    def _question(db: sqlite3.Connection, question_id: int | None) -> Question:
        row = db.execute("SELECT * FROM questions WHERE id = ?", (question_id,)).fetchone()
        if row is None:
            raise UsageError(f"There is no question {question_id}.")
        return _as_question(row)


def _check(outcome: str) -> None:
    if outcome not in OUTCOMES:
        raise UsageError(f"{outcome!r} is not an outcome; outcomes are {', '.join(OUTCOMES)}.")


def _as_question(row: sqlite3.Row) -> Question:
    return Question(row["id"], row["turn_id"], row["session"], row["place"], row["asked"], row["outcome"])
