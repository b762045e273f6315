"""Questions to the owner, and the step from the previous release's file to this one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from assistant.errors import StoreCorrupt, UsageError
from assistant.paths import Paths
from assistant.store import NewWording, Store, Turn
from assistant.store.migrations import MIGRATIONS
from tests.store.test_store_deletion import files_that_hold

PREVIOUS_RELEASE = 5


def reply(store: Store) -> Turn:
    chat = store.chats.create("talk")
    asked = store.chats.add_turn(chat.id, "user", "Who am I?")
    begun = store.chats.begin_reply(chat.id, reply_to=asked.id, model="m")
    return store.chats.finish_reply(begun.id, "Bob.", loss=1.25)


def test_a_reply_keeps_how_unsure_the_model_was(store: Store) -> None:
    assert store.chats.turn(reply(store).id).loss == 1.25


def test_a_question_is_recorded_and_settled(store: Store) -> None:
    turn = reply(store)
    question = store.questions.add(turn.id, place="pause", session=store.questions.begin_session())
    assert (question.turn_id, question.session, question.outcome) == (turn.id, 1, "open")
    store.questions.settle(question.id, "dismissed")
    assert [each.outcome for each in store.questions.history()] == ["dismissed"]
    store.questions.withdraw(question.id)
    assert store.questions.history() == []


def test_numbers_of_sessions_rise(store: Store) -> None:
    assert [store.questions.begin_session() for _ in range(3)] == [1, 2, 3]


def test_unknown_turns_questions_and_outcomes_are_refused(store: Store) -> None:
    with pytest.raises(UsageError):
        store.questions.add(99, place="pause")
    with pytest.raises(UsageError):
        store.questions.add(reply(store).id, place="pause", outcome="maybe")
    with pytest.raises(UsageError):
        store.questions.settle(99, "fine")


def test_deleting_a_turn_erases_its_vector_and_keeps_that_something_was_asked(
    store: Store, paths: Paths
) -> None:
    turn = reply(store)
    store.questions.add(turn.id, place="pause", outcome="fine")
    store.questions.remember_vector(turn.id, "model", b"zjkvector" * 40)
    assert files_that_hold(paths.home, ("zjkvector",))
    store.chats.delete(turn.chat_id)
    assert files_that_hold(paths.home, ("zjkvector",)) == set()
    assert [(each.turn_id, each.outcome) for each in store.questions.history()] == [(None, "fine")]


def test_vectors_of_another_embedding_model_are_not_mixed_in(store: Store) -> None:
    turn = reply(store)
    store.questions.remember_vector(turn.id, "old", b"1234")
    assert store.questions.vectors("new") == {}
    store.questions.remember_vector(turn.id, "new", b"5678")
    assert (store.questions.vectors("old"), store.questions.vectors("new")) == ({}, {turn.id: b"5678"})


def test_changes_made_together_are_undone_together(store: Store) -> None:
    turn = reply(store)
    with pytest.raises(UsageError), store.together():
        store.questions.add(turn.id, place="review", outcome="fine")
        store.marks.add(99, "good")
    assert store.questions.history() == []


def fill_previous_release(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file as the previous release left it, with pairs in every state and one deleted at the end."""
    with monkeypatch.context() as patch:
        patch.setattr("assistant.store.migrations.MIGRATIONS", MIGRATIONS[:PREVIOUS_RELEASE])
        Store.open(paths).close()
    with closing(sqlite3.connect(paths.database)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.executescript(
            """
            INSERT INTO chats (title, created, updated) VALUES ('Kept', '2031', '2031');
            INSERT INTO turns (chat_id, role, content, state, created)
                VALUES (1, 'user', 'Who am I?', 'done', '2031'), (1, 'assistant', 'Bob.', 'done', '2031');
            UPDATE turns SET reply_to = 1 WHERE id = 2;
            INSERT INTO marks (turn_id, kind, text, created) VALUES (2, 'edit', 'You are Ada.', '2031');
            INSERT INTO pairs (question, question_key, answer, source, turn_id, state, created, weight) VALUES
                ('Who am I?', 'who am i?', 'Grace.', 'added', NULL, 'superseded', '2031', 1.0),
                ('Who am I?', 'who am i?', 'You are Ada.', 'edit', 2, 'active', '2031', 1.0),
                ('Gone?', 'gone?', 'Gone.', 'good', NULL, 'off', '2031', 0.5);
            INSERT INTO wordings (pair_id, question, origin, split) VALUES (2, 'Name me.', 'rules', 'train');
            INSERT INTO rejects (pair_id, text, reason, created) VALUES (2, 'Name you.', 'person', '2031');
            INSERT INTO versions (id, kind, state, strength, method, base_sha256, path, created, report)
                VALUES ('v0001', 'personal', 'active', 1.0, 'layer-chain', 'x', 'v0001.gguf', '2031', '{}');
            INSERT INTO version_pairs VALUES ('v0001', 2);
            DELETE FROM pairs WHERE id = 3;
            """
        )
        db.commit()


def test_the_previous_releases_file_is_upgraded_without_loss(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_previous_release(paths, monkeypatch)
    with Store.open(paths) as store:
        asked, answered = store.chats.turns(1)
        assert (asked.content, answered.content, answered.loss) == ("Who am I?", "Bob.", None)
        assert [mark.text for mark in store.marks.for_turn(2)] == ["You are Ada."]
        assert [(pair.id, pair.state, pair.learned_in) for pair in store.pairs.list(None)] == [
            (1, "superseded", ()),
            (2, "active", ("v0001",)),
        ]
        assert [wording.question for wording in store.pairs.wordings(2)] == ["Name me."]
        assert store.pairs.rejects(2) == {"person": 1}
        assert store.questions.history() == [] and store.check() == []


def test_after_the_upgrade_pairs_keep_their_rules(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_previous_release(paths, monkeypatch)
    with Store.open(paths) as store:
        own = store.pairs.add("What is a fjord?", "A bay.", source="own", weight=0.25)
        assert own.id == 4, "the number of a deleted pair must not come back"
        store.pairs.add("Who am I?", "You are Zoe.", source="added")
        assert [pair.state for pair in store.pairs.list(None)] == [
            "superseded",
            "superseded",
            "active",
            "active",
        ]
        store.pairs.replace_wordings(own.id, [NewWording("Fjord?", "model")])
        store.pairs.delete(own.id)
        store.chats.delete(1)
        assert [pair.answer for pair in store.pairs.list(None)] == ["Grace.", "You are Zoe."]
        assert store.check() == []
    with closing(sqlite3.connect(paths.database)) as db:
        names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE tbl_name = 'pairs'")}
        assert {"one_active_answer", "pairs_by_question", "pairs_of_turn"} <= names
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("UPDATE pairs SET source = 'gossip'")


def test_foreign_keys_hold_again_after_an_upgrade(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_previous_release(paths, monkeypatch)
    with Store.open(paths) as store:
        store.pairs.discard([2])
        assert store._session.connection.execute("SELECT count(*) FROM wordings").fetchone()[0] == 0


def test_a_step_that_would_leave_orphans_is_undone(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_previous_release(paths, monkeypatch)

    def m006_careless(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM pairs")

    monkeypatch.setattr(
        "assistant.store.migrations.MIGRATIONS", (*MIGRATIONS[:PREVIOUS_RELEASE], m006_careless)
    )
    with pytest.raises(StoreCorrupt, match="m006_careless was undone"):
        Store.open(paths)
    monkeypatch.undo()
    with closing(sqlite3.connect(paths.database)) as db:
        assert db.execute("SELECT count(*) FROM pairs").fetchone()[0] == 2
