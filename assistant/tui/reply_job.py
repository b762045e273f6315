"""A reply being written in a thread, seen from the screen. Knows the conversation, not Textual."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from assistant.conversation import Conversation
from assistant.errors import AssistantError
from assistant.reply_saver import OnPiece
from assistant.store.records import Turn

Write = Callable[[OnPiece, threading.Event], Turn]
"""Writes the reply, giving each piece as it comes, until it is complete or the event is set."""


class ReplyJob:
    """One reply. `run` blocks in a worker thread; everything else is called from the screen's thread.

    `begun` is what was there before, when an answer goes on. When `finished`, exactly one of `turn` and
    `error` is set, unless the thread died unexpectedly.
    """

    def __init__(self, conversation: Conversation, write: Write, *, begun: str = "") -> None:
        self.conversation = conversation
        self.begun = begun
        self.cancel = threading.Event()
        self.turn: Turn | None = None
        self.error: AssistantError | None = None
        self._write = write
        self._pieces: list[str] = []
        self._taken = 0
        self._finished = threading.Event()
        self._started = time.monotonic()

    def run(self) -> None:
        """Write the reply; the worker's body."""
        try:
            self.turn = self._write(self._pieces.append, self.cancel)
        except AssistantError as error:
            self.error = error
        finally:
            self._finished.set()

    def take(self) -> str:
        """The text that arrived since the last call."""
        count = len(self._pieces)
        fresh = "".join(self._pieces[self._taken : count])
        self._taken = count
        return fresh

    def rewind(self) -> None:
        """Let `take` return what is new from its start, for a view that was opened in the middle."""
        self._taken = 0

    def stop(self) -> None:
        """Ask the engine to stop before the next token."""
        self.cancel.set()

    @property
    def finished(self) -> bool:
        return self._finished.is_set()

    @property
    def has_text(self) -> bool:
        return bool(self._pieces)

    @property
    def elapsed_s(self) -> int:
        """Whole seconds since the message was sent."""
        return int(time.monotonic() - self._started)
