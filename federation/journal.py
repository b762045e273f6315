"""An append-only file of JSON lines that survives a kill at any byte.

A line counts once it is on the disk with its newline. What a crash left of a last line is cut off by the next
append, which is told what it was. Files are 0600 in a 0700 folder; writers take turns by a lock.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]
_BLOCK = 65536


class Journal:
    """Records in, records out. Raises OSError as the file system does, ValueError for what is no record."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, build: Callable[[Record | None, bytes], list[Record]]) -> list[Record]:
        """Write what `build` makes of the last record (None at the start) and the torn bytes (mostly b"").

        All of it is on the disk when this returns. Nobody else writes between reading the last record and
        writing the new ones.
        """
        is_new = not self.path.exists()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.fchmod(handle, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            last, torn = _tail(handle)
            records = build(json.loads(last) if last else None, torn)
            if torn:
                os.ftruncate(handle, os.fstat(handle).st_size - len(torn))
            waiting = b"".join(encoded(record) + b"\n" for record in records)
            while waiting:
                waiting = waiting[os.write(handle, waiting) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            _sync_folder(self.path.parent)
        return records

    def lines(self) -> Iterator[bytes]:
        """Every whole line as it stands in the file, without its newline."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]

    def records(self) -> Iterator[Record]:
        for number, line in enumerate(self.lines(), 1):
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError(f"line {number} is no record")
            yield record

    def torn(self) -> bytes:
        """What a crash left behind the last whole line."""
        if not self.path.exists():
            return b""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            return _tail(handle)[1]
        finally:
            os.close(handle)


def encoded(record: Record) -> bytes:
    """The one way a record is written: sorted keys, no spaces, ASCII."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def write_whole(path: Path, content: bytes) -> None:
    """Replace a small file by new content, all or nothing, 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync_folder(path.parent)


def _tail(handle: int) -> tuple[bytes, bytes]:
    """The last whole line without its newline, and the bytes behind it."""
    start = os.fstat(handle).st_size
    seen = b""
    while start > 0 and seen.count(b"\n") < 2:
        size = min(_BLOCK, start)
        start -= size
        seen = os.pread(handle, size, start) + seen
    whole, newline, torn = seen.rpartition(b"\n")
    return (whole.rpartition(b"\n")[2], torn) if newline else (b"", seen)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
