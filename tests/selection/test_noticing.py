from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from assistant.noticing import Notice
from assistant.paths import Paths
from assistant.store.store import Store
from selection.buffer import SelectionBuffer
from selection.embedding import Embedded
from tests.selection.turns import unit, varied


@dataclass(frozen=True)
class Said:
    question: str
    answer: str


def statements(text: str) -> list[Said]:
    if "called" not in text:
        return []
    return [Said("What is my dog called?", f"Your dog is called {text.split()[-1]}.")]


class SlowEmbedder:
    """Waits for `go` before each text, so that a test decides what happens in between."""

    name = "slow"

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = threading.Event()
        self.texts: list[str] = []

    def embed(self, text: str) -> Embedded:
        self.asked.set()
        assert self.go.wait(10)
        self.texts.append(text)
        return Embedded(unit(1.0), varied(3))


@pytest.fixture
def store(tmp_path):
    with Store.open(Paths(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def buffer(store):
    return SelectionBuffer(store.db, store.paths.index)


@pytest.fixture
def embedder():
    embedder = SlowEmbedder()
    embedder.go.set()
    yield embedder
    embedder.go.set()


def exchange(
    store, prompt: str, answer: str = "Good to know.", *, state: str = "done", chat_id: int | None = None
):
    chat_id = chat_id or store.chats.create("talk").id
    user = store.chats.add_turn(chat_id, "user", prompt)
    reply = store.chats.begin_reply(chat_id, reply_to=user.id, model="m", adapters=())
    return user, store.chats.finish_reply(reply.id, answer, state=state, tokens=3, tokens_per_s=1.0)


def test_finished_turn_is_kept_and_its_statement_becomes_a_pair(store, buffer, embedder):
    decisions = []
    notice = Notice(store, lambda: embedder, buffer, statement_pairs=statements, on_decision=decisions.append)
    user, reply = exchange(store, "my dog is called Biscuit")
    notice.after_turn(user, reply)
    assert notice.close()
    assert embedder.texts == ["my dog is called Biscuit\nGood to know."]
    assert [item.turn_id for item in buffer.items()] == [reply.id]
    (pair,) = store.pairs.list()
    assert (pair.answer, pair.source, pair.turn_id) == ("Your dog is called Biscuit.", "statement", user.id)
    assert [decision.action for decision in decisions] == ["keep"]
    assert store.paths.index.exists()


def test_a_statement_waits_to_be_confirmed_where_someone_does(store, buffer, embedder):
    told = []
    notice = Notice(
        store, lambda: embedder, buffer, statement_pairs=statements, confirm=lambda: told.append(1)
    )
    notice.after_turn(*exchange(store, "my dog is called Biscuit"))
    notice.after_turn(*exchange(store, "hello"))
    assert notice.close()
    (pair,) = store.pairs.list(None)
    assert (pair.state, pair.source) == ("unconfirmed", "statement")
    assert len(told) == 2, "also after a turn without a statement: some may be left from the last session"


def test_embedder_is_loaded_by_the_first_turn_in_the_background(store, buffer, embedder):
    loaded_in = []

    def load():
        loaded_in.append(threading.current_thread())
        return embedder

    notice = Notice(store, load, buffer)
    assert loaded_in == []
    for prompt in ("one", "two"):
        notice.after_turn(*exchange(store, prompt))
    assert notice.close()
    assert len(loaded_in) == 1 and loaded_in[0] is not threading.main_thread()


def test_skip_wins_over_a_turn_that_is_just_being_looked_at(store, buffer, embedder):
    embedder.go.clear()
    notice = Notice(store, lambda: embedder, buffer, statement_pairs=statements)
    user, reply = exchange(store, "my dog is called Biscuit")
    notice.after_turn(user, reply)
    assert embedder.asked.wait(10)
    notice.on_skip(reply.id)
    embedder.go.set()
    assert notice.close()
    assert buffer.items() == [] and store.pairs.list() == []


def test_skip_taken_back_looks_at_the_turn_again(store, buffer, embedder):
    notice = Notice(store, lambda: embedder, buffer, statement_pairs=statements)
    user, reply = exchange(store, "my dog is called Biscuit")
    notice.after_turn(user, reply)
    notice.on_skip(reply.id)
    notice.on_unskip(reply.id)
    assert notice.close()
    assert [item.turn_id for item in buffer.items()] == [reply.id]
    assert [pair.state for pair in store.pairs.list()] == ["active"]


def test_chat_deleted_meanwhile_leaves_nothing(store, buffer, embedder):
    embedder.go.clear()
    notice = Notice(store, lambda: embedder, buffer)
    user, reply = exchange(store, "a secret dog")
    notice.after_turn(user, reply)
    assert embedder.asked.wait(10)
    store.chats.delete(user.chat_id)
    embedder.go.set()
    assert notice.close()
    assert buffer.items() == [] and buffer.why(reply.id) == []


def test_deleting_a_chat_deletes_its_kept_turns(store, buffer, embedder):
    notice = Notice(store, lambda: embedder, buffer)
    user, reply = exchange(store, "a secret dog")
    notice.after_turn(user, reply)
    assert notice.close()
    store.chats.delete(user.chat_id)
    assert buffer.items() == []
    assert b"secret" not in store.paths.database.read_bytes()
    assert not store.paths.index.exists()


def test_private_chat_is_not_looked_at(store, buffer, embedder):
    notice = Notice(store, lambda: embedder, buffer, statement_pairs=statements)
    chat = store.chats.create("private", learn=False)
    notice.after_turn(*exchange(store, "my dog is called Biscuit", chat_id=chat.id))
    assert notice.close()
    assert buffer.items() == [] and store.pairs.list() == [] and embedder.texts == []


def test_stopped_reply_is_not_kept_but_the_statement_counts(store, buffer, embedder):
    notice = Notice(store, lambda: embedder, buffer, statement_pairs=statements)
    notice.after_turn(*exchange(store, "my dog is called Biscuit", "Goo", state="stopped"))
    assert notice.close()
    assert buffer.items() == [] and len(store.pairs.list()) == 1


def test_failing_embedder_is_logged_without_text_and_tried_once(store, buffer, caplog):
    tries = []

    def load():
        tries.append(1)
        raise ValueError("cannot read swordfish")

    notice = Notice(store, load, buffer, statement_pairs=statements)
    with caplog.at_level(logging.DEBUG):
        for prompt in ("my dog is called Swordfish", "again swordfish"):
            notice.after_turn(*exchange(store, prompt))
        assert notice.close()
    assert len(tries) == 1
    assert "ValueError" in caplog.text and "swordfish" not in caplog.text.casefold()
    assert len(store.pairs.list()) == 1


def test_close_stops_waiting_after_a_while_and_later_turns_are_ignored(store, buffer, embedder):
    embedder.go.clear()
    notice = Notice(store, lambda: embedder, buffer)
    notice.after_turn(*exchange(store, "one"))
    assert embedder.asked.wait(10)
    assert not notice.close(0.05)
    notice.after_turn(*exchange(store, "two"))
    embedder.go.set()
    assert notice.close(10)
    assert len(embedder.texts) == 1


def test_kept_turns_follow_a_change_of_embedding_model(store, buffer, embedder):
    class Narrow:
        name = "narrow"

        def embed(self, text: str) -> Embedded:
            return Embedded(np.eye(3, dtype=np.float32)[0], varied(2))

    for model in (embedder, Narrow()):
        notice = Notice(store, lambda model=model: model, buffer)
        notice.after_turn(*exchange(store, "a dog"))
        assert notice.close()
    assert [item.embedder for item in buffer.items()] == ["narrow", "narrow"]
