from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlite_utils import Database

from selection.buffer import SelectionBuffer
from tests.selection.turns import random_turns, unit

_WRITER = """
import sys
from pathlib import Path
from sqlite_utils import Database
from selection.buffer import SelectionBuffer
from tests.selection.turns import random_turns
folder = Path(sys.argv[1])
buffer = SelectionBuffer(Database(folder / "assistant.db"), folder / "buffer.faiss", capacity=16)
for candidate in random_turns(1000):
    buffer.consider(candidate)
    buffer.flush()
"""


@pytest.mark.timeout(120)
def test_killed_process_leaves_a_buffer_that_goes_on_as_if_nothing_had_happened(tmp_path):
    repository = Path(__file__).parents[2]
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], cwd=repository)
    while not (tmp_path / "buffer.faiss").exists() and writer.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    writer.kill()
    writer.wait()

    database, memory = Database(tmp_path / "assistant.db"), Database(memory=True)
    buffer = SelectionBuffer(database, tmp_path / "buffer.faiss", capacity=16)
    counts = buffer.counts()
    done = counts["keep"] + counts["replace"] + counts["drop"]
    turns = random_turns(done + 50)
    for candidate in turns[done:]:
        buffer.consider(candidate)
    untroubled = SelectionBuffer(memory, tmp_path / "none.faiss", capacity=16)
    for candidate in turns:
        untroubled.consider(candidate)
    assert done > 0
    assert buffer.items() == untroubled.items()
    assert len(buffer.nearest(unit(1.0), 99)) == len(buffer.items())
    database.close()
    memory.close()
