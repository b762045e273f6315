"""Changing a pair before it is learned."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.errors import UsageError
from assistant.marks import apply_mark, undo_mark
from assistant.pair_edits import edit_pair
from assistant.paths import Paths
from assistant.store import Scope, Store


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    with Store.open(paths) as opened:
        yield opened


def test_another_answer_replaces_the_pair(store: Store) -> None:
    pair = store.pairs.add("My dog?", "Rex.", source="statement")
    edited = edit_pair(store, pair.id, "My dog?", "Biscuit.")
    assert [each.answer for each in store.pairs.list("active")] == ["Biscuit."]
    assert store.pairs.get(pair.id).superseded_by == edited.id


def test_another_question_switches_the_pair_off(store: Store) -> None:
    pair = store.pairs.add("Dog?", "Rex.", source="statement")
    edit_pair(store, pair.id, "What is my dog called?", "Rex.")
    assert [each.question for each in store.pairs.list("active")] == ["What is my dog called?"]
    assert store.pairs.get(pair.id).state == "off"


def test_changing_a_correction_is_a_mark_that_can_be_undone(store: Store) -> None:
    chat = store.chats.create("Dog")
    question = store.chats.add_turn(chat.id, "user", "My dog?")
    reply = store.chats.add_turn(chat.id, "assistant", "Who knows.", reply_to=question.id)
    pair_id = apply_mark(store, reply.id, "edit", "Rex.").pair_id
    assert pair_id is not None
    edit_pair(store, pair_id, "My dog?", "Biscuit.")
    assert [each.answer for each in store.pairs.list("active")] == ["Biscuit."]
    undo_mark(store, chat.id)
    assert [each.answer for each in store.pairs.list("active")] == ["Rex."]


def test_an_edited_pair_is_forgotten_with_the_turn_it_came_from(store: Store) -> None:
    chat = store.chats.create("Dog")
    said = store.chats.add_turn(chat.id, "user", "My dog is Rex.")
    pair = store.pairs.add("My dog?", "Rex.", source="statement", turn_id=said.id)
    edit_pair(store, pair.id, "What is my dog called?", "Biscuit.")
    assert store.forgettings.preview(Scope(turns=(said.id,))).pairs == 2


def test_no_change_does_nothing_and_empty_words_are_refused(store: Store) -> None:
    pair = store.pairs.add("My dog?", "Rex.", source="statement")
    assert edit_pair(store, pair.id, " my DOG? ", "Rex. ") == pair
    with pytest.raises(UsageError):
        edit_pair(store, pair.id, "My dog?", " ")
