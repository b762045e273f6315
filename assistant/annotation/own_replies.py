"""Pairs from the assistant's own replies that the buffer kept and nobody complained about. Off by default.

Such a reply says nothing the model did not know, so at best it keeps the model as it is and at worst it
repeats a mistake; and silence is no praise. That is why it weighs a quarter, why any word of the owner
outranks it, and why it takes the setting `learn_from_own_replies`. A reply the owner called good is no longer
one of these: it became a pair at half weight. Replies of imported chats are not the assistant's own.
"""

from __future__ import annotations

import threading

from assistant.annotation.survivors import JUDGED, Buffer, learnable_exchange
from assistant.store.pairs import question_key
from assistant.store.records import Pair, Turn
from assistant.store.store import Store

SOURCE = "own"
OWN_WEIGHT = 0.25
"""Half of what a praised answer weighs, a quarter of one the owner wrote."""


class OwnReplies:
    """Keeps the pairs of source "own" in step with the buffer and the marks."""

    def __init__(self, store: Store, buffer: Buffer, *, is_allowed: bool) -> None:
        self._store = store
        self._buffer = buffer
        self._is_allowed = is_allowed
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Add the pairs of kept replies without a complaint, and take away those that are no longer wanted.

        A pair the owner switched off stays off. Raises StoreError.
        """
        with self._lock:
            if not self._is_allowed and not self._own(self._store.pairs.list(None)):
                return
            # Read before the transaction: the buffer looks through a connection of its own.
            kept = [item.turn_id for item in self._buffer.items()] if self._is_allowed else []
            exchanges = [learnable_exchange(self._store, self._buffer, turn_id) for turn_id in reversed(kept)]
            # Together, so that a mark made meanwhile comes either before this look or after these pairs.
            with self._store.together():
                self._settle([exchange for exchange in exchanges if exchange and _is_own(exchange[1])])

    def _settle(self, exchanges: list[tuple[Turn, Turn]]) -> None:
        pairs = self._store.pairs.list(None)
        own = self._own(pairs)
        refused = {
            question.turn_id for question in self._store.questions.history() if question.outcome in JUDGED
        }
        # Whatever the owner gave, or switched off, for a question outranks the model's reply to it.
        taken = {
            question_key(pair.question) for pair in pairs if pair.source != SOURCE or pair.state == "off"
        }
        wanted: dict[int, tuple[Turn, Turn]] = {}
        for prompt, reply in exchanges:
            key = question_key(prompt.content)
            if key in taken or reply.id in refused or self._store.marks.latest(reply.id) is not None:
                continue
            taken.add(key)
            wanted[reply.id] = (prompt, reply)
        known = {pair.turn_id for pair in own}
        self._store.pairs.discard(
            pair.id for pair in own if pair.turn_id not in wanted and pair.state != "off"
        )
        for turn_id, (prompt, reply) in wanted.items():
            if turn_id not in known and not self._store.pairs.contradicted(prompt.content, reply.content):
                self._store.pairs.add(
                    prompt.content, reply.content, source=SOURCE, turn_id=turn_id, weight=OWN_WEIGHT
                )

    @staticmethod
    def _own(pairs: list[Pair]) -> list[Pair]:
        return [pair for pair in pairs if pair.source == SOURCE]


def _is_own(reply: Turn) -> bool:
    """Whether a model wrote it here; an imported reply names none, and may be anyone's."""
    return reply.model is not None
