"""Why a turn is held, where it stands, and what makes it leave after the fact."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import numpy as np
import pytest
from sqlite_utils import Database

from selection.buffer import SelectionBuffer
from selection.policies import make_policy
from selection.view import BufferView
from tests.selection.turns import random_turns, turn, unit

# As the first release made them.
_FORMER = """
CREATE TABLE selection_items (turn_id INTEGER PRIMARY KEY, text TEXT NOT NULL, domain TEXT NOT NULL,
    eoe REAL NOT NULL, dss REAL NOT NULL, idd REAL NOT NULL, embedder TEXT NOT NULL, embedding BLOB NOT NULL);
CREATE TABLE selection_decisions (number INTEGER PRIMARY KEY AUTOINCREMENT, turn_id INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('keep', 'replace', 'drop', 'remove')), replaced INTEGER,
    reason TEXT NOT NULL, eoe REAL NOT NULL, dss REAL NOT NULL, idd REAL NOT NULL, domain TEXT NOT NULL);
CREATE TABLE selection_skips (turn_id INTEGER PRIMARY KEY);
"""


def test_explanation_of_a_held_turn(open_buffer):
    buffer = open_buffer(capacity=2)
    buffer.consider(turn(1, "we talked about nothing and the dog", unit(1.0), distinct=2))
    buffer.consider(turn(2, "dog dog dog", unit(1.0, 0.1), distinct=12))
    buffer.consider(turn(3, "the dog barks", unit(0.0, 1.0), distinct=6))
    buffer = open_buffer(capacity=2)
    found = buffer.explain(3)
    assert (found.policy, found.replaced, found.held, found.topic_size) == ("dac24", 1, 2, None)
    assert found.item.scores.idd == pytest.approx(0.9, abs=0.01)
    assert found.item.since == 3
    assert datetime.fromisoformat(found.item.kept).tzinfo is not None
    assert [each.action for each in found.decisions] == ["replace"]
    assert (found.decisions[0].policy, found.decisions[0].decided) == ("dac24", found.item.kept)
    assert sorted(buffer.explain(number).rank for number in (2, 3)) == [1, 1]


def test_explanation_of_a_turn_that_is_not_held(open_buffer):
    buffer = open_buffer(capacity=1)
    buffer.consider(turn(1))
    buffer.consider(turn(2))
    dropped, unknown = buffer.explain(2), buffer.explain(9)
    assert (dropped.item, dropped.rank, dropped.swept) == (None, None, False)
    assert dropped.decisions[0].action == "drop"
    assert unknown.decisions == () and not unknown.swept


def test_ranks_are_explained_with_topics_under_diverse(open_buffer):
    buffer = open_buffer(capacity=8, policy=make_policy("diverse"))
    for candidate in random_turns(60):
        buffer.consider(candidate)
    ranked = buffer.ranked()
    assert [rank for rank, _ in ranked] == sorted(rank for rank, _ in ranked)
    rank, item = ranked[-1]
    found = buffer.explain(item.turn_id)
    assert found.rank == rank
    assert found.topic_size == sum(each.topic == item.topic for _, each in ranked)


def test_learnability_is_kept_and_changes_ranks_under_diverse(open_buffer):
    buffer = open_buffer(capacity=8, policy=make_policy("diverse"))
    for candidate in random_turns(60):
        buffer.consider(candidate)
    weakest = buffer.ranked()[-1][1].turn_id
    values = {item.turn_id: 0.0 for item in buffer.items()} | {weakest: 5.0, 999: 1.0}
    buffer.set_learnability(values)
    again = open_buffer(capacity=8, policy=make_policy("diverse"))
    assert {item.turn_id: item.learnability for item in again.items()} == {
        turn_id: value for turn_id, value in values.items() if turn_id != 999
    }
    assert again.explain(weakest).rank < 8


def test_another_policy_takes_over_what_is_held_and_back(open_buffer):
    turns = random_turns(120)
    for name, part in (("diverse", turns[:40]), ("random", turns[40:80]), ("diverse", turns[80:])):
        buffer = open_buffer(capacity=8, policy=make_policy(name))
        for candidate in part:
            buffer.consider(candidate)
        assert len(buffer.items()) == 8
        assert all((item.topic >= 0) == (name == "diverse") for item in buffer.items())


def test_turns_that_may_not_be_learned_from_any_more_leave_at_once(open_buffer, tmp_path):
    allowed = {1, 2, 3}
    buffer = open_buffer(allowed=allowed.intersection)
    for number in (1, 2, 3):
        buffer.consider(turn(number, "a dog"))
    buffer.flush()
    allowed.remove(2)
    other = sqlite3.connect(tmp_path / "assistant.db")
    other.execute("CREATE TABLE something_changed (x)")
    other.commit()
    assert [item.turn_id for item in buffer.items()] == [1, 3]
    assert other.execute("SELECT turn_id FROM selection_items").fetchall() == [(1,), (3,)]
    assert not (tmp_path / "buffer.faiss").exists()
    assert "may not be learned from" in buffer.why(2)[-1].reason
    assert not buffer.is_skipped(2)
    other.close()


def test_removing_a_turn_that_was_marked_just_before_is_told_once(open_buffer, tmp_path):
    allowed = {1, 2}
    buffer = open_buffer(allowed=allowed.intersection)
    for number in (1, 2):
        buffer.consider(turn(number))
    allowed.clear()
    sqlite3.connect(tmp_path / "assistant.db").execute(
        "CREATE TABLE something_changed (x)"
    ).connection.close()
    buffer.remove(1)
    assert [each.action for each in buffer.why(1)] == ["keep", "remove"]
    assert "was kept until now" in buffer.why(1)[-1].reason
    assert buffer.items() == [] and buffer.is_skipped(1) and not buffer.is_skipped(2)


def test_a_view_hides_what_may_not_be_learned_from_and_changes_nothing(open_buffer, tmp_path):
    buffer = open_buffer()
    for number in (1, 2):
        buffer.consider(turn(number))
    connection = sqlite3.connect(f"file:{tmp_path / 'assistant.db'}?mode=ro", uri=True)
    connection.execute("PRAGMA query_only = ON")
    view = BufferView(Database(connection), tmp_path / "buffer.faiss", allowed={2}.intersection)
    assert [item.turn_id for item in view.items()] == [2]
    assert view.counts()["held"] == 1
    connection.close()
    assert len(open_buffer().items()) == 2


def test_smaller_capacity_lets_the_weakest_go(open_buffer):
    buffer = open_buffer(capacity=8, policy=make_policy("diverse"))
    for candidate in random_turns(60):
        buffer.consider(candidate)
    strongest = {item.turn_id for rank, item in buffer.ranked() if rank <= 4}
    smaller = open_buffer(capacity=4, policy=make_policy("diverse"))
    smaller.sweep([])
    assert {item.turn_id for item in smaller.items()} == strongest


def test_tables_of_the_first_release_are_read_and_then_brought_up_to_date(open_buffer, tmp_path):
    other = sqlite3.connect(tmp_path / "assistant.db")
    other.executescript(_FORMER)
    for number in (4, 5):
        vector = unit(1.0, number).astype("<f4").tobytes()
        row = (number, "a dog", "pets and animals", 0.5, 0.1, 1.0, "", vector)
        other.execute("INSERT INTO selection_items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        row = (number, "keep", None, "There was room.", 0.5, 0.1, 1.0, "pets and animals")
        other.execute(
            "INSERT INTO selection_decisions (turn_id, action, replaced, reason, eoe, dss, idd, domain)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    other.commit()
    other.close()

    connection = sqlite3.connect(f"file:{tmp_path / 'assistant.db'}?mode=ro", uri=True)
    view = BufferView(Database(connection), tmp_path / "none.faiss")
    assert [(item.turn_id, item.kept, item.since) for item in view.items()] == [(4, "", 0), (5, "", 0)]
    assert view.explain(4).decisions[0].reason == "There was room."
    connection.close()

    buffer = open_buffer(capacity=2, policy=make_policy("fifo"))
    decision = buffer.consider(turn(6, "a cat"))
    assert (decision.action, decision.replaced, decision.number) == ("replace", 4, 3)
    assert [item.turn_id for item in open_buffer(capacity=2, policy=make_policy("fifo")).items()] == [5, 6]


def test_embeddings_are_the_buffers_own(open_buffer):
    buffer: SelectionBuffer = open_buffer()
    candidate = turn(1, embedding=unit(1.0).copy())
    buffer.consider(candidate)
    candidate.embedding[:] = 0
    assert np.linalg.norm(buffer.items()[0].embedding) == pytest.approx(1.0)
