"""Whole logs at once: the same choice as turn by turn, with only what was kept on record."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlite_utils import Database

from selection.buffer import EmbedderChanged, SelectionBuffer
from selection.policies import POLICIES, make_policy
from selection.records import Candidate
from tests.selection.turns import random_turns, turn, unit

_WRITER = """
import sys
from pathlib import Path
from sqlite_utils import Database
from selection.buffer import SelectionBuffer
from selection.policies import make_policy
from tests.selection.turns import random_turns
folder = Path(sys.argv[1])
buffer = SelectionBuffer(
    Database(folder / "assistant.db"), folder / "buffer.faiss", capacity=16, policy=make_policy("diverse")
)
turns = random_turns(3000)
for start in range(0, 3000, 20):
    buffer.sweep(turns[start : start + 20], mark=turns[start + 19].turn_id)
    (folder / "started").touch()
"""


def batches(turns: list[Candidate], size: int) -> list[list[Candidate]]:
    return [turns[start : start + size] for start in range(0, len(turns), size)]


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_batches_choose_what_turn_by_turn_would(open_buffer, tmp_path, name):
    turns = random_turns(300)
    database = Database(memory=True)
    single = SelectionBuffer(database, tmp_path / "none.faiss", capacity=16, policy=make_policy(name))
    decisions = [single.consider(candidate) for candidate in turns]
    buffer = open_buffer(capacity=16, policy=make_policy(name))
    sweeps = [buffer.sweep(batch) for batch in batches(turns, 37)]
    assert (buffer.items(), buffer.counts()) == (single.items(), single.counts())
    assert open_buffer(capacity=16, policy=make_policy(name)).items() == single.items()
    assert sum(sweep.considered for sweep in sweeps) == 300
    assert sum(sweep.dropped for sweep in sweeps) == sum(each.action == "drop" for each in decisions)
    database.close()


def test_only_what_was_kept_is_on_record_and_the_mark_tells_the_rest(open_buffer):
    buffer = open_buffer(capacity=4)
    turns = random_turns(100)
    buffer.sweep(turns, mark=100)
    held = {item.turn_id for item in buffer.items()}
    assert all(buffer.why(turn_id)[0].action in ("keep", "replace") for turn_id in held)
    dropped = next(number for number in range(1, 101) if not buffer.why(number))
    again = open_buffer(capacity=4)
    assert (again.explain(dropped).item, again.explain(dropped).swept) == (None, True)
    assert again.mark == 100
    assert not again.explain(101).swept


def test_marked_and_held_turns_are_passed_over(open_buffer):
    buffer = open_buffer()
    buffer.consider(turn(1))
    buffer.remove(2)
    sweep = buffer.sweep([turn(1), turn(2), turn(3)])
    assert (sweep.considered, sweep.kept) == (1, 1)
    assert [item.turn_id for item in buffer.items()] == [1, 3]
    assert buffer.decided([1, 2, 3, 4]) == {1, 2, 3}


def test_batch_with_a_bad_turn_does_nothing_at_all(open_buffer):
    buffer = open_buffer(policy=make_policy("diverse"))
    buffer.sweep([turn(1)], mark=1)
    before = buffer.items(), buffer.counts()
    with pytest.raises(ValueError, match="length 1"):
        buffer.sweep([turn(2), turn(3, embedding=unit(1.0) * 3)], mark=3)
    with pytest.raises(EmbedderChanged):
        buffer.sweep([turn(2), Candidate(3, "other", unit(1.0), unit(1.0)[None], "another model")], mark=3)
    assert (buffer.items(), buffer.counts(), buffer.mark) == (*before, 1)


def test_sweep_without_a_mark_leaves_it(open_buffer):
    buffer = open_buffer()
    buffer.sweep([turn(1)], mark=7)
    buffer.sweep([turn(8)])
    assert buffer.mark == 7


@pytest.mark.timeout(120)
def test_killed_sweep_goes_on_at_its_mark_as_if_nothing_had_happened(tmp_path):
    repository = Path(__file__).parents[2]
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], cwd=repository)
    while not (tmp_path / "started").exists() and writer.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    writer.kill()
    writer.wait()

    database, memory = Database(tmp_path / "assistant.db"), Database(memory=True)
    buffer = SelectionBuffer(database, tmp_path / "buffer.faiss", capacity=16, policy=make_policy("diverse"))
    done = buffer.mark
    turns = random_turns(done + 100)
    buffer.sweep(turns[done:], mark=done + 100)
    untroubled = SelectionBuffer(memory, tmp_path / "none.faiss", capacity=16, policy=make_policy("diverse"))
    untroubled.sweep(turns)
    assert done > 0
    assert buffer.items() == untroubled.items()
    assert buffer.counts() == untroubled.counts()
    database.close()
    memory.close()
