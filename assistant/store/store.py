"""Opens the file and offers chats with their branches, marks, pairs, versions and whatever else is kept."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from assistant.errors import DiskFull
from assistant.paths import Paths
from assistant.store.branches import Branches
from assistant.store.chats import Chats
from assistant.store.database import (
    Session,
    WriterLock,
    configure,
    connect,
    create_private,
    translated,
    verify,
    was_closed_in_order,
)
from assistant.store.exchanges import Exchanges
from assistant.store.forgetting import Forgettings
from assistant.store.importing import Imports
from assistant.store.marks import Marks
from assistant.store.migrations import migrate, require_current, schema_number
from assistant.store.pairs import Pairs
from assistant.store.personas import Personas
from assistant.store.questions import Questions
from assistant.store.versions import Versions

if TYPE_CHECKING:
    from sqlite_utils import Database


class Store:
    """Everything remembered. Methods may be called from any thread; each change is on disk on return.

    Attributes:
        recovered: how many replies a crash had left unfinished when the store was opened.
        completed: numbers of forgettings that a killed process had left half done, and that are complete now.
    """

    def __init__(self, session: Session, paths: Paths, lock: WriterLock | None) -> None:
        self._session = session
        self._lock = lock
        self._db: Database | None = None
        self.paths = paths
        self.chats = Chats(session, index=paths.index)
        self.branches = Branches(session)
        self.exchanges = Exchanges(session)
        self.forgettings = Forgettings(session, paths)
        self.imports = Imports(session)
        self.marks = Marks(session)
        self.pairs = Pairs(session)
        self.personas = Personas(session)
        self.questions = Questions(session)
        self.versions = Versions(session, adapters=paths.adapters)
        self.recovered = self.chats.recover() if lock else 0
        self.completed: list[int] = []
        if lock:
            # A disk that is full now must not keep anyone from reading; it is tried again next time.
            with contextlib.suppress(DiskFull):
                self.completed = self.forgettings.complete()

    @classmethod
    def open(cls, paths: Paths, *, write: bool = True) -> Store:
        """Open the owner's store, creating it if there is none.

        Without `write` nothing on disk changes and another process may be writing; a store that
        does not exist yet then reads as an empty one.

        Raises:
            StoreBusy: another process holds the right to write.
            StoreCorrupt: not a whole database of ours; the file is left untouched.
            DiskFull: no space to create it.
        """
        return cls._open_to_write(paths) if write else cls._open_to_read(paths)

    @classmethod
    def _open_to_write(cls, paths: Paths) -> Store:
        with translated(paths.home):
            paths.ensure()
        is_sound = was_closed_in_order(paths.database, paths.lock)
        lock = WriterLock(paths.lock)
        try:
            if _has_content(paths.database):
                verify(paths.database, exclusive=True, inspect=schema_number, is_known_sound=is_sound)
            create_private(paths.database)
            session = Session(connect(paths.database, write=True), paths.database)
            try:
                migrate(session)
                # A process that was killed after a deletion may have left former pages in the log.
                # Emptying it can need room in the database; without any, reading must still work.
                with contextlib.suppress(DiskFull):
                    session.empty_log()
                return cls(session, paths, lock)
            except BaseException:
                session.close()
                raise
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _open_to_read(cls, paths: Paths) -> Store:
        if not _has_content(paths.database):
            connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            configure(connection, write=True)
            session = Session(connection, paths.database)
            migrate(session)
            connection.execute("PRAGMA query_only = ON")
            return cls(session, paths, None)
        is_sound = was_closed_in_order(paths.database, paths.lock)
        verify(paths.database, exclusive=False, inspect=require_current, is_known_sound=is_sound)
        return cls(Session(connect(paths.database, write=False), paths.database), paths, None)

    @property
    def writable(self) -> bool:
        return self._lock is not None

    @property
    def db(self) -> Database:
        """The same file through sqlite-utils, for the tables that `selection` keeps by itself.

        A second connection: what another thread does through it can neither join nor commit a
        transaction of this store. Use it from one thread at a time, or guard it.
        """
        if self._db is None:
            from sqlite_utils import Database

            if self._lock is None and not _has_content(self.paths.database):
                connection = sqlite3.connect(":memory:", check_same_thread=False)
            else:
                connection = connect(self.paths.database, write=self.writable, autocommit=False)
            # sqlite-utils reads rows by position and by name; its own default row type does both.
            connection.row_factory = None
            self._db = Database(connection)
        return self._db

    def together(self) -> contextlib.AbstractContextManager[object]:
        """Changes in this block are on disk together or not at all; other threads wait until it ends."""
        return self._session.writing()

    def check(self) -> list[str]:
        """Every damage SQLite can find, indexes included; empty when the file is sound."""
        with self._session.reading() as db:
            rows = [str(row[0]) for row in db.execute("PRAGMA integrity_check(20)")]
            rows += [f"orphaned row in {row[0]}" for row in db.execute("PRAGMA foreign_key_check")]
        return [row for row in rows if row != "ok"]

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        self._session.close()
        if self._lock is not None:
            self._lock.note_sound(self.paths.database)
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _has_content(database: Path) -> bool:
    # A file of no bytes is what a crash between creating and filling it leaves; SQLite agrees.
    return database.exists() and database.stat().st_size > 0
