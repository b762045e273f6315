"""After each finished turn: what it says about its owner, and whether it is worth keeping.

Wires the store, `selection/` and statement detection together on one worker thread, so that the chat never
waits. The embedding model is loaded by the first turn. Knows nothing of the screen, the model or tuning.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.errors import UsageError
from assistant.store.records import Turn
from assistant.store.store import Store
from selection.buffer import SelectionBuffer
from selection.embedding import Embedder
from selection.records import Candidate, Decision

_log = logging.getLogger(__name__)


class Statement(Protocol):
    """A question and the answer that something the owner said gives to it."""

    @property
    def question(self) -> str: ...

    @property
    def answer(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Exchange:
    user: Turn
    reply: Turn


class Notice:
    """Looks at finished turns, one at a time, in the background.

    Nothing here may disturb a chat: errors of the worker are logged by type and turn number, never with text.
    A chat whose `learn` is off is not looked at, nor is a version that is not shown.

    Args:
        load_embedder: called once, by the worker, when the first turn comes.
        statement_pairs: finds what a user's text states, e.g. `synthesis.statement_pairs`.
        confirm: is told when statements wait to be confirmed, and returns at once; without it they count as
            soon as they are found.
    """

    def __init__(
        self,
        store: Store,
        load_embedder: Callable[[], Embedder],
        buffer: SelectionBuffer,
        *,
        statement_pairs: Callable[[str], Sequence[Statement]] | None = None,
        confirm: Callable[[], None] | None = None,
        on_decision: Callable[[Decision], None] | None = None,
    ) -> None:
        self._store = store
        self._load_embedder = load_embedder
        self._buffer = buffer
        self._statement_pairs = statement_pairs
        self._confirm = confirm
        self._on_decision = on_decision
        self._embedder: Embedder | None = None
        self._embedder_failed = False
        self._jobs: queue.SimpleQueue[_Exchange | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._closed = False
        # Held while a turn's traces are written or taken away, so that a skip never falls in between.
        self._lock = threading.Lock()

    def after_turn(self, user_turn: Turn, reply_turn: Turn) -> None:
        """Queue a finished exchange; returns at once. Without effect after `close`."""
        with self._lock:
            if self._closed:
                return
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="noticing", daemon=True)
                self._worker.start()
            self._jobs.put(_Exchange(user_turn, reply_turn))

    def on_skip(self, turn_id: int) -> None:
        """The owner does not want this exchange learned: drop it for good, its statements too.

        Done when this returns, also for an exchange that still waits in the queue. `turn_id` is the reply
        or the prompt.
        """
        with self._lock:
            for related in self._exchange_of(turn_id):
                self._buffer.remove(related)
                for pair in self._store.pairs.for_turn(related):
                    if pair.source == "statement" and pair.state == "active":
                        self._store.pairs.take_back(pair.id)

    def on_unskip(self, turn_id: int) -> None:
        """The owner took `on_skip` back: look at the exchange again and let its statements count."""
        with self._lock:
            related = self._exchange_of(turn_id)
            for each in related:
                self._buffer.allow(each)
                for pair in self._store.pairs.for_turn(each):
                    if pair.source == "statement" and pair.state == "off":
                        self._store.pairs.set_state(pair.id, "active")
            turns = [self._store.chats.turn(each) for each in related]
        replies = [turn for turn in turns if turn.role == "assistant"]
        prompts = [turn for turn in turns if turn.role == "user"]
        if prompts and replies:
            self.after_turn(prompts[0], replies[-1])

    def close(self, wait_s: float | None = None) -> bool:
        """Finish what is queued and stop; without `wait_s` however long it takes.

        Returns:
            False if turns were still waiting after `wait_s` seconds; they are not looked at.
        """
        with self._lock:
            self._closed = True
            worker = self._worker
        if worker is None:
            return True
        self._jobs.put(None)
        worker.join(wait_s)
        return not worker.is_alive()

    def _work(self) -> None:
        while (exchange := self._jobs.get()) is not None:
            for look in (self._note_statements, self._consider):
                try:
                    look(exchange)
                # The outermost edge of a thread that must outlive whatever a single turn causes. The
                # error's own message is left out because it may quote the turn.
                except Exception as error:
                    _log.warning(
                        "%s failed for turn %d: %s",
                        look.__name__.strip("_"),
                        exchange.reply.id,
                        type(error).__name__,
                    )
        self._save_index()

    def _note_statements(self, exchange: _Exchange) -> None:
        if self._statement_pairs is None:
            return
        found = self._statement_pairs(exchange.user.content)
        with self._lock:
            if not self._may_learn(exchange.user, exchange.reply):
                return
            # Another version of the answer brings the message again, but no news of its owner.
            known = {(pair.question, pair.answer) for pair in self._store.pairs.for_turn(exchange.user.id)}
            for statement in found:
                if (statement.question, statement.answer) in known:
                    continue
                self._store.pairs.add(
                    statement.question,
                    statement.answer,
                    source="statement",
                    turn_id=exchange.user.id,
                    state="unconfirmed" if self._confirm else "active",
                )
        if self._confirm:
            # Also without a new one: some may be left from the last session.
            self._confirm()

    def _consider(self, exchange: _Exchange) -> None:
        # Half an answer is no model of a good one.
        if exchange.reply.state != "done" or not exchange.reply.content.strip():
            return
        if not self._may_learn(exchange.user, exchange.reply):
            return
        embedder = self._ready_embedder()
        if embedder is None:
            return
        text = f"{exchange.user.content}\n{exchange.reply.content}"
        vectors = embedder.embed(text)
        with self._lock:
            if not self._may_learn(exchange.user, exchange.reply):
                return
            decision = self._buffer.consider(
                Candidate(exchange.reply.id, text, vectors.sentence, vectors.tokens, embedder.name)
            )
            if not self._is_shown(exchange.reply):
                # The chat was deleted, or another version chosen, by another hand since the check above.
                self._buffer.forget([exchange.reply.id])
                return
        if self._on_decision is not None:
            self._on_decision(decision)

    def _ready_embedder(self) -> Embedder | None:
        if self._embedder is None and not self._embedder_failed:
            # Assume the worst until it is loaded: a failed load must not be tried again after every turn.
            self._embedder_failed = True
            embedder = self._load_embedder()
            with self._lock:
                if self._buffer.embedders() - {embedder.name}:
                    self._buffer.reembed(embedder)
            self._embedder = embedder
        return self._embedder

    def _may_learn(self, *turns: Turn) -> bool:
        if any(not self._is_shown(turn) or self._buffer.is_skipped(turn.id) for turn in turns):
            return False
        return self._store.chats.get(turns[0].chat_id).learn

    def _is_shown(self, turn: Turn) -> bool:
        """Whether the turn still exists, on the path that the owner sees."""
        try:
            return self._store.chats.turn(turn.id).visible
        except UsageError:
            return False

    def _exchange_of(self, turn_id: int) -> list[int]:
        """The prompt and the replies to it that a turn belongs to, as turn numbers in order."""
        turn = self._store.chats.turn(turn_id)
        prompt = turn.id if turn.role == "user" else turn.reply_to
        if prompt is None:
            return [turn_id]
        replies = [other.id for other in self._store.chats.replies(prompt)]
        return sorted({prompt, turn_id, *replies})

    def _save_index(self) -> None:
        try:
            self._buffer.flush()
        except (OSError, ValueError) as error:
            # The file is only a cache; the next start rebuilds it.
            _log.warning("the index of the buffer was not saved: %s", type(error).__name__)
