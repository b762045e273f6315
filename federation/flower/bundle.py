"""What travels together in one payload: records to catch up with, and a request; or a head, and a report.

A bundle is magic "AFB1" and parts; a part is tag u8, length u32 (little endian), bytes. Each part is a
message of the protocol as it is signed, or the 32 bytes of a head; nothing in here is looked into.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from federation.flower.errors import Malformed

MAGIC = b"AFB1"
HEAD_BYTES = 32
# Bytes; far more than a round needs, far less than would hurt.
PAYLOAD_LIMIT = 1 << 20
_PART = struct.Struct("<BI")
PART_BYTES = _PART.size


class Tag(IntEnum):
    RECORD = 1
    CHECKPOINT = 2
    REQUEST = 3
    HEAD = 4
    REPORT = 5


@dataclass(frozen=True, slots=True)
class ToDevice:
    """What a device is sent. With neither checkpoint, records nor request: only asked where it stands.

    The checkpoint comes before the records, the records in order, and the request after them.
    """

    records: tuple[bytes, ...] = ()
    request: bytes | None = None
    checkpoint: bytes | None = None

    def to_bytes(self) -> bytes:
        parts = [(Tag.CHECKPOINT, self.checkpoint), *((Tag.RECORD, record) for record in self.records)]
        return _join([*parts, (Tag.REQUEST, self.request)])

    @classmethod
    def from_bytes(cls, data: bytes) -> ToDevice:
        """Raises Malformed."""
        parts = _split(data, {Tag.RECORD, Tag.CHECKPOINT, Tag.REQUEST})
        return cls(
            tuple(part for tag, part in parts if tag is Tag.RECORD),
            _only(parts, Tag.REQUEST),
            _only(parts, Tag.CHECKPOINT),
        )


@dataclass(frozen=True, slots=True)
class FromDevice:
    """What a device answers: the hash of the last record that it replayed (32 bytes), maybe a report."""

    head: bytes
    report: bytes | None = None

    def to_bytes(self) -> bytes:
        return _join([(Tag.HEAD, self.head), (Tag.REPORT, self.report)])

    @classmethod
    def from_bytes(cls, data: bytes) -> FromDevice:
        """Raises Malformed."""
        parts = _split(data, {Tag.HEAD, Tag.REPORT})
        head = _only(parts, Tag.HEAD)
        if head is None or len(head) != HEAD_BYTES:
            raise Malformed("an answer says where the device stands")
        return cls(head, _only(parts, Tag.REPORT))


def _join(parts: list[tuple[Tag, bytes | None]]) -> bytes:
    held = [(tag, part) for tag, part in parts if part is not None]
    return MAGIC + b"".join(_PART.pack(tag, len(part)) + part for tag, part in held)


def _split(data: bytes, expected: set[Tag]) -> list[tuple[Tag, bytes]]:
    if not data.startswith(MAGIC) or len(data) > PAYLOAD_LIMIT:
        raise Malformed("no bundle of this protocol")
    parts, place = [], len(MAGIC)
    while place < len(data):
        if len(data) - place < _PART.size:
            raise Malformed("a bundle ends within a part")
        number, length = _PART.unpack_from(data, place)
        place += _PART.size
        if number not in expected or length > len(data) - place:
            raise Malformed("a part that does not belong here, or longer than the bundle")
        parts.append((Tag(number), data[place : place + length]))
        place += length
    return parts


def _only(parts: list[tuple[Tag, bytes]], tag: Tag) -> bytes | None:
    found = [part for held, part in parts if held is tag]
    if len(found) > 1:
        raise Malformed("a part that may be there once is there twice")
    return found[0] if found else None
