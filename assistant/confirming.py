"""Statements of the owner, confirmed in the background before they count.

A pair that noticing found in what the owner said waits as "unconfirmed". Here the base model is asked the
question with the statement in the prompt; if it says the fact the pair becomes active, else rejected, with
the reason. It all happens after the reply, on a thread of its own; the engine does it step by step, behind
every chat, and in a context of its own, so that the conversation's cache stays. What is left when the
program ends is asked next time, or by the next learning run. Knows the store and an `ask` callable; never
the screen.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from assistant.errors import AssistantError, Cancelled, UsageError
from assistant.store.records import Pair
from assistant.store.store import Store

if TYPE_CHECKING:
    from assistant.engine.engine import Engine
    from synthesis.statements import StatementPair
    from synthesis.verify import Verdict

_log = logging.getLogger(__name__)

ANSWER_TOKENS = 24
# What is said to the model and what it says, as (role, content).
Messages = list[tuple[str, str]]
Ask = Callable[[Messages, threading.Event], str]


class Confirm(Protocol):
    """`synthesis.verify.confirm`."""

    def __call__(self, pair: StatementPair, ask: Callable[[Messages], str]) -> Verdict: ...


class Confirming:
    """Asks about unconfirmed pairs, one at a time, whenever it is woken.

    Errors are logged by type and pair number, never with text; the pair then waits for the next time.
    """

    def __init__(
        self,
        store: Store,
        ask: Ask,
        *,
        confirm: Confirm,
        statement_pairs: Callable[[str], Sequence[StatementPair]],
    ) -> None:
        """`ask` gets the conversation and an event that ends it early with Cancelled."""
        self._store = store
        self._ask = ask
        self._confirm = confirm
        self._statement_pairs = statement_pairs
        self._worker: threading.Thread | None = None
        self._wanted = threading.Event()
        self._stop = threading.Event()
        # One question at a time: the worker and a learning run may both want the same pair.
        self._busy = threading.Lock()
        self._start = threading.Lock()

    def wake(self) -> None:
        """Look for unconfirmed pairs in the background; returns at once. Without effect after `close`."""
        with self._start:
            if self._stop.is_set():
                return
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="confirming", daemon=True)
                self._worker.start()
        self._wanted.set()

    def settle(
        self,
        cancel: threading.Event,
        tell: Callable[[int, int], None] = lambda done, of: None,
    ) -> int:
        """Ask about all that waits, now; returns how many were confirmed. `tell(done, of)` after each.

        Raises Cancelled, ModelError and StoreError.
        """
        waiting = self._store.pairs.list("unconfirmed")
        confirmed = 0
        for done, pair in enumerate(waiting, start=1):
            with self._busy:
                confirmed += self._settle(pair, cancel)
            tell(done, len(waiting))
        return confirmed

    def close(self, wait_s: float | None = None) -> bool:
        """Stop asking, in the middle of an answer if need be. False if that took longer than `wait_s`."""
        with self._start:
            self._stop.set()
            worker = self._worker
        self._wanted.set()
        if worker is None:
            return True
        worker.join(wait_s)
        return not worker.is_alive()

    def _work(self) -> None:
        while self._wanted.wait() and not self._stop.is_set():
            self._wanted.clear()
            try:
                waiting = self._store.pairs.list("unconfirmed")
            except AssistantError as error:
                _log.warning("unconfirmed pairs were not read: %s", type(error).__name__)
                continue
            for pair in waiting:
                if self._stop.is_set():
                    return
                try:
                    with self._busy:
                        self._settle(pair, self._stop)
                except Cancelled:
                    return
                # The outermost edge of a thread that must outlive whatever a single pair causes. The
                # error's own message is left out because it may quote the pair.
                except Exception as error:
                    _log.warning("pair %d was not confirmed: %s", pair.id, type(error).__name__)

    def _settle(self, pair: Pair, cancel: threading.Event) -> bool:
        """Ask about one pair and keep the result; False also when it may not be asked about (any more)."""
        statement = self._statement(pair)
        if statement is None:
            return False
        verdict = self._confirm(statement, lambda messages: self._ask(messages, cancel))
        if verdict.confirmed:
            # Looked at before the transaction: it may load the embedding model, which takes seconds.
            self._store.pairs.contradicted(pair.question, pair.answer)
        # Together, so that a mark made meanwhile comes either before this look or after this change.
        with self._store.together():
            if self._statement(pair) is None:
                return False
            if not verdict.confirmed:
                self._store.pairs.add_reject(pair.id, verdict.said, verdict.reason)
            self._store.pairs.set_state(pair.id, "active" if verdict.confirmed else "rejected")
        return verdict.confirmed

    def _statement(self, pair: Pair) -> StatementPair | None:
        """The words the pair was taken from; None when it is settled, deleted or not to be learned from."""
        try:
            if self._store.pairs.get(pair.id).state != "unconfirmed" or pair.turn_id is None:
                return None
            said = self._store.chats.turn(pair.turn_id)
            replies = [turn.id for turn in self._store.chats.replies(said.id)]
            marks = [self._store.marks.latest(turn_id) for turn_id in replies]
            if not said.visible or not self._store.chats.get(said.chat_id).learn:
                return None
        except UsageError:
            # Deleted by another hand since the list was read.
            return None
        if any(mark is not None and mark.kind == "skip" for mark in marks):
            return None
        found = self._statement_pairs(said.content)
        return next(
            (each for each in found if (each.question, each.answer) == (pair.question, pair.answer)), None
        )


def asking(engine: Engine) -> Ask:
    """Asks the base model, greedily, behind every chat.

    The function raises Cancelled once its event is set, and ModelError.
    """

    def ask(messages: Messages, cancel: threading.Event) -> str:
        from assistant.engine.types import Message

        prompt = engine.prompt([Message(role, content) for role, content in messages])
        for group in engine.complete([prompt], tokens=ANSWER_TOKENS):
            if cancel.is_set():
                raise Cancelled("The statement was not confirmed.")
            if group:
                return engine.text(group[0])
        raise AssertionError("an engine ends with its answers")

    return ask
