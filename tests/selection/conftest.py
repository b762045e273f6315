from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlite_utils import Database

from selection.buffer import SelectionBuffer


@pytest.fixture(scope="module")
def embedder():
    from selection.embedding import load_embedder

    return load_embedder()


@pytest.fixture
def open_buffer(tmp_path) -> Callable[..., SelectionBuffer]:
    """Opens the buffer over the same files each time; an earlier one is closed first, as a restart would."""
    opened: list[Database] = []

    def open_(**options) -> SelectionBuffer:
        while opened:
            opened.pop().close()
        opened.append(Database(tmp_path / "assistant.db"))
        # Only a power cut tells the difference, and tests of thousands of turns are quicker.
        opened[-1].execute("PRAGMA synchronous = OFF")
        return SelectionBuffer(opened[-1], tmp_path / "buffer.faiss", **options)

    yield open_
    for database in opened:
        database.close()
