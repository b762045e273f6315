"""What was learned, as it is now: another window may put a version in force while the server runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from assistant.models import model_sha256
from assistant.paths import Paths
from assistant.store import Store
from assistant.versions import uses_in_force

if TYPE_CHECKING:
    from assistant.engine.engine import Engine


class InForce:
    """Hands the engine the versions in force when they have changed. Only reads the store."""

    def __init__(self, engine: Engine, paths: Paths, say: Callable[[str], None]) -> None:
        """`say` is told about versions that were learned on another model."""
        self._engine = engine
        self._paths = paths
        self._say = say
        self._stamp: tuple[int, ...] | None = None

    def __call__(self) -> None:
        """Raises StoreError, and AdapterError when a version cannot be used; the former ones stay."""
        stamp = self._changed()
        if stamp == self._stamp:
            return
        with closing(Store.open(self._paths, write=False)) as store:
            if any(version.state == "active" for version in store.versions.list()):
                sha256 = model_sha256(self._engine.model_path, self._paths)
                uses, foreign = uses_in_force(store, self._paths, sha256)
            else:
                uses, foreign = [], []
        if tuple(uses) != self._engine.adapters:
            self._engine.set_adapters(uses)
        for version_id in foreign:
            self._say(f"{version_id} was learned on another model and is not used.")
        self._stamp = stamp

    def _changed(self) -> tuple[int, ...]:
        """Times and sizes of the database and its log; opening it for every request would take longer."""
        database = self._paths.database
        stamp: list[int] = []
        for file in (database, database.with_name(database.name + "-wal")):
            try:
                status = file.stat()
                stamp += [status.st_mtime_ns, status.st_size]
            except OSError:
                stamp += [0, 0]
        return tuple(stamp)
