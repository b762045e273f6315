"""A correction in other words than the older one: found by the real embedding model, said, and taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from assistant.contradictions import Contradictions
from assistant.marks import apply_mark, undo_mark
from assistant.paths import Paths
from assistant.store import Pair, Store, Turn
from selection.embedding import EmbedderMissing, load_embedder

Embed = Callable[[Sequence[str]], np.ndarray]


@pytest.fixture(scope="module")
def embed() -> Embed:
    return load_embedder().encode


@pytest.fixture
def store(tmp_path: Path, embed: Embed) -> Iterator[Store]:
    with Store.open(Paths(tmp_path / "home")) as opened:
        opened.pairs.find_contradicted = Contradictions(embed)
        yield opened


def answer(store: Store, question: str, text: str = "I don't know.") -> Turn:
    chat = store.chats.create("chat")
    asked = store.chats.add_turn(chat.id, "user", question)
    return store.chats.add_turn(chat.id, "assistant", text, reply_to=asked.id)


def active(store: Store) -> list[str]:
    return [pair.answer for pair in store.pairs.list("active")]


def test_a_correction_replaces_the_older_answer_to_the_same_question_in_other_words(store: Store) -> None:
    apply_mark(store, answer(store, "What is my dog called?").id, "edit", "Your dog is called Rex.")
    turn = answer(store, "What's the name of my dog?")
    result = apply_mark(store, turn.id, "edit", "Your dog is called Biscuit.")
    assert active(store) == ["Your dog is called Biscuit."]
    assert "replaces the older answer “Your dog is called Rex.”" in result.message
    assert [pair.answer for pair in result.replaced] == ["Your dog is called Rex."]
    undone = undo_mark(store, turn.chat_id)
    assert "the older answer “Your dog is called Rex.” is in force again" in undone.message
    assert active(store) == ["Your dog is called Rex."]


def test_a_correction_about_something_else_replaces_nothing(store: Store) -> None:
    apply_mark(store, answer(store, "What is my dog called?").id, "edit", "Your dog is called Rex.")
    result = apply_mark(store, answer(store, "What is my cat called?").id, "edit", "Your cat is called Mo.")
    assert active(store) == ["Your dog is called Rex.", "Your cat is called Mo."]
    assert "older answer" not in result.message and result.replaced == ()


def test_the_same_answer_in_other_words_is_no_contradiction(store: Store) -> None:
    store.pairs.add("What is my dog called?", "Your dog is called Rex.", source="added")
    store.pairs.add("What's the name of my dog?", "Rex.", source="added")
    assert active(store) == ["Your dog is called Rex.", "Rex."]


def test_correcting_a_correction_says_what_it_replaces_and_undo_brings_it_back(store: Store) -> None:
    turn = answer(store, "What is my dog called?")
    apply_mark(store, turn.id, "edit", "Your dog is called Rex.")
    result = apply_mark(store, turn.id, "edit", "Your dog is called Biscuit.")
    assert "replaces the older answer “Your dog is called Rex.”" in result.message
    assert [pair.state for pair in store.pairs.list(None)] == ["superseded", "active"]
    undo_mark(store, turn.chat_id)
    assert active(store) == ["Your dog is called Rex."]
    undo_mark(store, turn.chat_id)
    assert active(store) == []


def test_calling_the_corrected_answer_bad_brings_the_older_one_back(store: Store) -> None:
    store.pairs.add("What's the name of my dog?", "Your dog is called Rex.", source="added")
    turn = answer(store, "What is my dog called?")
    apply_mark(store, turn.id, "edit", "Your dog is called Biscuit.")
    apply_mark(store, turn.id, "bad")
    assert active(store) == ["Your dog is called Rex."]
    undo_mark(store, turn.chat_id)
    assert active(store) == ["Your dog is called Biscuit."]


def test_not_learning_from_a_statement_brings_the_older_answer_back(store: Store) -> None:
    store.pairs.add("What is my dog called?", "Your dog is called Rex.", source="added")
    turn = answer(store, "My dog is called Biscuit.", "Nice name.")
    store.pairs.add(
        "What's the name of my dog?", "Your dog is called Biscuit.", source="statement", turn_id=turn.reply_to
    )
    assert active(store) == ["Your dog is called Biscuit."]
    apply_mark(store, turn.id, "skip")
    assert active(store) == ["Your dog is called Rex."]
    undo_mark(store, turn.chat_id)
    assert active(store) == ["Your dog is called Biscuit."]


def test_a_long_older_answer_is_cut_in_the_message(store: Store) -> None:
    store.pairs.add("What is my dog called?", "Rex, " + "and so on " * 20, source="added")
    result = apply_mark(store, answer(store, "What is my dog called?").id, "edit", "Biscuit.")
    assert "…”" in result.message and len(result.message) < 240


def test_without_the_embedding_model_a_correction_is_kept_all_the_same(store: Store) -> None:
    def missing(texts: Sequence[str]) -> np.ndarray:
        raise EmbedderMissing("no model")

    store.pairs.find_contradicted = Contradictions(missing)
    store.pairs.add("What is my dog called?", "Your dog is called Rex.", source="added")
    apply_mark(store, answer(store, "What's the name of my dog?").id, "edit", "Your dog is called Biscuit.")
    assert active(store) == ["Your dog is called Rex.", "Your dog is called Biscuit."]
    apply_mark(store, answer(store, "What is my dog called?").id, "edit", "Your dog is called Bello.")
    assert "Your dog is called Rex." not in active(store), "the very same words need no model"


def test_each_question_is_embedded_once(embed: Embed) -> None:
    seen: list[str] = []

    def counting(texts: Sequence[str]) -> np.ndarray:
        seen.extend(texts)
        return embed(texts)

    find = Contradictions(counting)
    with_pairs = [("What is my dog called?", "Rex."), ("What name did I give my dog?", "Rex.")]
    pairs = [
        Pair(n, question, told, "added", None, "active", "", 1.0, ())
        for n, (question, told) in enumerate(with_pairs, start=1)
    ]
    for _ in range(2):
        assert find("What's the name of my dog?", "Biscuit.", pairs) == [1, 2]
    assert len(seen) == len(set(seen)) == 3
