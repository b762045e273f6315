from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from sqlite_utils import Database

from selection.buffer import EmbedderChanged, SelectionBuffer
from selection.embedding import Embedded
from selection.measure import TEXT_LIMIT_CHARACTERS
from selection.records import Scores
from tests.selection.turns import random_turns, turn, unit, varied


def test_free_place_is_given_to_any_turn(open_buffer):
    buffer = open_buffer(capacity=2)
    decision = buffer.consider(turn(7, "my dog barks"))
    assert (decision.action, decision.domain, decision.scores.idd) == ("keep", "pets and animals", 1.0)
    assert "0 of 2 places" in decision.reason
    assert [item.turn_id for item in buffer.items()] == [7]


def test_full_buffer_replaces_a_turn_that_is_lower_in_all_three(open_buffer):
    buffer = open_buffer(capacity=2)
    buffer.consider(turn(1, "we talked about nothing and the dog", unit(1.0), distinct=2))
    buffer.consider(turn(2, "dog dog dog", unit(1.0, 0.1), distinct=12))
    decision = buffer.consider(turn(3, "the dog barks", unit(0.0, 1.0), distinct=6))
    assert (decision.action, decision.replaced) == ("replace", 1)
    assert [item.turn_id for item in buffer.items()] == [2, 3]


@pytest.mark.parametrize(
    "newcomer",
    [
        turn(3, "dog barks", unit(0.0, 1.0), distinct=4),
        turn(3, "the dog barks at us", unit(0.0, 1.0), distinct=6),
        turn(3, "dog barks", unit(1.0, 0.5), distinct=6),
    ],
    ids=["entropy equal", "fewer topic words", "not new"],
)
def test_two_higher_scores_are_not_enough(open_buffer, newcomer):
    buffer = open_buffer(capacity=2)
    buffer.consider(turn(1, "the dog barks", unit(1.0), distinct=4))
    buffer.consider(turn(2, "the dog barks", unit(1.0, 1.0), distinct=4))
    decision = buffer.consider(newcomer)
    assert decision.action == "drop"
    assert [item.turn_id for item in buffer.items()] == [1, 2]


def test_dissimilarity_of_a_domain_is_refreshed_after_each_change(open_buffer):
    buffer = open_buffer(capacity=3)
    buffer.consider(turn(1, "a dog", unit(1.0)))
    assert buffer.items()[0].scores.idd == 1.0
    buffer.consider(turn(2, "a cat", unit(1.0)))
    assert [item.scores.idd for item in buffer.items()] == pytest.approx([0.0, 0.0], abs=1e-6)
    buffer.consider(turn(3, "some bread", unit(1.0)))
    assert buffer.items()[2].scores.idd == 1.0
    buffer.remove(2)
    assert [item.scores.idd for item in buffer.items()] == [1.0, 1.0]


def test_same_seed_makes_the_same_decisions_and_another_seed_others(tmp_path):
    def run(seed: int) -> list[tuple]:
        database = Database(memory=True)
        buffer = SelectionBuffer(database, tmp_path / "none.faiss", capacity=16, seed=seed)
        decisions = [buffer.consider(candidate) for candidate in random_turns(300)]
        database.close()
        return decisions

    assert run(1) == run(1)
    assert [each.replaced for each in run(1)] != [each.replaced for each in run(2)]


def test_restart_changes_no_decision(open_buffer, tmp_path):
    turns = random_turns(200)
    database = Database(memory=True)
    without = SelectionBuffer(database, tmp_path / "none.faiss", capacity=16)
    expected = [without.consider(candidate) for candidate in turns]
    database.close()
    decisions = [open_buffer(capacity=16).consider(candidate) for candidate in turns]
    assert decisions == expected


def test_restart_keeps_items_scores_and_vectors(open_buffer):
    buffer = open_buffer(capacity=8)
    for candidate in random_turns(40):
        buffer.consider(candidate)
    before = buffer.items()
    after = open_buffer(capacity=8).items()
    assert after == before
    assert all(np.array_equal(a.embedding, b.embedding) for a, b in zip(after, before, strict=True))


