"""A chat with its saving: what is on disk when, what the model sees, and what survives a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.conversation import Conversation, title_from
from assistant.errors import ModelError, UsageError
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store, Turn
from tests.doubles import ScriptedEngine


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Paths(tmp_path / "home")) as opened:
        yield opened


def test_send_saves_both_turns_and_names_the_chat(store: Store) -> None:
    conversation = Conversation(store, ScriptedEngine(["Fine, thanks."]), Settings())
    pieces: list[str] = []
    turn = conversation.send("How are you?\nReally?", pieces.append)
    assert "".join(pieces) == turn.content == "Fine, thanks."
    assert (turn.state, turn.tokens_per_s, turn.model) == ("done", 42.0, "scripted-model")
    assert store.chats.get(turn.chat_id).title == "How are you?"
    assert [saved.role for saved in conversation.turns()] == ["user", "assistant"]


def test_the_message_is_saved_before_the_reply_starts(store: Store) -> None:
    seen: list[str] = []

    class Looking(ScriptedEngine):
        def chat(self, *args, **kwargs):
            seen.extend(turn.content for turn in store.chats.turns(store.chats.list()[0].id))
            return super().chat(*args, **kwargs)

    Conversation(store, Looking(), Settings()).send("remember me")
    assert seen[0] == "remember me"


def test_the_model_gets_the_system_prompt_and_the_whole_chat(store: Store) -> None:
    engine = ScriptedEngine(["one", "two"])
    conversation = Conversation(store, engine, Settings(system_prompt="Be brief.", seed=7))
    conversation.send("first")
    conversation.send("second")
    assert [(message.role, message.content) for message in engine.seen[-1]] == [
        ("system", "Be brief."),
        ("user", "first"),
        ("assistant", "one"),
        ("user", "second"),
    ]
    assert engine.samplings[-1].seed == 7


def test_cancel_keeps_the_partial_reply_as_stopped(store: Store) -> None:
    engine = ScriptedEngine(["one two three"], hold_after=1)
    cancel = threading.Event()
    turn = Conversation(store, engine, Settings()).send("count", lambda _: cancel.set(), cancel)
    assert (turn.content, turn.state) == ("one", "stopped")


def test_an_engine_error_keeps_the_message_and_what_was_streamed(store: Store) -> None:
    engine = ScriptedEngine(["one two three"], hold_after=1, error=ModelError("Out of memory."))
    engine.release.set()
    conversation = Conversation(store, engine, Settings())
    with pytest.raises(ModelError):
        conversation.send("count")
    assert [(turn.content, turn.state) for turn in conversation.turns()] == [
        ("count", "done"),
        ("one", "lost"),
    ]


def test_an_error_before_the_first_word_leaves_no_empty_reply(store: Store) -> None:
    conversation = Conversation(store, ScriptedEngine(error=ModelError("No model.")), Settings())
    with pytest.raises(ModelError):
        conversation.send("hi")
    assert [turn.role for turn in conversation.turns()] == ["user"]


def test_messages_without_an_answer_are_joined_for_the_model(store: Store) -> None:
    engine = ScriptedEngine()
    conversation = Conversation(store, engine, Settings(system_prompt=""))
    conversation.add_message("one")
    conversation.send("two")
    assert [message.content for message in engine.seen[-1]] == ["one\n\ntwo"]


def test_finished_turns_are_handed_on_and_stopped_ones_are_not(store: Store) -> None:
    handed: list[tuple[Turn, Turn]] = []
    cancel = threading.Event()
    conversation = Conversation(
        store, ScriptedEngine(), Settings(), after_turn=lambda user, reply: handed.append((user, reply))
    )
    conversation.send("hi")
    cancel.set()
    conversation.send("again", None, cancel)
    assert [(user.content, reply.content) for user, reply in handed] == [("hi", "Hello there.")]


def test_a_chat_that_must_not_be_learned_from_is_not_handed_on(store: Store) -> None:
    handed: list[object] = []
    chat = store.chats.create("private", learn=False)
    Conversation(
        store, ScriptedEngine(), Settings(), chat.id, after_turn=lambda *turns: handed.append(turns)
    ).send("hi")
    assert handed == []


def test_without_remembering_nothing_is_written_but_the_chat_goes_on(store: Store) -> None:
    engine = ScriptedEngine(["one", "two"])
    conversation = Conversation(store, engine, Settings(remember_chats=False))
    conversation.send("first")
    turn = conversation.send("second")
    assert turn.id < 0
    assert [message.content for message in engine.seen[-1]][1:] == ["first", "one", "second"]
    assert store.chats.list() == []


def test_an_empty_message_is_refused(store: Store) -> None:
    with pytest.raises(UsageError):
        Conversation(store, ScriptedEngine(), Settings()).send("  \n")


@pytest.mark.parametrize(
    ("text", "title"),
    [("  Hi\nthere", "Hi"), ("word " * 20, "word word word word word word word…"), ("", "")],
)
def test_a_title_is_the_first_line_cut_at_a_word(text: str, title: str) -> None:
    assert title_from(text) == title


KILLED = """
import sys, time
from pathlib import Path
from assistant.conversation import Conversation
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store
from tests.doubles import ScriptedEngine

def tell(piece):
    sys.stdout.write(f"{time.time()} {piece.strip()}\\n")
    sys.stdout.flush()

store = Store.open(Paths(Path(sys.argv[1])))
words = " ".join(f"word{n}" for n in range(500))
Conversation(store, ScriptedEngine([words], delay_s=0.02), Settings()).send("count for me", tell)
"""


def test_a_kill_in_the_middle_of_a_reply_loses_at_most_the_last_second(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "home")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    told = [process.stdout.readline().split() for _ in range(100)]
    process.send_signal(signal.SIGKILL)
    killed = time.time()
    told += [line.split() for line in process.stdout if len(line.split()) == 2]
    process.stdout.close()
    process.wait()
    old_enough = [word for at, word in told if float(at) < killed - 1.0]
    assert old_enough

    with Store.open(Paths(tmp_path / "home")) as store:
        user, reply = store.chats.turns(store.chats.list()[0].id)
    assert user.content == "count for me"
    assert reply.state == "stopped"
    assert reply.content.split()[: len(old_enough)] == old_enough
