"""What a group agrees on before it masks anything, and its messages as bytes of one exact length each.

A message is  tag (1) · session digest (32) · index of the sender (1) · body · Ed25519 signature (64).
All sizes follow from the session, so nothing in a message is trusted for a length.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from federation.keys import KEY_BYTES as IDENTITY_BYTES
from federation.keys import SIGNATURE_BYTES, Signer, verified
from federation.privacy.secure_sum.masks import KEY_BYTES, SEAL_BYTES
from federation.privacy.secure_sum.shamir import SHARE_BYTES
from federation.refusal import Reason, Refused

SMALLEST_GROUP = 3
LARGEST_GROUP = 64
MOST_ROUNDS = 64
DIGEST_BYTES = 32
_LAYOUT = struct.Struct("<16s16sIHHBB")
_HEAD = struct.Struct("<c32sB")

KEYS, SHARES, AGREEMENT, REVEALED = b"K", b"S", b"A", b"R"


def needed_threshold(members: int) -> int:
    """More than two thirds: then two lists of survivors cannot both be agreed on, unless a third colludes."""
    return 2 * members // 3 + 1


@dataclass(frozen=True, slots=True)
class Session:
    """One group and its rounds `first_round` … `first_round + rounds − 1`.

    `task` and `number` have 16 bytes; `number` is fresh for each session. `count` scalars a report.
    `members` are the Ed25519 keys of the devices, ascending. `threshold` of them rebuild a secret.
    """

    task: bytes
    number: bytes
    first_round: int
    rounds: int
    count: int
    threshold: int
    members: tuple[bytes, ...]

    def __post_init__(self) -> None:
        """Raises Refused (out-of-range) for a session that cannot keep its promise."""
        size = len(self.members)
        fits = (
            len(self.task) == len(self.number) == 16
            and 0 <= self.first_round < 2**32 - MOST_ROUNDS
            and 1 <= self.rounds <= MOST_ROUNDS
            and 2 <= self.count < 2**16
            and SMALLEST_GROUP <= size <= LARGEST_GROUP
            and needed_threshold(size) <= self.threshold <= size
            and all(len(member) == IDENTITY_BYTES for member in self.members)
            and all(a < b for a, b in zip(self.members, self.members[1:], strict=False))
        )
        if not fits:
            raise Refused(Reason.OUT_OF_RANGE, "a session of secure aggregation with unsafe numbers")

    def to_bytes(self) -> bytes:
        front = _LAYOUT.pack(
            self.task,
            self.number,
            self.first_round,
            self.rounds,
            self.count,
            self.threshold,
            len(self.members),
        )
        return front + b"".join(self.members)

    @classmethod
    def from_bytes(cls, data: bytes) -> Session:
        """Raises Refused for anything that is not exactly one safe session."""
        if len(data) < _LAYOUT.size:
            raise Refused(Reason.MALFORMED, "no session")
        task, number, first, rounds, count, threshold, size = _LAYOUT.unpack_from(data)
        if len(data) != _LAYOUT.size + size * IDENTITY_BYTES:
            raise Refused(Reason.MALFORMED, "a session of another length than it says")
        members = tuple(_pieces(data[_LAYOUT.size :], IDENTITY_BYTES))
        return cls(task, number, first, rounds, count, threshold, members)

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(b"secure sum\0" + self.to_bytes()).digest()

    def index(self, member: bytes) -> int:
        """Raises Refused (stranger) for who is not in the group."""
        try:
            return self.members.index(member)
        except ValueError as error:
            raise Refused(Reason.STRANGER, "not a member of this group") from error

    def offset(self, round_: int) -> int:
        """Position of a round in the session. Raises Refused (past-round, future-round)."""
        if round_ < self.first_round:
            raise Refused(Reason.PAST_ROUND, f"round {round_} was before this session")
        if round_ >= self.first_round + self.rounds:
            raise Refused(Reason.FUTURE_ROUND, f"round {round_} is after this session")
        return round_ - self.first_round


@dataclass(frozen=True, slots=True)
class Keys:
    """A member's public keys: one for envelopes, and per round (mask key, commitment to the self mask)."""

    channel: bytes
    rounds: tuple[tuple[bytes, bytes], ...]

    def body(self) -> bytes:
        return self.channel + b"".join(key + seal for key, seal in self.rounds)

    @classmethod
    def parse(cls, session: Session, body: bytes) -> Keys:
        _exact(body, KEY_BYTES + session.rounds * (KEY_BYTES + DIGEST_BYTES))
        pairs = _pieces(body[KEY_BYTES:], KEY_BYTES + DIGEST_BYTES)
        return cls(body[:KEY_BYTES], tuple((pair[:KEY_BYTES], pair[KEY_BYTES:]) for pair in pairs))


