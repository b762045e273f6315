"""Versions of answers and messages, going on, private chats, and what learning sees of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assistant.conversation import Conversation
from assistant.errors import ModelError, UsageError
from assistant.marks import apply_mark
from assistant.noticing import Notice
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store, Turn
from selection.buffer import SelectionBuffer
from selection.embedding import Embedded
from tests.doubles import ScriptedEngine
from tests.selection.turns import unit, varied


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Paths(tmp_path / "home")) as opened:
        yield opened


Start = Callable[..., Conversation]


@pytest.fixture(params=["saved", "private"])
def start(request: pytest.FixtureRequest, store: Store) -> Start:
    """Opens a new conversation, of both kinds in turn: all of this works without the disk too."""

    def opened(*answers: str, **options: object) -> Conversation:
        engine = ScriptedEngine(answers, **options)  # type: ignore[arg-type]
        return Conversation(store, engine, Settings(), private=request.param == "private")

    return opened


def shown(conversation: Conversation) -> list[str]:
    return [turn.content for turn in conversation.turns()]


def test_answering_again_keeps_the_former_version(start: Start) -> None:
    conversation = start("a1", "a2", "b1")
    first = conversation.send("p1")
    conversation.send("p2")
    second = conversation.answer(conversation.turns()[0])
    assert shown(conversation) == ["p1", "b1"]
    assert conversation.versions() == {second.id: (first.id, second.id)}
    conversation.show_version(first.id)
    assert shown(conversation) == ["p1", "a1", "p2", "a2"]


def test_each_version_is_drawn_anew(start: Start) -> None:
    conversation = start("a", "b")
    conversation.send("p")
    conversation.answer(conversation.turns()[0])
    first, second = conversation._engine.samplings  # type: ignore[attr-defined]
    assert second.seed != first.seed
    assert second.temperature > 0


def test_an_edited_message_is_a_version_beside_the_former(start: Start) -> None:
    conversation = start("a1", "b1")
    conversation.send("p1")
    former = conversation.turns()[0]
    conversation.answer(conversation.edit_message(former.id, "q1"))
    assert shown(conversation) == ["q1", "b1"]
    conversation.show_version(former.id)
    assert shown(conversation) == ["p1", "a1"]
    with pytest.raises(UsageError):
        conversation.edit_message(conversation.turns()[1].id, "no message of mine")


def test_the_model_sees_only_the_path(start: Start) -> None:
    conversation = start("a1", "b1", "c1")
    conversation.send("p1")
    conversation.answer(conversation.turns()[0])
    conversation.send("p2")
    said = [message.content for message in conversation._engine.seen[-1]]  # type: ignore[attr-defined]
    assert said[1:] == ["p1", "b1", "p2"]


def test_a_stopped_answer_goes_on_where_it_ended(start: Start) -> None:
    conversation = start("one two three", "four five", hold_after=1)
    engine = conversation._engine
    cancel = threading.Event()
    stopped = conversation.send("count", lambda _: cancel.set(), cancel)
    assert (stopped.content, stopped.state) == ("one", "stopped")
    engine.release.set()  # type: ignore[attr-defined]
    pieces: list[str] = []
    grown = conversation.resume(stopped, pieces.append)
    assert (grown.id, grown.content, grown.state) == (stopped.id, "onefour five", "done")
    assert "".join(pieces) == "four five"
    assert engine.prefixes[-1] == "one"  # type: ignore[attr-defined]
    assert shown(conversation) == ["count", "onefour five"]


def test_only_the_last_unmarked_answer_goes_on(store: Store) -> None:
    conversation = Conversation(store, ScriptedEngine(["a", "b"]), Settings())
    first = conversation.send("p1")
    conversation.send("p2")
    with pytest.raises(UsageError, match="last answer"):
        conversation.resume(first)
    last = conversation.turns()[-1]
    apply_mark(store, last.id, "good")
    with pytest.raises(UsageError, match="marked"):
        conversation.resume(last)


def test_a_failed_version_leaves_the_former_one(start: Start) -> None:
    conversation = start("a1")
    conversation.send("p1")
    conversation._engine.error = ModelError("Out of memory.")  # type: ignore[attr-defined]
    with pytest.raises(ModelError):
        conversation.answer(conversation.turns()[0])
    assert shown(conversation) == ["p1", "a1"]
    assert conversation.versions() == {}


def test_deleting_a_message_takes_its_answer_and_closes_the_gap(start: Start) -> None:
    conversation = start("a1", "a2")
    conversation.send("p1")
    conversation.send("p2")
    gone = conversation.delete(conversation.turns()[0].id)
    assert gone.turns == 2
    assert shown(conversation) == ["p2", "a2"]


def test_deleting_one_of_two_versions_shows_the_other(start: Start) -> None:
    conversation = start("a1", "b1")
    conversation.send("p1")
    second = conversation.answer(conversation.turns()[0])
    conversation.delete(second.id)
    assert shown(conversation) == ["p1", "a1"]


def test_a_private_chat_leaves_no_trace(store: Store) -> None:
    handed: list[tuple[Turn, Turn]] = []
    conversation = Conversation(
        store,
        ScriptedEngine(),
        Settings(),
        private=True,
        after_turn=lambda *turns: handed.append(turns),
    )
    turn = conversation.send("my secret plan")
    assert (conversation.is_private, conversation.is_saved, turn.id < 0) == (True, False, True)
    assert store.chats.list() == []
    assert handed == []
    names = [file for file in store.paths.home.rglob("*") if file.is_file()]
    assert not any(b"secret plan" in file.read_bytes() for file in names)


def test_the_system_prompt_of_a_chat_outranks_the_settings(store: Store) -> None:
    engine = ScriptedEngine()
    conversation = Conversation(store, engine, Settings())
    conversation.set_system("Talk like a pirate.", persona="Pirate")
    conversation.send("hi")
    assert engine.seen[-1][0].content == "Talk like a pirate."
    again = Conversation(store, engine, Settings(), conversation.chat_id)
    assert (again.system, again.persona) == ("Talk like a pirate.", "Pirate")
    again.set_system(None)
    assert Conversation(store, engine, Settings(), conversation.chat_id).system == Settings().system_prompt


def test_what_the_model_did_not_see_is_counted(store: Store) -> None:
    engine = ScriptedEngine()
    engine.dropped = 2
    engine.context_tokens = 10
    conversation = Conversation(store, engine, Settings())
    for _ in range(3):
        conversation.send("long " * 60)
    # The engine's two, and what was too far away to be given to it at all.
    assert conversation.left_out == 6
    assert len(engine.seen[-1]) == 2


def test_learning_follows_the_path(store: Store) -> None:
    handed: list[tuple[str, str]] = []
    conversation = Conversation(
        store,
        ScriptedEngine(["a1", "b1"]),
        Settings(),
        after_turn=lambda asked, told: handed.append((asked.content, told.content)),
    )
    first = conversation.send("What is it?")
    apply_mark(store, first.id, "edit", "This.")
    assert len(store.pairs.list("active")) == 1
    conversation.answer(conversation.turns()[0])
    assert store.pairs.list("active") == []
    conversation.show_version(first.id)
    assert [pair.answer for pair in store.pairs.list("active")] == ["This."]
    assert handed == [("What is it?", "a1"), ("What is it?", "b1"), ("What is it?", "a1")]
    conversation.delete(first.id)
    assert store.pairs.list(None) == []
    assert shown(conversation) == ["What is it?", "b1"]


def test_the_selection_holds_only_what_is_shown(store: Store) -> None:
    buffer = SelectionBuffer(store.db, store.paths.index, allowed=store.exchanges.learnable)

    def statements(text: str) -> list[Said]:
        return [Said("What is my dog called?", "Biscuit.")] if "dog" in text else []

    def talking(act: Callable[[Conversation], object], chat_id: int | None = None) -> Conversation:
        """Act in a chat and wait until everything that is finished was looked at."""
        notice = Notice(store, Embedding, buffer, statement_pairs=statements)
        engine = ScriptedEngine([f"answer {len(store.chats.list())}"])
        conversation = Conversation(store, engine, Settings(), chat_id, after_turn=notice.after_turn)
        act(conversation)
        assert notice.close()
        return conversation

    first = talking(lambda chat: chat.send("my dog is called Biscuit"))
    asked, told = first.turns()
    assert [item.turn_id for item in buffer.items()] == [told.id]
    assert len(store.pairs.list("active")) == 1

    edited = talking(lambda chat: chat.answer(chat.edit_message(asked.id, "hello")), first.chat_id)
    assert [item.turn_id for item in buffer.items()] == [edited.turns()[-1].id]
    assert store.pairs.list("active") == []

    talking(lambda chat: chat.show_version(told.id), first.chat_id)
    assert [item.turn_id for item in buffer.items()] == [told.id]
    assert [pair.answer for pair in store.pairs.list("active")] == ["Biscuit."]


@dataclass(frozen=True)
class Said:
    question: str
    answer: str


class Embedding:
    """Gives every text the same place."""

    name = "same"

    def embed(self, text: str) -> Embedded:
        return Embedded(unit(1.0), varied(3))
