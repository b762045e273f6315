"""Versions of a place in a chat: which path is shown, what a deletion closes, and what a fork copies."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from assistant.errors import UsageError
from assistant.paths import Paths
from assistant.store import Store
from assistant.store.migrations import MIGRATIONS


def say(store: Store, chat_id: int, prompt: str, reply: str) -> tuple[int, int]:
    asked = store.chats.add_turn(chat_id, "user", prompt)
    told = store.chats.add_turn(chat_id, "assistant", reply, reply_to=asked.id)
    return asked.id, told.id


def again(store: Store, chat_id: int, asked: int, reply: str) -> int:
    """Another answer to a message."""
    with store.together():
        store.branches.cut(chat_id, asked)
        return store.chats.add_turn(chat_id, "assistant", reply, reply_to=asked).id


def shown(store: Store, chat_id: int) -> list[str]:
    turns = store.chats.turns(chat_id)
    assert [turn.id for turn in turns] == store.branches.path(chat_id)
    # Each turn comes after the one before it.
    assert [turn.parent for turn in turns[1:]] == [turn.id for turn in turns[:-1]]
    return [turn.content for turn in turns]


@pytest.fixture
def chat_id(store: Store) -> int:
    return store.chats.create("Branches").id


def test_turns_follow_each_other(store: Store, chat_id: int) -> None:
    say(store, chat_id, "p1", "a1")
    say(store, chat_id, "p2", "a2")
    assert shown(store, chat_id) == ["p1", "a1", "p2", "a2"]
    assert store.branches.versions(chat_id) == {}


def test_another_answer_hides_the_first_with_what_followed_it(store: Store, chat_id: int) -> None:
    asked, first = say(store, chat_id, "p1", "a1")
    say(store, chat_id, "p2", "a2")
    second = again(store, chat_id, asked, "b1")
    assert shown(store, chat_id) == ["p1", "b1"]
    assert store.branches.versions(chat_id) == {second: (first, second)}
    assert store.chats.get(chat_id).turns == 2
    store.branches.choose(first)
    assert shown(store, chat_id) == ["p1", "a1", "p2", "a2"]
    assert store.chats.turn(second).visible is False


def test_the_first_message_can_have_versions_too(store: Store, chat_id: int) -> None:
    first, _ = say(store, chat_id, "p1", "a1")
    store.branches.cut(chat_id, None)
    second, _ = say(store, chat_id, "q1", "b1")
    assert shown(store, chat_id) == ["q1", "b1"]
    assert store.branches.versions(chat_id) == {second: (first, second)}


def test_going_back_finds_the_path_as_it_was_left(store: Store, chat_id: int) -> None:
    asked, _ = say(store, chat_id, "p1", "a1")
    inner, older = say(store, chat_id, "p2", "a2")
    again(store, chat_id, inner, "b2")
    store.branches.choose(older)
    other = again(store, chat_id, asked, "b1")
    store.branches.choose(older)
    assert shown(store, chat_id) == ["p1", "a1", "p2", "a2"]
    store.branches.choose(other)
    store.branches.choose(store.branches.versions(chat_id)[other][0])
    assert shown(store, chat_id) == ["p1", "a1", "p2", "a2"]


def test_deleting_the_only_version_closes_the_gap(store: Store, chat_id: int) -> None:
    asked, _ = say(store, chat_id, "p1", "a1")
    say(store, chat_id, "p2", "a2")
    going = store.branches.going_with(asked)
    assert len(going) == 2
    store.chats.delete_turns(going)
    assert shown(store, chat_id) == ["p2", "a2"]


def test_deleting_one_answer_leaves_its_message(store: Store, chat_id: int) -> None:
    _, told = say(store, chat_id, "p1", "a1")
    say(store, chat_id, "p2", "a2")
    store.chats.delete_turn(told)
    assert shown(store, chat_id) == ["p1", "p2", "a2"]


def test_deleting_one_of_two_versions_takes_what_followed_and_shows_the_other(
    store: Store, chat_id: int
) -> None:
    asked, first = say(store, chat_id, "p1", "a1")
    say(store, chat_id, "p2", "a2")
    again(store, chat_id, asked, "b1")
    store.branches.choose(first)
    going = store.branches.going_with(first)
    assert len(going) == 3
    store.chats.delete_turns(going)
    assert shown(store, chat_id) == ["p1", "b1"]
    assert store.branches.versions(chat_id) == {}


def test_a_fork_copies_the_path_and_counts_nothing_twice(store: Store, chat_id: int) -> None:
    store.chats.set_tags(chat_id, ["#Work", "two words"])
    store.chats.set_system(chat_id, "Be brief.", persona="Brief")
    _, told = say(store, chat_id, "p1", "a1")
    say(store, chat_id, "p2", "a2")
    fork = store.branches.fork(told)
    assert fork.title == "Branches (fork)"
    assert (fork.tags, fork.system, fork.persona) == (("two-words", "work"), "Be brief.", "Brief")
    assert shown(store, fork.id) == ["p1", "a1"]
    assert store.exchanges.count_after(0) == 2
    copied = store.chats.turns(fork.id)[1]
    assert store.chats.turn(copied.reply_to or 0).chat_id == fork.id
    store.chats.delete(chat_id)
    assert store.exchanges.learnable([copied.id]) == {copied.id}


def test_only_the_path_may_be_learned_from(store: Store, chat_id: int) -> None:
    asked, first = say(store, chat_id, "p1", "a1")
    second = again(store, chat_id, asked, "b1")
    assert store.exchanges.learnable([asked, first, second]) == {asked, second}
    assert [exchange.reply_id for exchange in store.exchanges.after(0, limit=9)] == [second]


def test_pairs_of_hidden_turns_wait_and_the_owners_choice_is_kept(store: Store, chat_id: int) -> None:
    _, told = say(store, chat_id, "p1", "a1")
    older = store.pairs.add("What is it?", "This.", source="added")
    kept = store.pairs.add("What is it?", "That.", source="edit", turn_id=told)
    dropped = store.pairs.add("And this?", "No.", source="edit", turn_id=told)
    store.pairs.set_state(dropped.id, "off")
    assert store.pairs.hide_of([told]) == 1
    assert [pair.id for pair in store.pairs.list("active")] == [older.id]
    assert store.pairs.show_of([told]) == 1
    assert [pair.id for pair in store.pairs.list("active")] == [kept.id]
    assert store.pairs.show_of([told]) == 0


def test_personas_are_found_without_case(store: Store) -> None:
    store.personas.set("Pirate", "Talk like a pirate.")
    store.personas.set("pirate", "Arr.")
    assert [(each.name, each.prompt) for each in store.personas.list()] == [("Pirate", "Arr.")]
    store.personas.delete("PIRATE")
    with pytest.raises(UsageError, match="no persona"):
        store.personas.get("pirate")


def test_pinned_chats_come_first_and_tags_filter(store: Store) -> None:
    first, second = store.chats.create("First"), store.chats.create("Second")
    store.chats.set_pinned(first.id, True)
    assert [chat.title for chat in store.chats.list()] == ["First", "Second"]
    store.chats.set_tags(second.id, ["home"])
    assert [chat.title for chat in store.chats.list(tag="#Home")] == ["Second"]
    assert [chat.title for chat in store.chats.list(pinned=True)] == ["First"]


def test_prompts_are_the_owners_last_messages(store: Store, chat_id: int) -> None:
    for text in ("one", "two", "one"):
        say(store, chat_id, text, "answer")
    assert store.chats.prompts(10) == ["one", "two"]


def test_chats_of_an_older_release_become_one_path(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("assistant.store.migrations.MIGRATIONS", MIGRATIONS[:9])
        Store.open(paths).close()
    with closing(sqlite3.connect(paths.database)) as db:
        db.execute("INSERT INTO chats (title, created, updated) VALUES ('Old', '2026', '2026')")
        for role, content in (("user", "p1"), ("assistant", "a1"), ("user", "p2")):
            db.execute(
                "INSERT INTO turns (chat_id, role, content, state, created) VALUES (1, ?, ?, 'done', '2026')",
                (role, content),
            )
        db.commit()
    with Store.open(paths) as store:
        assert shown(store, 1) == ["p1", "a1", "p2"]
        assert [hit.turn_id for hit in store.chats.search("a1")] == [2]
        assert store.check() == []
