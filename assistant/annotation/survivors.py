"""The kept turns the owner may be asked about, and what is judged already. Reads the store and the buffer.

DAC'24 (figure 1) asks about what survives in the buffer, not about every turn that enters it, so that no
question is spent on a turn that is gone before it could be learned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from assistant.annotation.value import Candidate
from assistant.errors import UsageError
from assistant.store.pairs import question_key
from assistant.store.records import Turn

if TYPE_CHECKING:
    from assistant.store import Store
    from selection.records import BufferItem

JUDGED = ("fine", "bad", "corrected", "never")
# A question with one of these needs no judgement of the model's reply to it.
GIVEN_SOURCES = ("edit", "added", "good")


class Buffer(Protocol):
    """The part of the selection buffer that is needed here."""

    def items(self) -> list[BufferItem]: ...
    def is_skipped(self, turn_id: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Survivors:
    """`open` may be asked about; `judged` are the vectors of what need not be, float32 [dim], normalised.

    `asked` are the turns among `open` that the owner was asked about before, without an answer.
    """

    open: tuple[Candidate, ...]
    judged: tuple[np.ndarray, ...]
    asked: frozenset[int]


def survivors(store: Store, buffer: Buffer) -> Survivors:
    """Look at every kept turn. Nothing of a chat that is not to be learned from, or of a skipped turn."""
    outcomes: dict[int, list[str]] = defaultdict(list)
    for question in store.questions.history():
        if question.turn_id is not None:
            outcomes[question.turn_id].append(question.outcome)
    given = {question_key(pair.question) for pair in store.pairs.list() if pair.source in GIVEN_SOURCES}
    items = buffer.items()
    candidates: list[Candidate] = []
    judged: dict[int, np.ndarray] = {}
    for item in items:
        exchange = learnable_exchange(store, buffer, item.turn_id)
        if exchange is None:
            continue
        prompt, reply = exchange
        is_judged = any(outcome in JUDGED for outcome in outcomes[reply.id])
        if is_judged or store.marks.latest(reply.id) is not None or question_key(prompt.content) in given:
            judged[reply.id] = item.embedding
        else:
            candidates.append(Candidate(reply.id, item.embedding, reply.loss))
    for turn_id, vector in _remembered(store, items).items():
        judged.setdefault(turn_id, vector)
    asked = frozenset(candidate.turn_id for candidate in candidates if outcomes[candidate.turn_id])
    return Survivors(tuple(candidates), tuple(judged.values()), asked)


def learnable_exchange(store: Store, buffer: Buffer, turn_id: int) -> tuple[Turn, Turn] | None:
    """The message and the reply of a kept turn; None where nothing may or can be learned from it."""
    if buffer.is_skipped(turn_id):
        return None
    try:
        reply = store.chats.turn(turn_id)
        if reply.state != "done" or not (reply.visible and reply.content.strip()) or reply.reply_to is None:
            return None
        prompt = store.chats.turn(reply.reply_to)
        if not prompt.content.strip() or not store.chats.get(reply.chat_id).learn:
            return None
    except UsageError:
        # Deleted by another hand since the buffer was read.
        return None
    return prompt, reply


def _remembered(store: Store, items: Sequence[BufferItem]) -> dict[int, np.ndarray]:
    """Vectors of judged exchanges, also of those that have left the buffer since; of this embedder only."""
    if not items:
        return {}
    found = store.questions.vectors(items[0].embedder)
    return {turn_id: np.frombuffer(vector, dtype="<f4") for turn_id, vector in found.items()}
