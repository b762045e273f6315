"""Named system prompts to begin chats with. Knows names and texts, not the chats that use them."""

from __future__ import annotations

import sqlite3

from assistant.errors import UsageError
from assistant.store.database import Session
from assistant.store.records import Persona, now, storable

LONGEST_NAME = 40


class Personas:
    """Names are compared without case. An unknown one raises UsageError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self) -> list[Persona]:
        with self._session.reading() as db:
            return [_as_persona(row) for row in db.execute("SELECT * FROM personas ORDER BY name")]

    def get(self, name: str) -> Persona:
        with self._session.reading() as db:
            row = db.execute("SELECT * FROM personas WHERE name = ?", (storable(name).strip(),)).fetchone()
        if row is None:
            known = ", ".join(persona.name for persona in self.list())
            raise UsageError(
                f"There is no persona {name!r}.",
                hint=f"There are: {known}." if known else "`assistant personas set NAME TEXT` makes one.",
            )
        return _as_persona(row)

    def set(self, name: str, prompt: str) -> Persona:
        """Make a persona or change its text. Chats that use it keep the text they began with."""
        name, prompt = " ".join(storable(name).split()), storable(prompt).strip()
        if not name or len(name) > LONGEST_NAME:
            raise UsageError(f"The name of a persona has 1 to {LONGEST_NAME} characters.")
        if not prompt:
            raise UsageError("A persona needs a text that the model is told.")
        with self._session.writing() as db:
            db.execute(
                "INSERT INTO personas VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET prompt = excluded.prompt",
                (name, prompt, now()),
            )
        return self.get(name)

    def delete(self, name: str) -> None:
        """Remove a persona and its bytes. Chats that use it keep their text."""
        persona = self.get(name)
        with self._session.writing() as db:
            db.execute("DELETE FROM personas WHERE name = ?", (persona.name,))
        self._session.scrub()


def _as_persona(row: sqlite3.Row) -> Persona:
    return Persona(row["name"], row["prompt"], row["created"])
