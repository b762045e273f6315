"""A device in a group of secure aggregation: makes keys, shares them, masks reports, opens what it must.

Secrets live in memory only. A device that restarts has lost them: it counts as dropped out until the next
session, and can never be talked into answering a second time.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.keys import Signer
from federation.privacy.secure_sum import masks, shamir
from federation.privacy.secure_sum.session import (
    AGREEMENT,
    KEYS,
    REVEALED,
    SHARES,
    SMALLEST_GROUP,
    Keys,
    Session,
    agreement,
    envelope_bytes,
    parse_shares,
    read_message,
    roster_digest,
    signed_message,
)
from federation.refusal import Reason, Refused


@dataclass(frozen=True, slots=True)
class Policy:
    """What a device insists on, whatever the coordinator offers.

    `smallest` group; `known_needed` other members must be among the keys in `known`, which the owner got from
    somewhere else than the coordinator. Without any, a coordinator may have invented all the others.
    """

    smallest: int = SMALLEST_GROUP
    known: frozenset[bytes] = frozenset()
    known_needed: int = 0


class GroupMember:
    """One device in one session. Methods follow the order of the protocol and refuse any other."""

    def __init__(self, session: Session, signer: Signer, policy: Policy | None = None) -> None:
        """Raises Refused for a session that this device is not in or does not accept."""
        policy = policy or Policy()
        self._session, self._signer = session, signer
        self._index = session.index(signer.public)
        others = set(session.members) - {signer.public}
        if len(session.members) < policy.smallest:
            raise Refused(
                Reason.OUT_OF_RANGE, f"a group of {len(session.members)}, too small for this device"
            )
        if len(others & policy.known) < policy.known_needed:
            raise Refused(Reason.STRANGER, "too few members of this group are known to this device")
        self._channel = secrets.token_bytes(masks.KEY_BYTES)
        self._mask_keys = [secrets.token_bytes(masks.KEY_BYTES) for _ in range(session.rounds)]
        self._seeds = [secrets.token_bytes(shamir.SECRET_BYTES) for _ in range(session.rounds)]
        self._messages: dict[int, bytes] = {}
        self._keys: dict[int, Keys] = {}
        # Shares held for others: member → one (of the mask key, of the self mask) pair per round.
        self._held: dict[int, list[tuple[bytes, bytes]]] = {}
        self._roster_digest = b""
        self._masked: dict[int, bytes] = {}
        self._agreed: dict[int, frozenset[int]] = {}

    def keys(self) -> bytes:
        """Step 1: the signed public keys, for all members."""
        salt = self._session.digest
        rounds = zip(self._mask_keys, self._seeds, strict=True)
        published = Keys(
            masks.public_of(self._channel),
            tuple((masks.public_of(key), masks.commitment(seed, salt)) for key, seed in rounds),
        )
        return signed_message(KEYS, self._session, self._index, published.body(), self._signer)

    def shares(self, messages: Sequence[bytes]) -> bytes:
        """Step 2: everybody's keys in, sealed shares of this device's secrets out.

        Raises Refused unless each message is signed by its member and enough members take part.
        """
        if self._keys:
            raise Refused(Reason.CONFLICT, "shares of this session were given out already")
        received = {}
        for data in messages:
            sender, body = read_message(KEYS, self._session, data)
            received[sender] = (data, Keys.parse(self._session, body))
        if self._index not in received or len(received) < self._session.threshold:
            raise Refused(Reason.OUT_OF_RANGE, "too few members gave their keys")
        self._messages = {index: data for index, (data, _) in received.items()}
        self._keys = {index: keys for index, (_, keys) in received.items()}
        size, threshold = len(self._session.members), self._session.threshold
        split = [
            list(zip(shamir.split(key, size, threshold), shamir.split(seed, size, threshold), strict=True))
            for key, seed in zip(self._mask_keys, self._seeds, strict=True)
        ]
        self._held[self._index] = [shares[self._index] for shares in split]
        envelopes = []
        for member in range(size):
            if member == self._index or member not in self._keys:
                envelopes.append(bytes(envelope_bytes(self._session)))
                continue
            content = b"".join(first + second for first, second in (shares[member] for shares in split))
            key, context = self._envelope(self._index, member)
            envelopes.append(masks.sealed(key, content, context))
        return signed_message(SHARES, self._session, self._index, b"".join(envelopes), self._signer)

    def accept(self, messages: Sequence[bytes]) -> None:
        """Step 3: everybody's sealed shares; who gave some is on the roster from now on.

        Raises Refused if an envelope was tampered with or the roster is too short.
        """
        if not self._keys or self._roster_digest:
            raise Refused(Reason.CONFLICT, "shares are accepted once, after the keys")
        held = dict(self._held)
        for data in messages:
            sender, body = read_message(SHARES, self._session, data)
            if sender == self._index:
                continue
            if sender not in self._keys:
                raise Refused(Reason.STRANGER, "shares of a member without keys")
            key, context = self._envelope(sender, self._index)
            content = masks.opened(key, parse_shares(self._session, body)[self._index], context)
            pieces = [
                content[start : start + shamir.SHARE_BYTES]
                for start in range(0, len(content), shamir.SHARE_BYTES)
            ]
            held[sender] = list(zip(pieces[::2], pieces[1::2], strict=True))
        if len(held) < self._session.threshold:
            raise Refused(Reason.OUT_OF_RANGE, "too few members gave their shares")
        self._held = held
        roster = [(index, self._messages[index]) for index in sorted(held)]
        self._roster_digest = roster_digest(self._session, roster)

    def mask(self, round_: int, scalars: np.ndarray) -> np.ndarray:
        """Step 4, each round: int [N] as uint32 [N] that means nothing without the others'.

        A round is masked once: two reports under one mask would give away their difference. The same report
        gives the same numbers again. Raises Refused.
        """
        if not self._roster_digest:
            raise Refused(Reason.CONFLICT, "nothing can be masked before the shares were exchanged")
        if scalars.shape != (self._session.count,) or not np.issubdtype(scalars.dtype, np.integer):
            raise Refused(Reason.WRONG_LENGTH, f"a report has {self._session.count} whole numbers")
        offset = self._session.offset(round_)
        content = scalars.astype("<i8").tobytes()
        if self._masked.setdefault(round_, content) != content:
            raise Refused(Reason.CONFLICT, f"round {round_} was masked already, for another report")
        total = scalars.astype(np.int64).astype(np.uint32)
        total += masks.mask(self._seeds[offset], self._session.count)
        for member in self._held:
            if member != self._index:
                pair = masks.mask(self._pair_key(member, offset), self._session.count)
                # The lower index adds what the higher one takes away.
                total = total + pair if self._index < member else total - pair
        return total

    def agree(self, round_: int, alive: Sequence[int]) -> bytes:
        """Step 5: sign the coordinator's list of who answered this round; one list a round, for ever.

        Raises Refused for a list without this device, too short, or other than the one signed before.
        """
        self._session.offset(round_)
        answered = frozenset(alive)
        if not self._roster_digest or round_ not in self._masked:
            raise Refused(Reason.CONFLICT, f"this device did not answer round {round_}")
        if self._index not in answered or not answered <= self._held.keys():
            raise Refused(Reason.CONFLICT, "a list of survivors that cannot be true")
        if len(answered) < self._session.threshold:
            raise Refused(Reason.OUT_OF_RANGE, "too few survivors to hide in")
        if self._agreed.setdefault(round_, answered) != answered:
            raise Refused(Reason.CONFLICT, f"another list of survivors of round {round_} was signed before")
        body = agreement(self._roster_digest, round_, answered)
        return signed_message(AGREEMENT, self._session, self._index, body, self._signer)

    def reveal(self, round_: int, agreements: Sequence[bytes]) -> bytes:
        """Step 6: shares of the self masks of who answered, and of the mask keys of who did not.

        Never both of one member: that would open its report. Raises Refused unless enough members signed
        the very list that this device signed.
        """
        answered = self._agreed.get(round_)
        if answered is None:
            raise Refused(Reason.CONFLICT, f"nothing was agreed on about round {round_}")
        expected = agreement(self._roster_digest, round_, answered)
        signers = set()
        for data in agreements:
            sender, body = read_message(AGREEMENT, self._session, data)
            if body != expected:
                raise Refused(Reason.CONFLICT, "members were shown different lists of survivors")
            signers.add(sender)
        if len(signers & answered) < self._session.threshold:
            raise Refused(Reason.UNSIGNED, "too few members signed the list of survivors")
        offset = self._session.offset(round_)
        shares = []
        for member in range(len(self._session.members)):
            if member in self._held:
                of_key, of_seed = self._held[member][offset]
                shares.append(of_seed if member in answered else of_key)
            else:
                shares.append(bytes(shamir.SHARE_BYTES))
        body = round_.to_bytes(4, "little") + b"".join(shares)
        return signed_message(REVEALED, self._session, self._index, body, self._signer)

    def _envelope(self, sender: int, receiver: int) -> tuple[bytes, bytes]:
        """Key and context of the envelope from one member to another; this device is one of them."""
        peer = receiver if sender == self._index else sender
        context = b"shares" + self._session.digest + bytes([sender, receiver])
        key = masks.agreed(self._channel, self._keys[peer].channel, self._session.digest, context)
        return key, context

    def _pair_key(self, member: int, offset: int) -> bytes:
        public = self._keys[member].rounds[offset][0]
        return pair_key(self._session, self._mask_keys[offset], public, offset, {self._index, member})


def pair_key(session: Session, secret: bytes, public: bytes, offset: int, pair: set[int]) -> bytes:
    """Key of the mask that two members share in a round of the session."""
    purpose = b"pair mask" + bytes([offset, min(pair), max(pair)])
    return masks.agreed(secret, public, session.digest, purpose)
