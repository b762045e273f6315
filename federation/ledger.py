"""Every byte that left this device, in a chain of hashes that the owner can check.

One JSON line an entry. An entry is written, and on the disk, before its bytes are handed to the network:
what the ledger lacks was never sent, and after a crash the last entry may be one that was not sent after
all. Each entry's hash covers all its fields and the hash before it, so changing, removing or inserting one
breaks the chain there. Cutting off the end leaves a chain that is whole: keep a `Head` elsewhere and give
it to `verify`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from federation.journal import Journal, Record, encoded
from federation.refusal import FederationError

FIRST = "0" * 64
SENT, MENDED = "sent", "mended"
_FIELDS = {
    "number": int,
    "time": str,
    "kind": str,
    "task": str,
    "round": int,
    "bytes": str,
    "sha256": str,
    "consent": str,
    "previous": str,
    "hash": str,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing sent, or ("mended") what a crash left of an entry whose bytes were never sent.

    `time` is ISO 8601 with its offset; `sha256` that of `payload`; `consent` the mode that allowed it.
    """

    number: int
    time: str
    kind: str
    task: str
    round: int
    payload: bytes
    sha256: str
    consent: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """How long the ledger was, and the hash of its last entry then."""

    entries: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """`broken` is the number of the first entry that does not hold, None if all do; `reason` says why.

    `torn` is how many bytes a crash left behind the last entry; they are no fault, and the next entry tells
    them.
    """

    entries: int
    head: Head
    broken: int | None = None
    reason: str = ""
    torn: int = 0

    @property
    def holds(self) -> bool:
        return self.broken is None


class LedgerBroken(FederationError):
    """The end of the ledger cannot be read, so nothing can be added to it and nothing may be sent."""


class Ledger:
    """The file at `path`, made by the first entry."""

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)

    @property
    def path(self) -> Path:
        return self._journal.path

    def record(self, payload: bytes, *, task: str, round_number: int, consent: str, now: datetime) -> Entry:
        """Enter bytes that are about to be sent; send them only after this returns.

        `now` needs a time zone. Raises LedgerBroken if the last entry is unreadable, OSError if the disk
        refuses.
        """
        if now.tzinfo is None:
            raise ValueError("a time in the ledger needs its time zone")
        time = now.isoformat(timespec="seconds")

        def build(last: Record | None, torn: bytes) -> list[Record]:
            records = []
            if torn:
                last = _chained(last, time, MENDED, "", 0, torn, "")
                records.append(last)
            records.append(_chained(last, time, SENT, task, round_number, payload, consent))
            return records

        try:
            return _entry(self._journal.append(build)[-1])
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerBroken("the last entry of the ledger is not one; nothing was sent") from error

    def entries(self) -> Iterator[Entry]:
        """Everything entered, oldest first. Raises LedgerBroken at a line that is no entry."""
        for number, line in enumerate(self._journal.lines(), 1):
            try:
                yield _entry(_parsed(line))
            except (ValueError, KeyError, TypeError) as error:
                raise LedgerBroken(f"entry {number} of the ledger cannot be read") from error

    def sent(self, task: str, round_number: int) -> Entry | None:
        """What was sent in that round, so that the same bytes can be sent again."""
        found = None
        for entry in self.entries():
            if (entry.kind, entry.task, entry.round) == (SENT, task, round_number):
                found = entry
        return found

    def head(self) -> Head:
        """The end as it stands; keep it elsewhere to notice a ledger that was cut short."""
        return self.verify().head

    def verify(self, since: Head | None = None) -> Verification:
        """Check every entry, and that the ledger still continues `since`. Changes nothing."""
        previous, count, reached = FIRST, 0, since is None or since.entries == 0
        for count, line in enumerate(self._journal.lines(), 1):
            reason = _fault(line, count, previous)
            if not reason and since and count == since.entries and _parsed(line)["hash"] != since.hash:
                reason = "it is another entry than the one remembered here"
            if reason:
                return self._verified(count - 1, previous, count, reason)
            previous = str(_parsed(line)["hash"])
            reached = reached or (since is not None and count == since.entries)
        if not reached:
            return self._verified(count, previous, count + 1, "entries that were here are missing at the end")
        return self._verified(count, previous, None, "")

    def _verified(self, entries: int, last: str, broken: int | None, reason: str) -> Verification:
        return Verification(entries, Head(entries, last), broken, reason, len(self._journal.torn()))


def _chained(
    last: Record | None, time: str, kind: str, task: str, round_number: int, payload: bytes, consent: str
) -> Record:
    record: Record = {
        "number": int(last["number"]) + 1 if last else 1,
        "time": time,
        "kind": kind,
        "task": task,
        "round": round_number,
        "bytes": payload.hex(),
        "sha256": hashlib.sha256(payload).hexdigest(),
        "consent": consent,
        "previous": str(last["hash"]) if last else FIRST,
    }
    return {**record, "hash": _hash(record)}


def _hash(record: Record) -> str:
    return hashlib.sha256(encoded({name: record[name] for name in _FIELDS if name != "hash"})).hexdigest()


def _parsed(line: bytes) -> Record:
    record = json.loads(line)
    if not isinstance(record, dict) or record.keys() != _FIELDS.keys():
        raise ValueError("not the fields of an entry")
    for name, kind in _FIELDS.items():
        if type(record[name]) is not kind:
            raise ValueError(f"{name} is not of its kind")
    return record


def _entry(record: Record) -> Entry:
    values = {name: record[name] for name in _FIELDS if name != "bytes"}
    return Entry(payload=bytes.fromhex(record["bytes"]), **values)


def _fault(line: bytes, number: int, previous: str) -> str:
    """What is wrong with entry `number`, or ""."""
    try:
        record = _parsed(line)
        payload = bytes.fromhex(record["bytes"])
    except (ValueError, RecursionError):
        return "it cannot be read"
    if encoded(record) != line:
        return "it is not written as entries are"
    if record["number"] != number:
        return f"its number is {record['number']}"
    if record["previous"] != previous:
        return "it does not continue the entry before it"
    if hashlib.sha256(payload).hexdigest() != record["sha256"]:
        return "its bytes are not those that were entered"
    if _hash(record) != record["hash"]:
        return "it was changed after it was entered"
    return ""
