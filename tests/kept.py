"""Exchanges that the selection buffer keeps, without a model that would have to embed them."""

from __future__ import annotations

import numpy as np

from assistant.store import Store, Turn
from selection.buffer import SelectionBuffer
from selection.records import Candidate
from tests.selection.turns import unit, varied


def keep(
    store: Store,
    buffer: SelectionBuffer,
    question: str,
    answer: str = "I don't know.",
    *,
    vector: np.ndarray | None = None,
    loss: float | None = 1.0,
) -> Turn:
    """Have an exchange in a chat of its own and let the buffer keep it; returns the reply.

    Without a `vector` up to sixteen exchanges are unlike each other. `loss` is in nats per token.
    """
    chat = store.chats.create(question)
    asked = store.chats.add_turn(chat.id, "user", question)
    begun = store.chats.begin_reply(chat.id, reply_to=asked.id, model="m")
    reply = store.chats.finish_reply(begun.id, answer, loss=loss)
    direction = unit(*[0.0] * (len(buffer.items()) % 16), 1.0) if vector is None else vector
    text = f"{question}\n{answer}"
    decision = buffer.consider(Candidate(reply.id, text, direction, varied(4), "test"))
    assert decision.action == "keep"
    return reply
