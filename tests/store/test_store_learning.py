"""Marks, pairs and versions: what was judged, what should be learned, and what was learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import UsageError
from assistant.paths import Paths
from assistant.store import NewWording, Store, Turn, Version


def a_reply(store: Store) -> Turn:
    chat = store.chats.create()
    question = store.chats.add_turn(chat.id, "user", "What is my dog called?")
    return store.chats.add_turn(chat.id, "assistant", "I do not know.", reply_to=question.id)


def a_version(
    store: Store, *, parent: str | None = None, kind: str = "personal", pairs: tuple[int, ...] = ()
) -> str:
    name = store.versions.next_id()
    version = Version(
        name, parent, kind, "draft", 1.0, "layer-chain", "ab" * 32, f"{name}.gguf", pair_ids=pairs
    )
    return store.versions.add(version).id


def test_marks_are_undone_from_the_newest_on(store: Store) -> None:
    turn = a_reply(store)
    store.marks.add(turn.id, "bad")
    edit = store.marks.add(turn.id, "edit", "Biscuit.")
    assert store.marks.latest(turn.id) == edit
    undone = store.marks.undo_last(turn.chat_id)
    assert undone is not None
    assert (undone.id, undone.kind, undone.text, undone.undone) == (edit.id, "edit", "Biscuit.", True)
    assert [mark.kind for mark in store.marks.for_turn(turn.id)] == ["bad"]
    assert store.marks.undo_last() is not None
    assert store.marks.undo_last() is None
    assert store.marks.latest(turn.id) is None


def test_undo_stays_inside_the_chat_it_was_asked_for(store: Store) -> None:
    here, there = a_reply(store), a_reply(store)
    store.marks.add(there.id, "good")
    assert store.marks.undo_last(here.chat_id) is None
    assert store.marks.latest(there.id) is not None


def test_a_mark_needs_a_known_kind_and_turn(store: Store) -> None:
    turn = a_reply(store)
    with pytest.raises(UsageError, match="splendid"):
        store.marks.add(turn.id, "splendid")
    with pytest.raises(UsageError):
        store.marks.add(turn.id + 1, "good")


def test_a_pair_keeps_its_source(store: Store) -> None:
    turn = a_reply(store)
    pair = store.pairs.add(" What is my dog called? ", "Biscuit.\n", source="edit", turn_id=turn.id, weight=2)
    assert pair == store.pairs.get(pair.id)
    assert (pair.question, pair.answer, pair.source) == ("What is my dog called?", "Biscuit.", "edit")
    assert (pair.state, pair.weight, pair.learned_in) == ("active", 2.0, ())
    assert store.pairs.for_turn(turn.id) == [pair]


def test_another_answer_supersedes_the_older_one(store: Store) -> None:
    old = store.pairs.add("What is my dog called?", "Biscuit.", source="added")
    new = store.pairs.add("what is  my DOG called?", "Rex.", source="added")
    assert store.pairs.list() == [new]
    assert store.pairs.get(old.id).state == "superseded"


def test_the_same_pair_again_is_the_pair_that_is_there(store: Store) -> None:
    liked = store.pairs.add("Q?", "A.", source="good", weight=0.5)
    taught = store.pairs.add("q?", "A.", source="edit")
    assert taught.id == liked.id
    assert (taught.source, taught.weight) == ("edit", 1.0)
    assert store.pairs.add("Q?", "A.", source="good", weight=0.5).source == "edit"
    assert len(store.pairs.list(None)) == 1


def test_going_back_to_the_first_answer_switches_back(store: Store) -> None:
    first = store.pairs.add("Q?", "one", source="added")
    second = store.pairs.add("Q?", "two", source="added")
    assert store.pairs.add("Q?", "one", source="added").id == first.id
    assert store.pairs.get(second.id).state == "superseded"
    store.pairs.set_state(second.id, "active")
    assert [pair.answer for pair in store.pairs.list()] == ["two"]
    store.pairs.set_state(second.id, "off")
    assert store.pairs.list() == []


def test_a_pair_needs_both_sides_and_a_known_state(store: Store) -> None:
    with pytest.raises(UsageError):
        store.pairs.add("Q?", "  ", source="added")
    pair = store.pairs.add("Q?", "A.", source="added")
    with pytest.raises(UsageError):
        store.pairs.set_state(pair.id, "gone")
    with pytest.raises(UsageError):
        store.pairs.get(pair.id + 1)


def test_several_pairs_are_kept_together_or_not_at_all(store: Store) -> None:
    with pytest.raises(UsageError):
        store.pairs.add_all([("One?", "1"), ("Two?", "2"), ("Three?", " ")], source="added")
    assert store.pairs.list(None) == []
    first, other, second = store.pairs.add_all([("Q?", "one"), ("R?", "1"), ("Q?", "two")], source="added")
    assert (first.state, other.state, second.state) == ("superseded", "active", "active")


def test_wordings_are_replaced_as_a_set_and_rejects_are_counted(store: Store) -> None:
    pair = store.pairs.add("Q?", "A.", source="added")
    store.pairs.replace_wordings(pair.id, [NewWording("old", "given")])
    kept = store.pairs.replace_wordings(
        pair.id, [NewWording("Which?", "model", "train", 0.5, 0.9), NewWording("What?", "rules", "held-out")]
    )
    assert [(w.question, w.origin, w.split, w.rouge1, w.similarity) for w in kept] == [
        ("Which?", "model", "train", 0.5, 0.9),
        ("What?", "rules", "held-out", None, None),
    ]
    assert store.pairs.wordings(pair.id) == kept
    for reason in ("copy", "drift", "copy"):
        store.pairs.add_reject(pair.id, "text", reason)
    assert store.pairs.rejects(pair.id) == store.pairs.rejects() == {"copy": 2, "drift": 1}


def test_versions_are_numbered_without_reuse(store: Store) -> None:
    assert store.versions.next_id() == "v0001"
    first = a_version(store)
    store.versions.delete(first)
    assert a_version(store) == "v0002"
    assert store.versions.next_id() == "v0003"


def test_a_version_remembers_its_pairs_and_report(store: Store) -> None:
    pair = store.pairs.add("Q?", "A.", source="added")
    name = a_version(store, pairs=(pair.id,))
    assert store.pairs.get(pair.id).learned_in == (), "a draft that never passed has taught nothing"
    store.versions.activate(name)
    assert store.pairs.get(pair.id).learned_in == (name,)
    assert store.versions.update_report(name, {"loss": 0.25}).report == {"loss": 0.25}
    store.pairs.delete(pair.id)
    assert store.versions.get(name).pair_ids == (pair.id,)


def test_activation_retires_the_version_before(store: Store) -> None:
    first, second = a_version(store), a_version(store)
    shared = a_version(store, kind="shared")
    for name in (first, shared, second):
        assert store.versions.activate(name).state == "active"
    assert [(v.id, v.state) for v in store.versions.list("personal")] == [
        (first, "retired"),
        (second, "active"),
    ]
    active = store.versions.active("shared")
    assert active is not None and active.id == shared


def test_rollback_walks_back_through_the_activations(store: Store) -> None:
    names = [a_version(store) for _ in range(3)]
    for name in (names[0], names[2], names[1]):
        store.versions.activate(name)
    walked = []
    while (version := store.versions.rollback()) is not None:
        walked.append(version.id)
    assert walked == [names[2], names[0]]
    assert store.versions.active() is None


def test_rollback_after_off_returns_what_was_switched_off(store: Store) -> None:
    first, second = a_version(store), a_version(store)
    store.versions.activate(first)
    store.versions.activate(second)
    store.versions.off()
    assert store.versions.active() is None
    restored = store.versions.rollback()
    assert restored is not None and (restored.id, restored.state) == (second, "active")
    former = store.versions.rollback()
    assert former is not None and former.id == first


def test_rollback_goes_to_the_parent_when_nothing_was_active_before(store: Store) -> None:
    parent = a_version(store)
    child = a_version(store, parent=parent)
    store.versions.activate(child)
    restored = store.versions.rollback()
    assert restored is not None and restored.id == parent


def test_rollback_skips_versions_that_were_deleted(store: Store) -> None:
    first, second, third = (a_version(store) for _ in range(3))
    for name in (first, second, third):
        store.versions.activate(name)
    store.versions.delete(second)
    restored = store.versions.rollback()
    assert restored is not None and restored.id == first


@pytest.mark.parametrize("strength", [-0.1, 1.6, float("nan"), float("inf")])
def test_a_strength_outside_its_bounds_is_refused(store: Store, strength: float) -> None:
    name = a_version(store)
    with pytest.raises(UsageError):
        store.versions.set_strength(name, strength)
    assert store.versions.set_strength(name, 0.5).strength == 0.5


def test_deleting_a_version_removes_its_file_but_never_the_active_one(store: Store, paths: Paths) -> None:
    name = a_version(store)
    file = Path(paths.adapters / f"{name}.gguf")
    file.write_bytes(b"GGUF")
    store.versions.activate(name)
    with pytest.raises(UsageError, match="in use"):
        store.versions.delete(name)
    store.versions.off()
    store.versions.delete(name)
    assert not file.exists()
    with pytest.raises(UsageError):
        store.versions.get(name)


def test_a_version_that_is_added_active_replaces_the_active_one(store: Store) -> None:
    store.versions.activate(a_version(store))
    store.versions.add(Version("v0009", None, "personal", "active", 1.0, "m", "0" * 64, "v0009.gguf"))
    active = store.versions.active()
    assert active is not None and active.id == "v0009"
    assert active.created
    with pytest.raises(UsageError):
        store.versions.add(active)
