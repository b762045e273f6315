"""The coordinator's side of a round: ask, check every answer, aggregate, append. Connects to nothing.

Whoever runs it learns the reports (or their sums); devices trust it to aggregate honestly, and can check from
`RoundRecord.reports` that their report went in when reports are published.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from federation.aggregate import Contribution, Unmask, aggregate, contributions, reports_hash
from federation.keys import Signer, device_id
from federation.log import RoundLog
from federation.refusal import FederationError, Reason, Refusal, Refusals, Refused
from federation.scores import longest
from federation.task import SignedTask
from federation.wire import (
    LARGEST_MESSAGE,
    STATE_BYTES,
    Checkpoint,
    Encoding,
    Report,
    RoundRecord,
    RoundRequest,
    Withdrawal,
    parse_as,
)

# Decides from what came in whether the round should be held (`federation.schedule.VarianceControl.hold`).
Hold = Callable[[Sequence[Contribution]], bool]


class Coordinator:
    """Runs the rounds of one task over its log. `first_round` skips numbers that may be used up."""

    def __init__(
        self,
        signed: SignedTask,
        signer: Signer,
        log: RoundLog,
        *,
        refusals: Refusals | None = None,
        first_round: int = 0,
    ) -> None:
        """Raises FederationError when `signer` is not the task's coordinator."""
        if signer.public != signed.public:
            raise FederationError("only the key named in the task can coordinate it")
        self.log = log
        self.refusals = Refusals() if refusals is None else refusals
        self._task, self._signer = signed.task, signer
        self._longest = longest(self._task.directions, self._task.step, self._task.privacy.noise_multiplier)
        self._devices: dict[bytes, bytes] = {}
        self._next = first_round
        self._request: RoundRequest | None = None
        self._invited: frozenset[bytes] | None = None
        self._reports: dict[bytes, Report] = {}

    @property
    def request(self) -> RoundRequest | None:
        """The open round, if one is."""
        return self._request

    @property
    def received(self) -> int:
        """Accepted reports of the open round."""
        return len(self._reports)

    def admit(self, public: bytes) -> bytes:
        """Accept reports signed by this key from now on; returns the device's short id."""
        short = device_id(public)
        self._devices[short] = public
        return short

    def dismiss(self, device: bytes) -> None:
        """Accept nothing more from this device, and forget its report of the open round."""
        self._devices.pop(device, None)
        self._reports.pop(device, None)

    def open_round(self, deadline: int, *, invited: Collection[bytes] | None = None) -> RoundRequest:
        """Begin the next round, until `deadline` (seconds since 1970), for these device ids or for all.

        An open round is given up: its number is never used again, since devices may have answered it.
        """
        self._next = max(self._next, self.log.next_round)
        self._request = RoundRequest(
            task=self._task.id, round=self._next, head=self.log.head, deadline=deadline
        ).signed(self._signer)
        self._next += 1
        self._invited = None if invited is None else frozenset(invited)
        self._reports = {}
        return self._request

    def receive(self, data: bytes, *, now: float) -> Refusal | None:
        """Take one report; None when it counts, else the refusal, which is logged and changed nothing."""
        try:
            report = self._authentic(data)
        except Refused as error:
            return self.refusals.add(error)
        try:
            self._check(report, now)
        except Refused as error:
            return self.refusals.add(error, report.device)
        self._reports[report.device] = report
        return None

    def close_round(self, *, unmask: Unmask | None = None, hold: Hold | bool = False) -> RoundRecord | None:
        """Aggregate and append; None, and nothing changes, when too few devices answered.

        `unmask` is needed when reports are masked. `hold` keeps the state for one more round. Late reports
        find no open round.
        """
        request, reports = self._request, list(self._reports.values())
        if request is None:
            raise FederationError("no round is open")
        if request.head != self.log.head:
            raise FederationError("the log went on without this round")
        self._request, self._reports = None, {}
        masked = self._task.privacy.secure_aggregation
        if masked and unmask is None:
            raise FederationError("masked reports need `unmask`")
        parts = list(unmask(reports)) if masked and unmask is not None else contributions(reports)
        clients = sum(part.clients for part in parts)
        if clients < max(1, self._task.min_clients):
            return None
        record = RoundRecord(
            task=request.task,
            round=request.round,
            previous=request.head,
            reports=reports_hash(reports),
            clients=clients,
            payload=aggregate(parts, self._task.rule).tobytes(),
            hold=hold if isinstance(hold, bool) else hold(parts),
        ).signed(self._signer)
        self.log.append(record)
        return record

    def withdraw(self, round_: int) -> Withdrawal:
        """Take a recorded round back; an open round is given up, since its state is no more.

        Raises Refused (wrong-state) when the log holds no such round in force.
        """
        record = self.log.record(round_)
        entry = Withdrawal(task=record.task, round=round_, previous=self.log.head, record=record.hash).signed(
            self._signer
        )
        self.log.append(entry)
        self._request, self._reports = None, {}
        return entry

    def checkpoint(self) -> Checkpoint:
        """The state of the log, signed. Late joiners need it and `log.since(checkpoint.head)`."""
        state = self.log.state()
        return state.checkpoint(self.log.head, self.log.next_round).signed(self._signer)

    def _authentic(self, data: bytes) -> Report:
        """A report of this task, signed by an admitted device."""
        if len(data) > LARGEST_MESSAGE:
            raise Refused(Reason.OVERSIZED, f"a report of {len(data)} bytes")
        report = parse_as(Report, data)
        if report.task != self._task.id:
            raise Refused(Reason.WRONG_TASK, "a report of another task")
        if report.device not in self._devices:
            raise Refused(Reason.STRANGER, "a report from a device that was not admitted")
        report.check_signature(self._devices[report.device])
        return report

    def _check(self, report: Report, now: float) -> None:
        """Whether the report belongs to the open round and can be what an honest device sends."""
        request = self._request
        if request is None or report.round < request.round:
            raise Refused(Reason.PAST_ROUND, f"round {report.round} is over")
        if report.round > request.round:
            raise Refused(Reason.FUTURE_ROUND, f"round {report.round} has not begun")
        if report.state != request.head[:STATE_BYTES]:
            raise Refused(Reason.WRONG_STATE, "measured on another state")
        if now > request.deadline:
            raise Refused(Reason.LATE, f"round {report.round} is over")
        if self._invited is not None and report.device not in self._invited:
            raise Refused(Reason.STRANGER, "not invited to this round")
        known = self._reports.get(report.device)
        if known is not None:
            again = known.payload == report.payload
            raise Refused(Reason.DUPLICATE if again else Reason.CONFLICT, "a second report for this round")
        masked = self._task.privacy.secure_aggregation
        if report.encoding is not (Encoding.MASKED if masked else Encoding.CLEAR):
            raise Refused(Reason.MALFORMED, "the scalars are not encoded as the task says")
        scalars = report.scalars
        if len(scalars) != self._task.directions:
            raise Refused(Reason.WRONG_LENGTH, f"a report of {len(scalars)} numbers")
        # Under masks nobody can look; there the groups bound what one device can do.
        if not masked and float(np.linalg.norm(scalars.astype(np.float64))) > self._longest:
            raise Refused(Reason.OUT_OF_RANGE, "longer than z-scores can be")