def test_nearest_finds_kept_turns_by_cosine(open_buffer):
    buffer = open_buffer()
    assert buffer.nearest(unit(1.0), 3) == []
    for number, vector in enumerate([unit(1.0), unit(1.0, 1.0), unit(0.0, 1.0)], start=10):
        buffer.consider(turn(number, embedding=vector))
    found = buffer.nearest(unit(1.0), 2)
    assert [number for number, _ in found] == [10, 11]
    assert [cosine for _, cosine in found] == pytest.approx([1.0, 2**-0.5])
    assert len(buffer.nearest(unit(1.0), 99)) == 3


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "flipped", "text", "out of date"])
def test_index_file_is_rebuilt_from_the_database(open_buffer, tmp_path, damage):
    path = tmp_path / "buffer.faiss"
    buffer = open_buffer()
    buffer.consider(turn(1, embedding=unit(1.0)))
    buffer.flush()
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    buffer.consider(turn(2, embedding=unit(0.0, 1.0)))
    if damage != "out of date":
        buffer.flush()
        whole = path.read_bytes()
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(whole[:-10])
        case "flipped":
            path.write_bytes(whole[:-10] + bytes([whole[-10] ^ 255]) + whole[-9:])
        case "text":
            path.write_text("not an index" * 50)
    again = open_buffer()
    assert again.nearest(unit(0.0, 1.0), 1) == [(2, pytest.approx(1.0))]
    again.flush()
    assert open_buffer().nearest(unit(1.0), 1) == [(1, pytest.approx(1.0))]


def test_flush_repairs_a_damaged_file_with_a_good_header(open_buffer, tmp_path):
    path = tmp_path / "buffer.faiss"
    buffer = open_buffer()
    buffer.consider(turn(1))
    buffer.flush()
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    again = open_buffer()
    again.nearest(unit(1.0), 1)
    again.flush()
    assert path.read_bytes() == whole


def test_index_file_holds_no_text(open_buffer, tmp_path):
    buffer = open_buffer()
    buffer.consider(turn(1, "the password is swordfish"))
    buffer.flush()
    assert b"swordfish" not in (tmp_path / "buffer.faiss").read_bytes()


def test_removed_turn_is_gone_and_never_comes_back(open_buffer, tmp_path):
    buffer = open_buffer()
    buffer.consider(turn(1, "a dog"))
    buffer.consider(turn(2, "a cat"))
    buffer.flush()
    buffer.remove(1)
    assert not (tmp_path / "buffer.faiss").exists()
    for reopened in (False, True):
        opened = open_buffer() if reopened else buffer
        assert opened.consider(turn(1, "a dog")).action == "drop"
        assert [item.turn_id for item in opened.items()] == [2]
        assert opened.is_skipped(1)
    assert [number for number, _ in opened.nearest(unit(1.0), 5)] == [2]


def test_turn_removed_before_it_was_seen_is_never_kept(open_buffer):
    buffer = open_buffer()
    buffer.remove(5)
    assert buffer.consider(turn(5)).action == "drop"
    assert "not to be learned from" in buffer.why(5)[-1].reason


def test_allowed_turn_may_be_considered_again(open_buffer):
    buffer = open_buffer()
    buffer.consider(turn(1))
    buffer.remove(1)
    buffer.allow(1)
    assert buffer.consider(turn(1)).action == "keep"


def test_forgotten_turn_leaves_no_decision(open_buffer):
    buffer = open_buffer()
    buffer.consider(turn(1, "a dog"))
    buffer.forget([1])
    assert buffer.items() == [] and buffer.why(1) == []
    assert buffer.consider(turn(2)).number == 3


def test_rows_deleted_by_another_connection_are_noticed(open_buffer, tmp_path):
    buffer = open_buffer()
    for number, vector in ((1, unit(1.0)), (2, unit(1.0))):
        buffer.consider(turn(number, "a dog", vector))
    assert len(buffer.nearest(unit(1.0), 5)) == 2
    other = sqlite3.connect(tmp_path / "assistant.db")
    other.execute("DELETE FROM selection_items WHERE turn_id = 1")
    other.commit()
    other.close()
    assert [item.turn_id for item in buffer.items()] == [2]
    assert buffer.items()[0].scores.idd == 1.0
    assert [number for number, _ in buffer.nearest(unit(1.0), 5)] == [2]


def test_why_tells_how_a_turn_came_and_went(open_buffer):
    buffer = open_buffer(capacity=2)
    buffer.consider(turn(1, "we talked about nothing and the dog", unit(1.0), distinct=2))
    buffer.consider(turn(2, "dog dog dog", unit(1.0, 0.1), distinct=12))
    buffer.consider(turn(3, "the dog barks", unit(0.0, 1.0), distinct=6))
    came, went = open_buffer(capacity=2).why(1)
    assert (came.action, came.turn_id) == ("keep", 1)
    assert (went.action, went.turn_id, went.replaced) == ("replace", 3, 1)
    assert "above those of turn 1 (variety" in went.reason and "the only kept turn" in went.reason


