"""Messages and records as bytes. Little endian, versioned, with a CRC-32 and an Ed25519 signature at the end.

Every message is  header (28) · body · CRC-32 of both (4) · signature of all before (64).  The header is magic
"AFED", version u8, kind u8, form u8, zero u8, task id (16), round u32. docs/protocol.md has the full layout.
Parsing checks sizes before it looks inside, and never trusts a length that is written in the message.
"""

from __future__ import annotations

import dataclasses
import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Self, TypeVar

import numpy as np

from federation.keys import SIGNATURE_BYTES, Signer, verified
from federation.refusal import Reason, Refused
from federation.task import LARGEST_CORE, MOST_DIRECTIONS, VERSION

MAGIC = b"AFED"
HEADER = struct.Struct("<4sBBBB16sI")
CRC = struct.Struct("<I")
TAIL_BYTES = CRC.size + SIGNATURE_BYTES
STATE_BYTES = 8
UNSIGNED = bytes(SIGNATURE_BYTES)
# One kind of message is much larger than the others.
LARGEST_CHECKPOINT = HEADER.size + 64 + 4096 + 4 * 4 * LARGEST_CORE + TAIL_BYTES
LARGEST_MESSAGE = HEADER.size + 128 + 4 * MOST_DIRECTIONS + TAIL_BYTES


class Kind(IntEnum):
    REQUEST = 1
    REPORT = 2
    RECORD = 3
    WITHDRAWAL = 4
    CHECKPOINT = 5


