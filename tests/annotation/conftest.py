"""A real store with a real buffer; the clock is set by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from assistant.annotation.policy import Moment
from assistant.paths import Paths
from assistant.store import Store, Turn
from selection.buffer import SelectionBuffer
from selection.records import Candidate
from tests.selection.turns import unit, varied

NOON = datetime(2031, 5, 14, 12, 0, tzinfo=UTC)
PAUSE = Moment(idle_s=60, is_private=False, is_busy=False, is_typing=False)


class Clock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Paths(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def buffer(store: Store) -> SelectionBuffer:
    return SelectionBuffer(store.db, store.paths.index)


Keep = Callable[..., Turn]


@pytest.fixture
def keep(store: Store, buffer: SelectionBuffer) -> Keep:
    """Have an exchange that the buffer keeps; returns the reply."""

    def kept(
        question: str,
        answer: str = "I don't know.",
        *,
        vector: np.ndarray | None = None,
        loss: float | None = 1.0,
        chat_id: int | None = None,
    ) -> Turn:
        chat = store.chats.get(chat_id) if chat_id else store.chats.create(question)
        asked = store.chats.add_turn(chat.id, "user", question)
        begun = store.chats.begin_reply(chat.id, reply_to=asked.id, model="m")
        reply = store.chats.finish_reply(begun.id, answer, loss=loss)
        direction = unit(*np.eye(8)[reply.id % 8]) if vector is None else vector
        text = f"{question}\n{answer}"
        decision = buffer.consider(Candidate(reply.id, text, direction, varied(4), "test"))
        assert decision.action == "keep"
        return reply

    return kept