def test_why_says_what_a_dropped_turn_lacked(open_buffer):
    buffer = open_buffer(capacity=1)
    buffer.consider(turn(1, "we talked about nothing", distinct=2))
    buffer.consider(turn(2, "dog", unit(0.0, 1.0), distinct=2))
    # Small talk and pets are different domains, so both are as new as can be: equal is not higher.
    assert "of 1 kept turns it is above in variety 0, topic words 1, novelty 0" in buffer.why(2)[0].reason
    assert buffer.why(99) == []


def test_reason_quotes_nothing_of_the_turn(open_buffer):
    buffer = open_buffer(capacity=1)
    for number in (1, 2):
        buffer.consider(turn(number, "swordfish and dog", unit(1.0)))
        assert "swordfish" not in repr(buffer.why(number))


def test_same_turn_is_kept_once(open_buffer):
    buffer = open_buffer()
    buffer.consider(turn(1))
    assert "kept already" in buffer.consider(turn(1)).reason
    assert buffer.counts() == {"held": 1, "capacity": 128, "keep": 1, "replace": 0, "drop": 1, "remove": 0}


def test_smaller_capacity_lets_the_oldest_go(open_buffer):
    buffer = open_buffer(capacity=4)
    for number in range(1, 5):
        buffer.consider(turn(number))
    smaller = open_buffer(capacity=2)
    smaller.consider(turn(5))
    assert [item.turn_id for item in smaller.items()] == [3, 4]
    assert "only 2 places" in smaller.why(1)[-1].reason


def test_failed_write_changes_nothing(open_buffer, tmp_path):
    buffer = open_buffer()
    buffer.consider(turn(1))
    other = sqlite3.connect(tmp_path / "assistant.db")
    other.execute(
        "CREATE TRIGGER full BEFORE INSERT ON selection_items BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    other.commit()
    with pytest.raises(sqlite3.Error, match="full"):
        buffer.consider(turn(2))
    other.execute("DROP TRIGGER full")
    other.commit()
    other.close()
    assert [item.turn_id for item in buffer.items()] == [1]
    assert buffer.why(2) == []
    assert buffer.consider(turn(2)).number == 2


def test_buffer_of_an_empty_read_only_file_reads_as_empty(tmp_path):
    sqlite3.connect(tmp_path / "assistant.db").execute("PRAGMA user_version = 1").connection.close()
    connection = sqlite3.connect(f"file:{tmp_path / 'assistant.db'}?mode=ro", uri=True)
    buffer = SelectionBuffer(Database(connection), tmp_path / "buffer.faiss")
    assert buffer.items() == [] and buffer.why(1) == [] and buffer.nearest(unit(1.0), 1) == []
    assert buffer.counts()["held"] == 0
    connection.close()


def test_long_text_is_cut_to_what_a_bin_holds(open_buffer):
    buffer = open_buffer()
    buffer.consider(turn(1, "dog " * 5000))
    assert len(buffer.items()[0].text) == TEXT_LIMIT_CHARACTERS


@pytest.mark.parametrize(
    "vector", [unit(1.0) * 2, np.full(16, np.nan, np.float32), np.eye(4, dtype=np.float32)]
)
def test_embedding_that_is_no_unit_vector_is_refused(open_buffer, vector):
    with pytest.raises(ValueError, match="length 1"):
        open_buffer().consider(turn(1, embedding=vector))


def test_other_embedding_model_is_refused_until_the_kept_turns_are_embedded_anew(open_buffer):
    class Other:
        name = "other"

        def embed(self, text: str) -> Embedded:
            return Embedded(np.eye(3, dtype=np.float32)[len(text) % 3], varied(3))

    buffer = open_buffer()
    buffer.consider(turn(1, "a dog"))
    with pytest.raises(EmbedderChanged, match="16 dimensions"):
        buffer.consider(turn(2, embedding=np.eye(3, dtype=np.float32)[0]))
    buffer.reembed(Other())
    again = open_buffer()
    assert again.embedders() == {"other"}
    assert again.items()[0].embedding.shape == (3,)


@pytest.mark.timeout(120)
def test_five_thousand_turns_leave_128_items_and_every_reason(open_buffer):
    buffer = open_buffer()
    for candidate in random_turns(5000):
        buffer.consider(candidate)
    counts = buffer.counts()
    assert counts["held"] == len(buffer.items()) == len(open_buffer().items()) == 128
    assert counts["keep"] == 128
    assert counts["keep"] + counts["replace"] + counts["drop"] == 5000
    assert counts["replace"] > 0


def test_all_three_means_strictly_higher():
    assert Scores(0.2, 0.2, 0.2).exceeds(Scores(0.1, 0.1, 0.1))
    assert not Scores(0.2, 0.2, 0.1).exceeds(Scores(0.1, 0.1, 0.1))
