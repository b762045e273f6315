"""The public log of rounds: append-only, hash-chained, one file; from it all devices rebuild one state.

The file is a sequence of frames, each a u32 length and one message: optionally a checkpoint first, then
records and withdrawals in order. Its folder must exist, and it gets mode 0600. A frame that was cut off by a
crash is dropped when the file is opened; anything else that is wrong is an error, because a log with a hole
is no log.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from federation.refusal import Reason, Refused
from federation.state import State
from federation.task import SignedTask
from federation.wire import LARGEST_CHECKPOINT, Checkpoint, Record, RoundRecord, Withdrawal, parse

FRAME = struct.Struct("<I")


class RoundLog:
    """Records of one task. In memory alone without a path; else written and synced before `append` returns.

    One process writes a file at a time. `public` is whose signature records need: the task's coordinator by
    default, None for nobody's (peers agree by other means).
    """

    def __init__(self, signed: SignedTask, path: Path | None = None, *, need_signature: bool = True) -> None:
        """Opens or begins the log. Raises Refused for a file that is not this task's whole log."""
        self.task = signed.task
        self._public = signed.public if need_signature else None
        self._path = path
        self._task_id = self.task.id
        self._begin(None)
        if path is not None:
            self._open(path)

    @property
    def head(self) -> bytes:
        """32 bytes that name the current state: hash of the last entry, or the task's digest."""
        return self._head

    @property
    def base(self) -> Checkpoint | None:
        """The checkpoint that stands for everything before the first entry."""
        return self._base

    @property
    def next_round(self) -> int:
        """The lowest round number that the next record may have."""
        return self._next_round

    def __len__(self) -> int:
        """Entries after the base: records and withdrawals."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Record]:
        return iter(tuple(self._entries))

    def record(self, round_: int) -> RoundRecord:
        """The record of a round. Raises Refused (wrong-state) when the log has none."""
        if round_ not in self._rounds:
            raise Refused(Reason.WRONG_STATE, f"the log has no record of round {round_}")
        return self._rounds[round_]

    def in_force(self) -> list[RoundRecord]:
        """The records after the base that were not withdrawn, in order."""
        return [each for each in self._rounds.values() if each.round not in self._withdrawn]

    def append(self, entry: Record) -> bool:
        """Add one entry; False when it is the log's already.

        Raises Refused for anything that does not follow, OSError when it can't be written; either leaves the
        log as it was.
        """
        if entry.hash in self._places:
            return False
        self._check(entry)
        self._write(entry.to_bytes())
        self._add(entry)
        return True

    def extend(self, data: Iterable[bytes]) -> int:
        """Append entries given as bytes; returns how many were new. Stops at the first that is refused."""
        added = 0
        for each in data:
            entry = parse(each)
            if not isinstance(entry, RoundRecord | Withdrawal):
                raise Refused(Reason.MALFORMED, f"a {entry.kind.name.lower()} among records")
            added += self.append(entry)
        return added

    def since(self, head: bytes) -> list[bytes] | None:
        """The entries after `head` as bytes; None when the log does not know that head.

        Who holds an unknown head needs the base and all entries: `since(log.base.head)`.
        """
        if head == self._start:
            return [each.to_bytes() for each in self._entries]
        if head not in self._places:
            return None
        return [each.to_bytes() for each in self._entries[self._places[head] + 1 :]]

    def adopt(self, checkpoint: Checkpoint) -> None:
        """Begin from a checkpoint, forgetting the entries it covers; later entries stay if they follow it.

        Raises Refused, unchanged, for a checkpoint that is not the task's, or unsigned where that is needed.
        """
        self._check_checkpoint(checkpoint)
        place = self._places.get(checkpoint.head, -1)
        known = place >= 0 or checkpoint.head == self._start
        later = self._entries[place + 1 :] if known else []
        if any(isinstance(each, Withdrawal) and each.round < checkpoint.round for each in later):
            raise Refused(Reason.WRONG_STATE, "the checkpoint holds a round that was withdrawn later")
        if self._path is not None:
            frames = [each.to_bytes() for each in (checkpoint, *later)]
            partial = self._path.with_name(self._path.name + ".partial")
            with _private(partial, os.O_TRUNC) as file:
                file.write(b"".join(FRAME.pack(len(each)) + each for each in frames))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        self._begin(checkpoint)
        for entry in later:
            self._add(entry)

    def state(self) -> State:
        """Replay everything in force."""
        state = State(self.task) if self._base is None else State.restored(self.task, self._base)
        for record in self.in_force():
            state.apply(record)
        return state

    def _begin(self, base: Checkpoint | None) -> None:
        self._base = base
        self._start = self.task.digest if base is None else base.head
        self._head = self._start
        self._next_round = 0 if base is None else base.round
        self._entries: list[Record] = []
        self._places: dict[bytes, int] = {}
        self._rounds: dict[int, RoundRecord] = {}
        self._withdrawn: set[int] = set()

    def _open(self, path: Path) -> None:
        data = path.read_bytes() if path.exists() else b""
        at = 0
        while at + FRAME.size <= len(data):
            (size,) = FRAME.unpack_from(data, at)
            if size > LARGEST_CHECKPOINT:
                raise Refused(Reason.MALFORMED, f"{path.name} is not a log of rounds")
            if at + FRAME.size + size > len(data):
                break
            entry = parse(data[at + FRAME.size : at + FRAME.size + size])
            if isinstance(entry, Checkpoint) and at == 0:
                self._check_checkpoint(entry)
                self._begin(entry)
            elif isinstance(entry, RoundRecord | Withdrawal):
                self._check(entry)
                self._add(entry)
            else:
                raise Refused(Reason.MALFORMED, f"a {entry.kind.name.lower()} inside {path.name}")
            at += FRAME.size + size
        if at < len(data):
            os.truncate(path, at)

    def _check(self, entry: Record) -> None:
        if entry.task != self._task_id:
            raise Refused(Reason.WRONG_TASK, "a record of another task")
        if self._public is not None:
            entry.check_signature(self._public)
        if entry.previous != self._head:
            raise Refused(
                Reason.BROKEN_CHAIN, f"the entry for round {entry.round} does not follow the last one"
            )
        if isinstance(entry, Withdrawal):
            record = self._rounds.get(entry.round)
            if record is None or record.hash != entry.record or entry.round in self._withdrawn:
                raise Refused(Reason.WRONG_STATE, f"round {entry.round} can't be withdrawn")
            return
        if entry.round < self._next_round:
            raise Refused(Reason.PAST_ROUND, f"round {entry.round} after round {self._next_round - 1}")
        if len(entry.aggregate) != self.task.directions:
            raise Refused(Reason.WRONG_LENGTH, f"an aggregate of {len(entry.aggregate)} numbers")
        if entry.hold and self.task.window.blocks > 1:
            raise Refused(Reason.MALFORMED, "a round can't be held while the window travels")

    def _check_checkpoint(self, checkpoint: Checkpoint) -> None:
        if checkpoint.task != self._task_id:
            raise Refused(Reason.WRONG_TASK, "a checkpoint of another task")
        if self._public is not None:
            checkpoint.check_signature(self._public)
        State.restored(self.task, checkpoint)

    def _add(self, entry: Record) -> None:
        self._head = entry.hash
        self._places[self._head] = len(self._entries)
        self._entries.append(entry)
        if isinstance(entry, Withdrawal):
            self._withdrawn.add(entry.round)
        else:
            self._rounds[entry.round] = entry
            self._next_round = entry.round + 1

    def _write(self, data: bytes) -> None:
        if self._path is None:
            return
        with _private(self._path, os.O_APPEND) as file:
            size = os.fstat(file.fileno()).st_size
            try:
                file.write(FRAME.pack(len(data)) + data)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                # Half a frame followed by a whole one would be a hole.
                os.truncate(self._path, size)
                raise


def _private(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600), "wb")
