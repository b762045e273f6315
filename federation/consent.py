"""May this report leave the device? A pure policy over what the owner chose, and the file that keeps it.

Off until the owner opts in. What cannot be read counts as off. The policy knows numbers only; whether a
chat may take part at all is the owner's veto (`Consent.vetoed`), which is applied before anything is
measured.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from federation.journal import write_whole
from federation.ledger import SENT, Entry


class Mode(StrEnum):
    OFF = "off"
    ASK = "ask-each-round"
    AUTOMATIC = "automatic"
    PAUSED = "paused"


class Answer(StrEnum):
    SEND = "send"
    ASK = "ask"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Limits:
    """Within these, rounds may go out unasked in automatic mode; above them, in no mode.

    `epsilon` bounds everything that was ever sent, the others one calendar day of the owner's.
    """

    rounds_per_day: int = 24
    bytes_per_day: int = 100_000
    epsilon: float = 8.0


@dataclass(frozen=True, slots=True)
class Consent:
    """What the owner chose. `paused_from` is where `resumed` goes back to; `vetoed` are numbers of chats."""

    mode: Mode = Mode.OFF
    limits: Limits = field(default_factory=Limits)
    vetoed: frozenset[int] = frozenset()
    paused_from: Mode = Mode.OFF

    def given(self, mode: Mode) -> Consent:
        """Opt in by asking or automatically, or out by `Mode.OFF`."""
        return self.paused() if mode is Mode.PAUSED else replace(self, mode=mode, paused_from=Mode.OFF)

    def paused(self) -> Consent:
        if self.mode in (Mode.OFF, Mode.PAUSED):
            return self
        return replace(self, mode=Mode.PAUSED, paused_from=self.mode)

    def resumed(self) -> Consent:
        return (
            replace(self, mode=self.paused_from, paused_from=Mode.OFF) if self.mode is Mode.PAUSED else self
        )

    def vetoing(self, chat: int, *, veto: bool = True) -> Consent:
        return replace(self, vetoed=self.vetoed | {chat} if veto else self.vetoed - {chat})

    def allows_chat(self, chat: int) -> bool:
        return self.mode is not Mode.OFF and chat not in self.vetoed


@dataclass(frozen=True, slots=True)
class Request:
    """A report that is ready to go: how many bytes, and what ε would be spent in all once it went.

    `epsilon_after` is infinite for a report without noise.
    """

    size: int
    epsilon_after: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What went out today."""

    rounds: int = 0
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer and, in one sentence for the owner, why."""

    answer: Answer
    reason: str


def decide(consent: Consent, request: Request, today: Usage) -> Verdict:
    """The policy. Limits hold in every mode, so that a habit of saying yes cannot pass them."""
    if consent.mode is Mode.OFF:
        return Verdict(Answer.REFUSE, "You have not opted in.")
    if consent.mode is Mode.PAUSED:
        return Verdict(Answer.REFUSE, "Taking part is paused.")
    limits = consent.limits
    # Written so that NaN, which compares as false, is refused.
    if not request.epsilon_after <= limits.epsilon:
        return Verdict(Answer.REFUSE, f"It would pass your privacy limit (epsilon {limits.epsilon:g}).")
    if today.rounds + 1 > limits.rounds_per_day:
        return Verdict(Answer.REFUSE, f"Your limit of {limits.rounds_per_day} rounds a day is reached.")
    if today.sent_bytes + request.size > limits.bytes_per_day:
        return Verdict(Answer.REFUSE, f"It would pass your limit of {limits.bytes_per_day} bytes a day.")
    if consent.mode is Mode.ASK:
        return Verdict(Answer.ASK, "You wanted to be asked about each round.")
    return Verdict(Answer.SEND, "Within the limits you set.")


def usage_on(day: datetime, entries: list[Entry]) -> Usage:
    """What the ledger says went out on the calendar day of `day`, in its time zone."""
    same = [entry for entry in entries if entry.kind == SENT and _date(entry, day) == day.date()]
    rounds = {(entry.task, entry.round) for entry in same}
    return Usage(len(rounds), sum(len(entry.payload) for entry in same))


def _date(entry: Entry, day: datetime) -> date:
    return datetime.fromisoformat(entry.time).astimezone(day.tzinfo).date()


class ConsentFile:
    """The choice at `path`, 0600. Missing means off; unreadable means off too, and `trouble` says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trouble = ""

    def load(self) -> Consent:
        self.trouble = ""
        try:
            return _read(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return Consent()
        except (OSError, ValueError, KeyError, TypeError):
            self.trouble = (
                "The file with your consent is unreadable; taking part is off until you opt in again."
            )
            return Consent()

    def save(self, consent: Consent) -> None:
        """On the disk when this returns. Raises OSError."""
        content = {**asdict(consent), "vetoed": sorted(consent.vetoed)}
        write_whole(self._path, json.dumps(content, indent=1).encode())


def _read(content: dict[str, Any]) -> Consent:
    limits = content["limits"]
    rounds, size, epsilon = limits["rounds_per_day"], limits["bytes_per_day"], limits["epsilon"]
    if type(rounds) is not int or type(size) is not int or type(epsilon) not in (int, float):
        raise TypeError("limits are numbers")
    vetoed = frozenset(content["vetoed"])
    if not all(type(chat) is int for chat in vetoed):
        raise TypeError("chats are named by numbers")
    return Consent(
        Mode(content["mode"]), Limits(rounds, size, float(epsilon)), vetoed, Mode(content["paused_from"])
    )
