"""All groups of a round together: masked reports in, one exact sum per group out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from federation.aggregate import Contribution
from federation.keys import device_id
from federation.privacy.secure_sum.coordinator import GroupCoordinator
from federation.refusal import Refusals, Refused
from federation.wire import Report


class Exchange(Protocol):
    """How the coordinator reaches members; None from one that does not answer in time."""

    def agree(self, member: bytes, round_: int, alive: tuple[int, ...]) -> bytes | None:
        """`GroupMember.agree` of the device with this public key."""
        ...

    def reveal(self, member: bytes, round_: int, agreements: list[bytes]) -> bytes | None:
        """`GroupMember.reveal` of the device with this public key."""
        ...


class GroupedSums:
    """`unmask` for `federation.coordinator.Coordinator.close_round`.

    A group in which too few answer, agree or reveal is left out of the round; so is one whose shares turn out
    to be wrong. What members sent wrongly is counted in `refusals`.
    """

    def __init__(
        self, groups: Sequence[GroupCoordinator], exchange: Exchange, refusals: Refusals | None = None
    ) -> None:
        self._groups, self._exchange = groups, exchange
        self.refusals = refusals or Refusals()

    def unmask(self, reports: Sequence[Report]) -> list[Contribution]:
        """One contribution per group that could be opened. Reports of devices in no group are left out."""
        opened = []
        for group in self._groups:
            index = {device_id(member): place for place, member in enumerate(group.session.members)}
            answers = [report for report in reports if report.device in index]
            if not answers:
                continue
            try:
                opened.append(self._sum(group, answers[0].round, {index[r.device]: r for r in answers}))
            except Refused as error:
                self.refusals.add(error)
        return opened

    def _sum(self, group: GroupCoordinator, round_: int, answers: dict[int, Report]) -> Contribution:
        members = group.session.members
        masked = {place: report.scalars.astype(np.uint32) for place, report in answers.items()}
        alive = group.close(round_, masked)
        for place in alive:
            data = self._exchange.agree(members[place], round_, alive)
            self._take(group.receive_agreement, data, members[place])
        for place in alive:
            data = self._exchange.reveal(members[place], round_, group.agreements(round_))
            self._take(group.receive_revealed, data, members[place])
        total, clients = group.total(round_)
        return Contribution(total, clients)

    def _take(self, receive: _Receive, data: bytes | None, member: bytes) -> None:
        if data is None:
            return
        try:
            receive(data)
        except Refused as error:
            self.refusals.add(error, device_id(member))


class _Receive(Protocol):
    def __call__(self, data: bytes, /) -> None: ...
