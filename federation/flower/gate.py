"""Between the node and the network: the owner's consent is asked, and what leaves is written down first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from federation.consent import Answer, ConsentFile, Mode, Request, Usage, Verdict, decide, usage_on
from federation.flower.bundle import FromDevice
from federation.flower.errors import CarrierError
from federation.ledger import SENT, Entry, Ledger
from federation.log import RoundLog
from federation.refusal import FederationError
from federation.wire import Report, parse_as

# Asks the owner about one report (its bytes and why it is asked); may wait. False also when nobody is there.
Ask = Callable[[bytes, Verdict], bool]


class Gate:
    """`node.Consent` for one federation. Whatever goes wrong here means no."""

    def __init__(
        self,
        consent: ConsentFile,
        ledger: Ledger,
        log: RoundLog,
        *,
        epsilon_after: Callable[[], float],
        ask: Ask = lambda report, verdict: False,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        """`epsilon_after`: what would be spent in all once the report at hand went; inf without noise."""
        self._consent = consent
        self._ledger = ledger
        self._log = log
        self._epsilon_after = epsilon_after
        self._ask = ask
        self._now = now
        self.last = Verdict(Answer.REFUSE, "Nothing was asked yet.")

    def may_connect(self) -> bool:
        return self._consent.load().mode in (Mode.ASK, Mode.AUTOMATIC)

    def may_send(self, payload: bytes) -> bool:
        consent, moment = self._consent.load(), self._now()
        try:
            answer = FromDevice.from_bytes(payload)
            if answer.report is None:
                # Only where this device stands in the public log.
                round_number, allowed = self._log.next_round, self.may_connect()
            else:
                round_number = parse_as(Report, answer.report).round
                today = used_on(moment, list(self._ledger.entries()))
                self.last = decide(consent, Request(len(payload), self._epsilon_after()), today)
                allowed = self.last.answer is Answer.SEND or (
                    self.last.answer is Answer.ASK and self._ask(answer.report, self.last)
                )
            if not allowed:
                return False
            self._ledger.record(
                payload,
                task=self._log.task.id.hex(),
                round_number=round_number,
                consent=str(consent.mode),
                now=moment,
            )
        except (CarrierError, FederationError, OSError, ValueError) as problem:
            self.last = Verdict(
                Answer.REFUSE, f"It could not be entered in the ledger ({type(problem).__name__})."
            )
            return False
        return True


def used_on(moment: datetime, entries: Sequence[Entry]) -> Usage:
    """What went out on that day: all bytes, and the rounds that a report was sent for."""
    everything = usage_on(moment, list(entries))
    return Usage(usage_on(moment, reports_in(entries)).rounds, everything.sent_bytes)


def reports_in(entries: Sequence[Entry]) -> list[Entry]:
    """Those entries that hold a report; the others only say where this device stands in the public log."""
    return [entry for entry in entries if entry.kind == SENT and _report(entry.payload) is not None]


def _report(payload: bytes) -> bytes | None:
    try:
        return FromDevice.from_bytes(payload).report
    except CarrierError:
        return None


def answered(ledger: Ledger, task: str) -> bytes | None:
    """The last report that was sent in a task, as `Device` wants to know it. Raises LedgerBroken."""
    found = [entry for entry in reports_in(list(ledger.entries())) if entry.task == task]
    return _report(found[-1].payload) if found else None
