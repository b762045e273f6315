"""A real store with a real buffer; the clock is set by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from assistant.annotation.policy import Moment
from assistant.paths import Paths
from assistant.store import Store, Turn
from selection.buffer import SelectionBuffer
from tests import kept

NOON = datetime(2031, 5, 14, 12, 0, tzinfo=UTC)
PAUSE = Moment(idle_s=60, is_private=False, is_busy=False, is_typing=False)


class Clock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Paths(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def buffer(store: Store) -> SelectionBuffer:
    return SelectionBuffer(store.db, store.paths.index)


Keep = Callable[..., Turn]


@pytest.fixture
def keep(store: Store, buffer: SelectionBuffer) -> Keep:
    """See `tests.kept.keep`."""
    return partial(kept.keep, store, buffer)
