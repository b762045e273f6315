"""Two answers to one question: the newer counts, the older is kept with a reference and comes back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest

from assistant.errors import UsageError
from assistant.paths import Paths
from assistant.store import Pair, Store
from assistant.store.migrations import MIGRATIONS

DOG, OTHER_WORDS = "What is my dog called?", "What's the name of my dog?"


def about_the_dog(question: str, answer: str, pairs: Sequence[Pair]) -> list[int]:
    """An eye for contradictions that only knows dogs."""
    return [
        pair.id for pair in pairs if "dog" in question and "dog" in pair.question and pair.answer != answer
    ]


def states(store: Store) -> list[tuple[str, str, int | None]]:
    return [(pair.answer, pair.state, pair.superseded_by) for pair in store.pairs.list(None)]


def test_the_older_answer_is_kept_with_a_reference_to_the_newer(store: Store) -> None:
    old = store.pairs.add(DOG, "Rex.", source="added")
    new = store.pairs.add(DOG, "Biscuit.", source="edit")
    assert states(store) == [("Rex.", "superseded", new.id), ("Biscuit.", "active", None)]
    assert [pair.id for pair in store.pairs.superseded_by(new.id)] == [old.id]


def test_taking_the_newer_back_brings_the_older_into_force_again(store: Store) -> None:
    old = store.pairs.add(DOG, "Rex.", source="added")
    new = store.pairs.add(DOG, "Biscuit.", source="edit")
    assert [pair.id for pair in store.pairs.take_back(new.id)] == [old.id]
    assert states(store) == [("Rex.", "active", None), ("Biscuit.", "off", None)]


def test_a_chain_is_taken_back_link_by_link(store: Store) -> None:
    for answer in ("one", "two", "three"):
        store.pairs.add("Q?", answer, source="added")
    store.pairs.take_back(3)
    assert states(store) == [("one", "superseded", 2), ("two", "active", None), ("three", "off", None)]
    store.pairs.take_back(2)
    assert states(store) == [("one", "active", None), ("two", "off", None), ("three", "off", None)]


def test_taking_back_a_link_inside_the_chain_leaves_the_newest_in_force(store: Store) -> None:
    for answer in ("one", "two", "three"):
        store.pairs.add("Q?", answer, source="added")
    assert store.pairs.take_back(2) == []
    assert states(store) == [("one", "superseded", 3), ("two", "off", None), ("three", "active", None)]
    store.pairs.take_back(3)
    assert [pair.answer for pair in store.pairs.list()] == ["one"]


def test_going_back_to_the_older_answer_turns_the_reference_around(store: Store) -> None:
    old = store.pairs.add(DOG, "Rex.", source="added")
    new = store.pairs.add(OTHER_WORDS, "Biscuit.", source="added")
    store.pairs.find_contradicted = about_the_dog
    store.pairs.set_state(new.id, "active")
    assert store.pairs.get(old.id).superseded_by == new.id
    store.pairs.find_contradicted = None
    store.pairs.set_state(old.id, "active")
    assert states(store) == [("Rex.", "active", None), ("Biscuit.", "superseded", old.id)]


def test_when_the_newer_pair_is_deleted_the_older_stays_in_history(store: Store) -> None:
    store.pairs.add(DOG, "Rex.", source="added")
    new = store.pairs.add(DOG, "Biscuit.", source="added")
    store.pairs.delete(new.id)
    assert states(store) == [("Rex.", "superseded", None)]
    assert store.check() == []


def test_the_same_question_in_other_words_is_found_by_the_eye_it_was_given(store: Store) -> None:
    rex = store.pairs.add(DOG, "Rex.", source="added")
    cat = store.pairs.add("What is my cat called?", "Rex.", source="added")
    store.pairs.find_contradicted = about_the_dog
    new = store.pairs.add(OTHER_WORDS, "Biscuit.", source="statement")
    assert store.pairs.get(rex.id).superseded_by == new.id
    assert store.pairs.get(cat.id).state == "active"
    assert [pair.answer for pair in store.pairs.take_back(new.id)] == ["Rex."]


def test_pairs_of_one_file_supersede_each_other_in_order(store: Store) -> None:
    store.pairs.find_contradicted = about_the_dog
    added = store.pairs.add_all([(DOG, "Rex."), ("Q?", "A."), (OTHER_WORDS, "Biscuit.")], source="added")
    assert [(pair.state, pair.superseded_by) for pair in added] == [
        ("superseded", 3),
        ("active", None),
        ("active", None),
    ]


def test_the_models_own_reply_never_replaces_what_the_owner_said(store: Store) -> None:
    store.pairs.find_contradicted = about_the_dog
    told = store.pairs.add(DOG, "Rex.", source="edit")
    own = store.pairs.add(OTHER_WORDS, "I don't know.", source="own", weight=0.25)
    store.pairs.set_state(own.id, "active")
    assert store.pairs.get(told.id).state == "active"


def test_a_statement_that_waits_to_be_confirmed_replaces_nothing_yet(store: Store) -> None:
    old = store.pairs.add(DOG, "Rex.", source="added")
    waits = store.pairs.add(DOG, "Biscuit.", source="statement", state="unconfirmed")
    assert states(store) == [("Rex.", "active", None), ("Biscuit.", "unconfirmed", None)]
    store.pairs.set_state(waits.id, "active")
    assert store.pairs.get(old.id).superseded_by == waits.id


def test_saying_it_again_does_not_confirm_it_but_adding_it_does(store: Store) -> None:
    pair = store.pairs.add(DOG, "Biscuit.", source="statement", state="unconfirmed")
    store.pairs.set_state(pair.id, "rejected")
    assert store.pairs.add(DOG, "Biscuit.", source="statement", state="unconfirmed").state == "rejected"
    added = store.pairs.add(DOG, "Biscuit.", source="added")
    assert (added.id, added.state, added.source) == (pair.id, "active", "added")


def test_a_known_answer_that_is_stated_again_counts_again(store: Store) -> None:
    first = store.pairs.add("Where do I live?", "You live in Porto.", source="statement")
    second = store.pairs.add("Where do I live?", "You live in Rome.", source="statement")
    again = store.pairs.add("Where do I live?", "You live in Porto.", source="statement", state="unconfirmed")
    assert (again.id, again.state) == (first.id, "active")
    assert store.pairs.get(second.id).superseded_by == first.id


def test_taking_back_an_unknown_pair_is_refused(store: Store) -> None:
    with pytest.raises(UsageError):
        store.pairs.take_back(1)


def test_the_previous_release_is_upgraded_with_references(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = [migration.__name__ for migration in MIGRATIONS].index("m009_contradictions")
    with monkeypatch.context() as patch:
        patch.setattr("assistant.store.migrations.MIGRATIONS", MIGRATIONS[:step])
        Store.open(paths).close()
    with closing(sqlite3.connect(paths.database)) as db:
        db.executescript(
            """
            INSERT INTO pairs (question, question_key, answer, source, turn_id, state, created, weight) VALUES
                ('Q?', 'q?', 'one', 'added', NULL, 'superseded', '2031', 1.0),
                ('Q?', 'q?', 'two', 'own', NULL, 'superseded', '2031', 0.25),
                ('Q?', 'q?', 'three', 'edit', NULL, 'active', '2031', 1.0),
                ('R?', 'r?', 'gone', 'edit', NULL, 'superseded', '2031', 1.0),
                ('S?', 's?', 'last', 'edit', NULL, 'off', '2031', 1.0);
            INSERT INTO wordings (pair_id, question, origin, split) VALUES (3, 'Q again?', 'model', 'train');
            DELETE FROM pairs WHERE answer = 'last';
            """
        )
        db.commit()
    with Store.open(paths) as store:
        assert states(store) == [
            ("one", "superseded", 3),
            ("two", "superseded", 3),
            ("three", "active", None),
            ("gone", "superseded", None),
        ]
        assert [wording.question for wording in store.pairs.wordings(3)] == ["Q again?"]
        assert store.pairs.add("T?", "A.", source="statement", state="unconfirmed").id == 6
        assert [pair.answer for pair in store.pairs.take_back(3)] == ["two"]
        assert store.pairs.get(1).superseded_by == 2
        assert store.check() == []
