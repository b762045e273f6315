"""Opening the file, locking it, transactions, and turning SQLite's errors into ours. Knows no table."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from assistant.errors import DiskFull, StoreBusy, StoreCorrupt, StoreError

BUSY_TIMEOUT_MS = 5_000
_NEARLY_FULL_BYTES = 1 << 20
_OLD_S = 2.0


def store_error(problem: sqlite3.Error, path: Path) -> StoreError:
    """The error of our tree that says what SQLite met at `path`."""
    # Extended codes keep the primary one in the lowest byte.
    code = (getattr(problem, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(f"There is no space left to write {path.name}.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(f"{path} is damaged or is not a database ({problem}).")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"{path.name} is locked by another process.")
    # A full disk can also surface as a failed write of the shared-memory file.
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_nearly_full(path.parent):
        return DiskFull(f"There is no space left to write {path.name}.")
    return StoreError(f"The database could not do this: {problem}.")


def _is_nearly_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _NEARLY_FULL_BYTES
    except OSError:
        return False


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise StoreError and its children instead of SQLite's and the file system's own errors."""
    try:
        yield
    except sqlite3.Error as problem:
        raise store_error(problem, path) from problem
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"There is no space left to write {path.name}.") from problem
        raise StoreError(f"{path} cannot be used: {problem.strerror}.") from problem


class WriterLock:
    """Holds the one right to write, for this process. Released by the system if the process dies.

    The file names the owning process. Once that has closed the database in order it says instead what the
    database file looked like then, so that the next one need not read all of it to know that it is whole.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock or raise StoreBusy at once."""
        with translated(path):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(self._handle, 20, 0).decode("ascii", "replace").strip()
                self.release()
                who = f"process {owner}" if owner else "another process"
                raise StoreBusy(f"The store is in use by {who}.") from None
            except OSError:
                self.release()
                raise
        with contextlib.suppress(OSError):
            # The number only serves the message above; a full disk must not prevent opening.
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    def note_sound(self, database: Path) -> None:
        """Say that this database was closed in order; to be called after closing it."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"\n{_appearance(database)}".encode(), 0)

    def release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def was_closed_in_order(database: Path, lock: Path) -> bool:
    """Whether nobody wrote to this file since its last process closed it in order."""
    try:
        noted = lock.read_text(encoding="ascii", errors="replace").partition("\n")[2]
        # What was written just now could have the same time as what was written just after it.
        is_old = time.time() - database.stat().st_mtime > _OLD_S
        return is_old and noted == _appearance(database)
    except OSError:
        return False


def _appearance(database: Path) -> str:
    seen = database.stat()
    return f"{seen.st_size} {seen.st_mtime_ns}"


class Session:
    """One connection shared by threads: a re-entrant lock gives each thread whole transactions."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self.path):
            yield self.connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is on disk when the block ends, or did not happen. Blocks may nest."""
        with self._lock, translated(self.path):
            if self.connection.in_transaction:
                yield self.connection
                return
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                # Some errors make SQLite roll back by itself; a second rollback would fail.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def scrub(self) -> None:
        """Leave no deleted byte behind in the database or its log.

        `secure_delete` zeroes freed cells, but cells moved while pages were balanced leave copies
        in unused space; only VACUUM writes every page anew. The log is emptied last because it
        holds former pages. Raises DiskFull when there is no room to write the file anew: the rows
        are gone, but traces of them may be left.
        """
        with self._lock, translated(self.path):
            try:
                self.connection.execute("VACUUM")
            finally:
                self.empty_log()

    def empty_log(self) -> None:
        with self._lock, translated(self.path):
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        with self._lock, translated(self.path):
            self.connection.close()


def create_private(path: Path) -> None:
    """Make sure the file exists and only the owner can read it (mode 0600)."""
    with translated(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.fchmod(handle, 0o600)
        finally:
            os.close(handle)


def connect(path: Path, *, write: bool, autocommit: bool = True) -> sqlite3.Connection:
    """A configured connection. Without `write` every change through it is refused.

    Without `autocommit` the driver opens transactions by itself, which sqlite-utils relies on.
    """
    with translated(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_TIMEOUT_MS / 1000,
            isolation_level=None if autocommit else "DEFERRED",
            check_same_thread=False,
        )
        try:
            configure(connection, write=write)
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def configure(connection: sqlite3.Connection, *, write: bool) -> None:
    connection.row_factory = sqlite3.Row
    # Sorting and VACUUM must not put chat text into files outside the private folder.
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")
    if write:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    else:
        connection.execute("PRAGMA query_only = ON")


def verify(
    path: Path,
    *,
    exclusive: bool,
    inspect: Callable[[sqlite3.Connection, Path], object],
    is_known_sound: bool = False,
) -> None:
    """Raise StoreCorrupt if the file is not a whole database. The file is not changed.

    `exclusive` says that the caller holds the writer lock; `inspect` looks at the tables of a
    sound file and raises if it does not like them. `is_known_sound` (see `was_closed_in_order`) spares
    reading all of it, unless a log tells of a process that died.
    """
    log = path.with_name(path.name + "-wal")
    settled = not log.exists() or log.stat().st_size == 0
    # `immutable` keeps SQLite from creating its side files next to a file that may not be ours.
    mode = "immutable=1" if exclusive and settled else "mode=ro"
    with (
        translated(path),
        contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=BUSY_TIMEOUT_MS / 1000)
        ) as probe,
    ):
        if not (is_known_sound and settled):
            findings = [row[0] for row in probe.execute("PRAGMA quick_check(1)")]
            if findings != ["ok"]:
                raise StoreCorrupt(f"{path} is damaged: {findings[0]}.")
        page_bytes = probe.execute("PRAGMA page_size").fetchone()[0]
        inspect(probe, path)
    # SQLite pads a last page that is cut short with zeros and finds nothing wrong with it.
    if settled and path.stat().st_size % page_bytes:
        raise StoreCorrupt(f"{path} is truncated.")