def envelope_bytes(session: Session) -> int:
    """Size of one sealed envelope: two shares a round."""
    return session.rounds * 2 * SHARE_BYTES + SEAL_BYTES


def parse_shares(session: Session, body: bytes) -> list[bytes]:
    """One envelope per member, in the order of the group; the sender's own is zeros."""
    _exact(body, len(session.members) * envelope_bytes(session))
    return _pieces(body, envelope_bytes(session))


def parse_revealed(session: Session, body: bytes) -> tuple[int, list[bytes]]:
    """Round, and one share per member of the group (zeros for who is not on the roster)."""
    _exact(body, 4 + len(session.members) * SHARE_BYTES)
    return int.from_bytes(body[:4], "little"), _pieces(body[4:], SHARE_BYTES)


def agreement(roster_digest: bytes, round_: int, alive: Iterable[int]) -> bytes:
    """What members sign: in this round, of this roster, exactly these answered."""
    return roster_digest + round_.to_bytes(4, "little") + bitmap(alive)


def bitmap(indices: Iterable[int]) -> bytes:
    return sum(1 << index for index in set(indices)).to_bytes(LARGEST_GROUP // 8, "little")


def indices(bits: bytes) -> tuple[int, ...]:
    number = int.from_bytes(bits, "little")
    return tuple(index for index in range(8 * len(bits)) if number >> index & 1)


def roster_digest(session: Session, keys: Sequence[tuple[int, bytes]]) -> bytes:
    """Hash of who takes part in the session, with which keys: (index, signed message of keys), ascending."""
    content = b"".join(bytes([index]) + hashlib.sha256(data).digest() for index, data in keys)
    return hashlib.sha256(b"roster\0" + session.digest + content).digest()


def signed_message(tag: bytes, session: Session, sender: int, body: bytes, signer: Signer) -> bytes:
    front = _HEAD.pack(tag, session.digest, sender) + body
    return front + signer.sign(front)


def read_message(tag: bytes, session: Session, data: bytes) -> tuple[int, bytes]:
    """(sender, body) of a message. Raises Refused unless a member of this session signed it."""
    if len(data) < _HEAD.size + SIGNATURE_BYTES:
        raise Refused(Reason.MALFORMED, "no message of secure aggregation")
    found, digest, sender = _HEAD.unpack_from(data)
    if found != tag:
        raise Refused(Reason.MALFORMED, "a message of secure aggregation in the wrong place")
    if digest != session.digest:
        raise Refused(Reason.WRONG_STATE, "a message of another session")
    if sender >= len(session.members):
        raise Refused(Reason.STRANGER, "not a member of this group")
    front, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    if not verified(session.members[sender], front, signature):
        raise Refused(Reason.SIGNATURE, "a message of secure aggregation signed by another key")
    return sender, front[_HEAD.size :]


def _exact(body: bytes, size: int) -> None:
    if len(body) != size:
        raise Refused(Reason.WRONG_LENGTH, f"{len(body)} bytes where {size} belong")


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]