class Encoding(IntEnum):
    """How a report's scalars are written."""

    CLEAR = 0  # int16, in units of Task.step
    MASKED = 1  # uint32, the same numbers plus masks modulo 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What all messages share. `signature` is 64 zero bytes until `signed`."""

    kind: ClassVar[Kind]
    task: bytes
    round: int
    signature: bytes = field(default=UNSIGNED)

    def body(self) -> bytes:
        raise NotImplementedError

    @property
    def form(self) -> int:
        return 0

    def unsigned_bytes(self) -> bytes:
        """Header, body and CRC: what is signed and hashed."""
        header = HEADER.pack(MAGIC, VERSION, self.kind, self.form, 0, self.task, self.round)
        front = header + self.body()
        return front + CRC.pack(zlib.crc32(front))

    def to_bytes(self) -> bytes:
        return self.unsigned_bytes() + self.signature

    @property
    def hash(self) -> bytes:
        """SHA-256 without the signature, so that equal content has one hash whoever signed it."""
        return hashlib.sha256(self.unsigned_bytes()).digest()

    def signed(self, signer: Signer) -> Self:
        """The same message with a signature."""
        return dataclasses.replace(self, signature=signer.sign(self.unsigned_bytes()))

    def check_signature(self, public: bytes) -> None:
        """Raises Refused (unsigned, signature) unless `public` signed these bytes."""
        if self.signature == UNSIGNED:
            raise Refused(Reason.UNSIGNED, f"a {self.kind.name.lower()} without signature")
        if not verified(public, self.unsigned_bytes(), self.signature):
            raise Refused(Reason.SIGNATURE, f"a {self.kind.name.lower()} signed by another key")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRequest(Message):
    """The coordinator asks for reports on one state.

    head: hash of the last record (32 bytes), which names the state. deadline: seconds since 1970 (u64).
    """

    kind: ClassVar[Kind] = Kind.REQUEST
    head: bytes
    deadline: int

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<32sQ")

    def body(self) -> bytes:
        return self.LAYOUT.pack(self.head, self.deadline)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Message):
    """All that leaves a device: N numbers and an envelope.

    state: first 8 bytes of the head it was measured on. device: short id. payload: N int16 (CLEAR) or N
    uint32 (MASKED).
    """

    kind: ClassVar[Kind] = Kind.REPORT
    state: bytes
    device: bytes
    encoding: Encoding
    payload: bytes

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<8s16sH")

    @property
    def form(self) -> int:
        return int(self.encoding)

    @property
    def scalars(self) -> np.ndarray:
        """int16 [N] or uint32 [N], read-only."""
        return np.frombuffer(self.payload, dtype="<i2" if self.encoding is Encoding.CLEAR else "<u4")

    def body(self) -> bytes:
        count = len(self.payload) // (2 if self.encoding is Encoding.CLEAR else 4)
        return self.LAYOUT.pack(self.state, self.device, count) + self.payload


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord(Message):
    """One finished round: the N numbers that everybody replays.

    previous: hash of the record before, or the task's digest. reports: SHA-256 over the sorted hashes of the
    reports that went in. clients: how many. hold: the state stays, and this round's numbers count with the
    next one's. payload: N int32 in units of Task.step / 256.
    """

    kind: ClassVar[Kind] = Kind.RECORD
    previous: bytes
    reports: bytes
    clients: int
    payload: bytes
    hold: bool = False

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<32s32sIH")

    @property
    def form(self) -> int:
        return int(self.hold)

    @property
    def aggregate(self) -> np.ndarray:
        """int32 [N], read-only."""
        return np.frombuffer(self.payload, dtype="<i4")

    def body(self) -> bytes:
        head = self.LAYOUT.pack(self.previous, self.reports, self.clients, len(self.payload) // 4)
        return head + self.payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal(Message):
    """Takes back the record of `round`: replay skips it from here on. `record` is its hash."""

    kind: ClassVar[Kind] = Kind.WITHDRAWAL
    previous: bytes
    record: bytes

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<32s32s")

    def body(self) -> bytes:
        return self.LAYOUT.pack(self.previous, self.record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Message):
    """The state after the record `head`; `round` is the next one to come.

    moves: how often each block has moved. numbers: float32, the core's d numbers, with Adam its two moments
    of d numbers each, and with discriminative sampling the last gradient of d numbers.
    """

    kind: ClassVar[Kind] = Kind.CHECKPOINT
    head: bytes
    moves: tuple[int, ...]
    numbers: bytes

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<32sHI")

    def body(self) -> bytes:
        head = self.LAYOUT.pack(self.head, len(self.moves), len(self.numbers) // 4)
        return head + struct.pack(f"<{len(self.moves)}I", *self.moves) + self.numbers


Record = RoundRecord | Withdrawal


def parse(data: bytes) -> RoundRequest | Report | RoundRecord | Withdrawal | Checkpoint:
    """The message in `data`. Raises Refused for anything that is not exactly one well-formed message.

    Signatures are not checked here: that needs a key.
    """
    if len(data) > LARGEST_CHECKPOINT:
        raise Refused(Reason.OVERSIZED, f"a message of {len(data)} bytes")
    if len(data) < HEADER.size + TAIL_BYTES:
        raise Refused(Reason.MALFORMED, f"a message of {len(data)} bytes")
    magic, version, kind, form, zero, task, round_ = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise Refused(Reason.MALFORMED, "no message of this protocol")
    if version != VERSION:
        raise Refused(Reason.VERSION, f"protocol version {version}")
    if kind != Kind.CHECKPOINT and len(data) > LARGEST_MESSAGE:
        raise Refused(Reason.OVERSIZED, f"a message of {len(data)} bytes")
    front, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    if zlib.crc32(front[: -CRC.size]) != CRC.unpack(front[-CRC.size :])[0]:
        raise Refused(Reason.CHECKSUM, "the checksum does not fit")
    body = front[HEADER.size : -CRC.size]
    try:
        message = _body(kind, form, body, task=task, round=round_, signature=signature)
    except (struct.error, ValueError) as error:
        raise Refused(Reason.MALFORMED, "the body does not have the layout of its kind") from error
    if zero or message.unsigned_bytes() != front:
        raise Refused(Reason.MALFORMED, "bytes that the layout has no place for")
    return message


M = TypeVar("M", bound=Message)


def parse_as(expected: type[M], data: bytes) -> M:
    """`parse`, and Refused (malformed) for another kind of message."""
    message = parse(data)
    if not isinstance(message, expected):
        raise Refused(Reason.MALFORMED, f"a {message.kind.name.lower()} in the wrong place")
    return message


def _body(
    kind: int, form: int, body: bytes, *, task: bytes, round: int, signature: bytes
) -> RoundRequest | Report | RoundRecord | Withdrawal | Checkpoint:
    if kind == Kind.REQUEST:
        head, deadline = RoundRequest.LAYOUT.unpack(body)
        return RoundRequest(task=task, round=round, signature=signature, head=head, deadline=deadline)
    if kind == Kind.REPORT:
        state, device, count = Report.LAYOUT.unpack_from(body)
        encoding = Encoding(form)
        payload = body[Report.LAYOUT.size :]
        _count(count, payload, 2 if encoding is Encoding.CLEAR else 4, MOST_DIRECTIONS)
        return Report(
            task=task,
            round=round,
            signature=signature,
            state=state,
            device=device,
            encoding=encoding,
            payload=payload,
        )
    if kind == Kind.RECORD:
        previous, reports, clients, count = RoundRecord.LAYOUT.unpack_from(body)
        payload = body[RoundRecord.LAYOUT.size :]
        _count(count, payload, 4, MOST_DIRECTIONS)
        if form > 1:
            raise ValueError("unknown form")
        return RoundRecord(
            task=task,
            round=round,
            signature=signature,
            previous=previous,
            reports=reports,
            clients=clients,
            payload=payload,
            hold=bool(form),
        )
    if kind == Kind.WITHDRAWAL:
        previous, record = Withdrawal.LAYOUT.unpack(body)
        return Withdrawal(task=task, round=round, signature=signature, previous=previous, record=record)
    if kind == Kind.CHECKPOINT:
        head, blocks, count = Checkpoint.LAYOUT.unpack_from(body)
        start = Checkpoint.LAYOUT.size + 4 * blocks
        moves = struct.unpack_from(f"<{blocks}I", body, Checkpoint.LAYOUT.size)
        numbers = body[start:]
        _count(count, numbers, 4, 4 * LARGEST_CORE)
        return Checkpoint(
            task=task, round=round, signature=signature, head=head, moves=moves, numbers=numbers
        )
    raise ValueError("unknown kind")


def _count(written: int, payload: bytes, size: int, most: int) -> None:
    if not 0 < written <= most or len(payload) != written * size:
        raise ValueError("the count does not fit the payload")
