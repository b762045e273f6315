from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.paths import Paths
from assistant.store import Store


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    with Store.open(paths) as opened:
        yield opened
