"""The coordinator of a group: carries messages between members and learns the sum of who answered."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from federation.privacy.secure_sum import masks, shamir
from federation.privacy.secure_sum.device import pair_key
from federation.privacy.secure_sum.session import (
    AGREEMENT,
    KEYS,
    REVEALED,
    SHARES,
    Keys,
    Session,
    agreement,
    parse_revealed,
    parse_shares,
    read_message,
    roster_digest,
)
from federation.refusal import Reason, Refused


class GroupCoordinator:
    """One session of one group. Messages that are refused change nothing."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._key_messages: dict[int, bytes] = {}
        self._share_messages: dict[int, bytes] = {}
        self._keys: dict[int, Keys] = {}
        self._alive: dict[int, frozenset[int]] = {}
        self._sums: dict[int, np.ndarray] = {}
        self._agreements: dict[int, dict[int, bytes]] = {}
        self._revealed: dict[int, dict[int, list[bytes]]] = {}

    def receive_keys(self, data: bytes) -> None:
        """Step 1. Raises Refused; also for keys after shares began to arrive, or other keys than before."""
        sender, body = read_message(KEYS, self.session, data)
        if self._share_messages:
            raise Refused(Reason.LATE, "keys after the exchange of shares began")
        if self._key_messages.get(sender, data) != data:
            raise Refused(Reason.CONFLICT, "a second set of keys")
        self._keys[sender] = Keys.parse(self.session, body)
        self._key_messages[sender] = data

    def key_messages(self) -> list[bytes]:
        """What every member gets for step 2, in the order of the group."""
        return [self._key_messages[index] for index in sorted(self._key_messages)]

    def receive_shares(self, data: bytes) -> None:
        """Step 2. Raises Refused."""
        sender, body = read_message(SHARES, self.session, data)
        if sender not in self._keys:
            raise Refused(Reason.CONFLICT, "shares of a member without keys")
        if self._alive:
            raise Refused(Reason.LATE, "shares after the first round")
        parse_shares(self.session, body)
        if self._share_messages.setdefault(sender, data) != data:
            raise Refused(Reason.CONFLICT, "a second set of shares")

    def share_messages(self) -> list[bytes]:
        """What every member gets for step 3; from now on these senders are the roster."""
        return [self._share_messages[index] for index in sorted(self._share_messages)]

    @property
    def roster(self) -> frozenset[int]:
        return frozenset(self._share_messages)

    def close(self, round_: int, masked: Mapping[int, np.ndarray]) -> tuple[int, ...]:
        """Step 4: the masked reports (uint32 [N] by index) that came in time; returns the list of survivors.

        A round is closed once; what comes later stays masked for ever. Raises Refused if too few answered
        (the round is void) or a report does not belong.
        """
        self.session.offset(round_)
        answered = frozenset(masked)
        if round_ in self._alive:
            raise Refused(Reason.LATE, f"round {round_} is closed")
        if not answered <= self.roster:
            raise Refused(Reason.STRANGER, "a report from outside the roster")
        if len(answered) < self.session.threshold:
            raise Refused(
                Reason.OUT_OF_RANGE, f"{len(answered)} answers, {self.session.threshold} are needed"
            )
        total = np.zeros(self.session.count, dtype=np.uint32)
        for report in masked.values():
            if report.shape != total.shape or report.dtype != np.uint32:
                raise Refused(Reason.WRONG_LENGTH, f"a masked report has {self.session.count} numbers")
            total += report
        self._alive[round_], self._sums[round_] = answered, total
        return tuple(sorted(answered))

    def receive_agreement(self, data: bytes) -> None:
        """Step 5. Raises Refused for a signature under anything but the list of a closed round."""
        sender, body = read_message(AGREEMENT, self.session, data)
        digest = roster_digest(self.session, [(i, self._key_messages[i]) for i in sorted(self.roster)])
        for round_, answered in self._alive.items():
            if body == agreement(digest, round_, answered) and sender in answered:
                self._agreements.setdefault(round_, {})[sender] = data
                return
        raise Refused(Reason.CONFLICT, "an agreement to another list of survivors")

    def agreements(self, round_: int) -> list[bytes]:
        """What members need for step 6."""
        return list(self._agreements.get(round_, {}).values())

    def receive_revealed(self, data: bytes) -> None:
        """Step 6. Raises Refused."""
        sender, body = read_message(REVEALED, self.session, data)
        round_, shares = parse_revealed(self.session, body)
        if sender not in self._alive.get(round_, ()):
            raise Refused(Reason.CONFLICT, "shares for a round that this member is not a survivor of")
        self._revealed.setdefault(round_, {})[sender] = shares

    def ready(self, round_: int) -> bool:
        """Whether enough shares came to open the sum."""
        return len(self._revealed.get(round_, {})) >= self.session.threshold

    def total(self, round_: int) -> tuple[np.ndarray, int]:
        """The exact sum of the survivors' reports, int64 [N], and how many they are.

        Sums of up to 65,535 int16 reports are exact. Raises Refused while shares are missing, or if wrong
        ones came: every rebuilt secret is checked against what its owner published.
        """
        if not self.ready(round_):
            raise Refused(Reason.UNSIGNED, "too few members revealed their shares")
        offset, answered = self.session.offset(round_), self._alive[round_]
        total = self._sums[round_].copy()
        for member in sorted(self.roster):
            secret = self._rebuilt(round_, member)
            public, committed = self._keys[member].rounds[offset]
            if member in answered:
                if masks.commitment(secret, self.session.digest) != committed:
                    raise Refused(Reason.CHECKSUM, f"the shares of member {member}'s self mask are wrong")
                total -= masks.mask(secret, self.session.count)
                continue
            if masks.public_of(secret) != public:
                raise Refused(Reason.CHECKSUM, f"the shares of member {member}'s mask key are wrong")
            for survivor in answered:
                theirs = self._keys[survivor].rounds[offset][0]
                pair = masks.mask(
                    pair_key(self.session, secret, theirs, offset, {member, survivor}), self.session.count
                )
                # Undo what the survivor added (as the lower index) or took away.
                total = total - pair if survivor < member else total + pair
        return total.view(np.int32).astype(np.int64), len(answered)

    def _rebuilt(self, round_: int, member: int) -> bytes:
        chosen = sorted(self._revealed[round_])[: self.session.threshold]
        try:
            return shamir.rebuild({index: self._revealed[round_][index][member] for index in chosen})
        except ValueError as error:
            raise Refused(Reason.CHECKSUM, f"the shares of member {member} do not belong together") from error
