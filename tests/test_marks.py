"""Marks become pairs, and undoing a mark undoes its pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import UsageError
from assistant.marks import apply_mark, pairs_waiting, undo_mark
from assistant.paths import Paths
from assistant.store import Store, Turn


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Paths(tmp_path / "home")) as opened:
        yield opened


def answer(store: Store, question: str = "Who am I?", text: str = "I don't know.") -> Turn:
    chat = store.chats.create("chat")
    asked = store.chats.add_turn(chat.id, "user", question)
    return store.chats.add_turn(chat.id, "assistant", text, reply_to=asked.id)


def active(store: Store) -> list[tuple[str, str, str]]:
    return [(pair.question, pair.answer, pair.source) for pair in store.pairs.list("active")]


def test_good_keeps_the_answer_at_half_weight(store: Store) -> None:
    result = apply_mark(store, answer(store).id, "good")
    (pair,) = store.pairs.list("active")
    assert (pair.id, pair.answer, pair.weight) == (result.pair_id, "I don't know.", 0.5)
    assert "1 pair waits" in result.message


def test_edit_makes_a_pair_of_question_and_correction(store: Store) -> None:
    result = apply_mark(store, answer(store).id, "edit", " You are Ada. ")
    assert active(store) == [("Who am I?", "You are Ada.", "edit")]
    assert "Kept as a correction: 1 pair waits" in result.message


def test_a_second_edit_replaces_the_first(store: Store) -> None:
    turn = answer(store)
    apply_mark(store, turn.id, "edit", "You are Ada.")
    apply_mark(store, turn.id, "edit", "You are Grace.")
    assert active(store) == [("Who am I?", "You are Grace.", "edit")]
    undo_mark(store, turn.chat_id)
    assert active(store) == [("Who am I?", "You are Ada.", "edit")]


def test_bad_takes_the_pair_of_the_answer_out_of_force(store: Store) -> None:
    turn = answer(store)
    apply_mark(store, turn.id, "good")
    result = apply_mark(store, turn.id, "bad")
    assert active(store) == []
    assert "Press e" in result.message


def test_skip_also_covers_statements_of_the_exchange_and_undo_restores_them(store: Store) -> None:
    turn = answer(store, "My dog is called Biscuit.", "Nice name.")
    store.pairs.add(
        "What is my dog called?", "Your dog is called Biscuit.", source="statement", turn_id=turn.reply_to
    )
    dropped: list[int] = []
    apply_mark(store, turn.id, "skip", on_skip=dropped.append)
    assert active(store) == []
    assert dropped == [turn.id]
    undo_mark(store, turn.chat_id)
    assert len(active(store)) == 1


def test_undo_of_everything_leaves_nothing(store: Store) -> None:
    turn = answer(store)
    for kind in ("good", "bad", "skip"):
        apply_mark(store, turn.id, kind)
    for _ in range(3):
        assert "Took back" in undo_mark(store, turn.chat_id).message
    assert active(store) == []
    assert undo_mark(store, turn.chat_id).message == "Nothing to undo: no mark in this chat."


def test_undo_brings_back_an_answer_that_another_chat_had_taught(store: Store) -> None:
    apply_mark(store, answer(store).id, "edit", "You are Ada.")
    later = answer(store)
    apply_mark(store, later.id, "edit", "You are Grace.")
    assert active(store) == [("Who am I?", "You are Grace.", "edit")]
    undo_mark(store, later.chat_id)
    assert active(store) == [("Who am I?", "You are Ada.", "edit")]


def test_the_count_of_waiting_pairs_can_come_from_the_learner(store: Store) -> None:
    result = apply_mark(store, answer(store).id, "edit", "You are Ada.", waiting=lambda: 3)
    assert "3 pairs wait" in result.message
    assert pairs_waiting(store) == 1


@pytest.mark.parametrize(("kind", "text"), [("edit", None), ("edit", "  "), ("great", None)])
def test_marks_that_make_no_sense_are_refused(store: Store, kind: str, text: str | None) -> None:
    with pytest.raises(UsageError):
        apply_mark(store, answer(store).id, kind, text)


def test_only_answers_can_be_marked(store: Store) -> None:
    turn = answer(store)
    assert turn.reply_to is not None
    with pytest.raises(UsageError):
        apply_mark(store, turn.reply_to, "good")
