"""Statements wait until the model has read them; what it does not confirm is shown, never learned."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.confirming import Confirming, Messages
from assistant.errors import Cancelled, ModelError
from assistant.learning import Learner
from assistant.marks import apply_mark, undo_mark
from assistant.paths import Paths
from assistant.services import open_services
from assistant.settings import Settings
from assistant.store import Pair, Store, Turn
from synthesis.statements import statement_pairs
from synthesis.verify import confirm
from tests.doubles import ScriptedEngine

NEVER = threading.Event()


class ScriptedModel:
    """Says `said`; with `hold` it waits for `go` (or for the end of its work) before each answer."""

    def __init__(self, said: str = "Your dog is called Biscuit.", *, hold: bool = False) -> None:
        self.said = said
        self.asked = threading.Event()
        self.go = threading.Event()
        self.questions: list[str] = []
        if not hold:
            self.go.set()

    def __call__(self, messages: Messages, cancel: threading.Event) -> str:
        self.questions.append(messages[-1][1])
        self.asked.set()
        while not self.go.wait(0.01):
            if cancel.is_set():
                raise Cancelled("enough")
        return self.said


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Paths(tmp_path / "home")) as opened:
        yield opened


Open = Callable[[ScriptedModel], Confirming]


@pytest.fixture
def confirming(store: Store) -> Iterator[Open]:
    opened: list[Confirming] = []

    def start(model: ScriptedModel) -> Confirming:
        opened.append(Confirming(store, model, confirm=confirm, statement_pairs=statement_pairs))
        return opened[-1]

    yield start
    for each in opened:
        each.close(10)


def state(store: Store, said: str, *, learn: bool = True) -> tuple[Pair, Turn]:
    """Say something in a chat of its own; returns the pair that waits and the reply."""
    chat = store.chats.create("talk", learn=learn)
    asked = store.chats.add_turn(chat.id, "user", said)
    reply = store.chats.add_turn(chat.id, "assistant", "Good to know.", reply_to=asked.id)
    (found,) = statement_pairs(said)
    pair = store.pairs.add(
        found.question, found.answer, source="statement", turn_id=asked.id, state="unconfirmed"
    )
    return pair, reply


def settle(confirming: Confirming) -> int:
    return confirming.settle(NEVER)


def test_a_statement_the_model_reads_so_becomes_active(store: Store, confirming: Open) -> None:
    pair, _ = state(store, "My dog is called Biscuit.")
    model = ScriptedModel()
    assert settle(confirming(model)) == 1
    assert store.pairs.get(pair.id).state == "active"
    assert model.questions == ["What is my dog called?"] and store.pairs.rejects(pair.id) == {}


def test_one_it_does_not_read_so_is_rejected_with_the_reason_and_never_asked_again(
    store: Store, confirming: Open
) -> None:
    pair, _ = state(store, "My dog is called Biscuit.")
    model = ScriptedModel("Your dog is called Otto.")
    worker = confirming(model)
    assert settle(worker) == 0
    assert store.pairs.get(pair.id).state == "rejected"
    assert store.pairs.rejects(pair.id) == {"not confirmed by the model": 1}
    asked = len(model.questions)
    settle(worker)
    assert len(model.questions) == asked


def test_the_owner_can_switch_a_rejected_statement_on(store: Store, confirming: Open) -> None:
    pair, _ = state(store, "My dog is called Biscuit.")
    settle(confirming(ScriptedModel("Otto.")))
    assert store.pairs.set_state(pair.id, "active").state == "active"


def test_only_a_confirmed_statement_replaces_an_older_answer(store: Store, confirming: Open) -> None:
    old = store.pairs.add("What is my dog called?", "Rex.", source="added")
    pair, _ = state(store, "My dog is called Biscuit.")
    assert store.pairs.get(old.id).state == "active"
    settle(confirming(ScriptedModel()))
    assert store.pairs.get(old.id).superseded_by == pair.id


def test_waking_returns_at_once_and_the_work_is_done_in_the_background(
    store: Store, confirming: Open
) -> None:
    pair, _ = state(store, "My dog is called Biscuit.")
    model = ScriptedModel(hold=True)
    worker = confirming(model)
    worker.wake()
    assert model.asked.wait(10)
    assert store.pairs.get(pair.id).state == "unconfirmed"
    model.go.set()
    assert settle(worker) == 0, "the learning run waits for the question under way and does not repeat it"
    assert store.pairs.get(pair.id).state == "active" and len(model.questions) == 1


def test_closing_ends_a_question_in_the_middle_and_it_is_asked_next_time(
    store: Store, confirming: Open
) -> None:
    pair, _ = state(store, "My dog is called Biscuit.")
    model = ScriptedModel(hold=True)
    first = confirming(model)
    first.wake()
    assert model.asked.wait(10)
    assert first.close(10)
    first.wake()
    assert store.pairs.get(pair.id).state == "unconfirmed"
    assert settle(confirming(ScriptedModel())) == 1
    assert store.pairs.get(pair.id).state == "active"


def test_a_statement_that_must_not_be_learned_is_not_asked_about(store: Store, confirming: Open) -> None:
    private, _ = state(store, "My dog is called Biscuit.", learn=False)
    skipped, reply = state(store, "I live in Porto.")
    apply_mark(store, reply.id, "skip")
    model = ScriptedModel()
    assert settle(confirming(model)) == 0 and model.questions == []
    assert {store.pairs.get(pair.id).state for pair in (private, skipped)} == {"unconfirmed"}


def test_a_mark_made_while_the_model_is_asked_wins_and_can_be_taken_back(
    store: Store, confirming: Open
) -> None:
    pair, reply = state(store, "My dog is called Biscuit.")
    model = ScriptedModel(hold=True)
    worker = confirming(model)
    worker.wake()
    assert model.asked.wait(10)
    apply_mark(store, reply.id, "skip")
    model.go.set()
    settle(worker)
    assert store.pairs.get(pair.id).state == "unconfirmed"
    undo_mark(store, reply.chat_id)
    assert settle(worker) == 1


def test_a_chat_deleted_while_the_model_is_asked_leaves_nothing(store: Store, confirming: Open) -> None:
    _, reply = state(store, "My dog is called Biscuit.")
    model = ScriptedModel(hold=True)
    worker = confirming(model)
    worker.wake()
    assert model.asked.wait(10)
    store.chats.delete(reply.chat_id)
    model.go.set()
    assert settle(worker) == 0 and store.pairs.list(None) == []


def test_an_error_is_logged_without_text_and_the_others_are_still_asked(
    store: Store, confirming: Open, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = state(store, "My dog is called Swordfish.")
    second, _ = state(store, "My cat is called Biscuit.")

    class Failing(ScriptedModel):
        def __call__(self, messages: Messages, cancel: threading.Event) -> str:
            said = super().__call__(messages, cancel)
            if "dog" in messages[-1][1]:
                raise ModelError("swordfish")
            done.set()
            return said

    done = threading.Event()
    worker = confirming(Failing("Your cat is called Biscuit."))
    with caplog.at_level(logging.DEBUG):
        worker.wake()
        assert done.wait(10)
        worker.close(10)
    assert [store.pairs.get(pair.id).state for pair in (first, second)] == ["unconfirmed", "active"]
    assert "ModelError" in caplog.text and "swordfish" not in caplog.text.casefold()


def test_a_learning_run_asks_about_what_waits_first(store: Store, confirming: Open) -> None:
    pair, _ = state(store, "My dog is called Biscuit.")
    worker = confirming(ScriptedModel("Otto."))
    learner = Learner(
        store, ScriptedEngine(), Settings(), store.paths, lambda texts: None, confirm=worker.settle
    )  # type: ignore[arg-type]
    messages: list[str] = []
    report = learner.learn_now(None, lambda progress: messages.append(progress.message))
    assert report.state == "nothing" and "1 of 1 statements checked" in messages
    assert store.pairs.get(pair.id).state == "rejected"


@pytest.mark.timeout(180)
def test_the_embedded_model_confirms_what_was_said_after_the_reply(tmp_path: Path) -> None:
    services = open_services(Paths(tmp_path / "home"), Settings(context_tokens=512, threads=1))
    try:
        chat = services.store.chats.create("talk")
        asked = services.store.chats.add_turn(chat.id, "user", "My tortoise is called Bertram.")
        reply = services.store.chats.add_turn(chat.id, "assistant", "Nice.", reply_to=asked.id)
        services.after_turn(asked, reply)
        services.notice.close()
        services.confirming.settle(NEVER)
        assert [(pair.answer, pair.state) for pair in services.store.pairs.list(None)] == [
            ("Your tortoise is called Bertram.", "active")
        ]
    finally:
        services.close()
