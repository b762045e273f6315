"""Why a message or a file was refused. Every refusal has one reason, so that it can be counted and logged."""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum

LOGGER = logging.getLogger("federation")


class Reason(StrEnum):
    """What was wrong. The values are part of the protocol's log format."""

    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    CHECKSUM = "checksum"
    VERSION = "version"
    UNSIGNED = "unsigned"
    SIGNATURE = "signature"
    STRANGER = "stranger"
    WRONG_TASK = "wrong-task"
    PAST_ROUND = "past-round"
    FUTURE_ROUND = "future-round"
    WRONG_STATE = "wrong-state"
    WRONG_LENGTH = "wrong-length"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    LATE = "late"
    OUT_OF_RANGE = "out-of-range"
    NOT_FINITE = "not-finite"
    BROKEN_CHAIN = "broken-chain"


class FederationError(ValueError):
    """Something of a federation can't be used; the message says what and why."""


class Refused(FederationError):
    """A message or file that changed nothing, with the reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line of the log of refusals. `sender` is the short device id in hex, or "" when unknown."""

    reason: Reason
    detail: str
    sender: str = ""


class Refusals:
    """The latest refusals (bounded) and how many there were of each reason."""

    def __init__(self, kept: int = 1000) -> None:
        self.latest: deque[Refusal] = deque(maxlen=kept)
        self.counts: Counter[Reason] = Counter()

    def add(self, error: Refused, sender: bytes = b"") -> Refusal:
        """Remember and log one; details hold numbers and ids only, never content."""
        refusal = Refusal(error.reason, error.detail, sender.hex())
        self.latest.append(refusal)
        self.counts[error.reason] += 1
        LOGGER.info("refused (%s): %s %s", refusal.reason, refusal.detail, refusal.sender)
        return refusal
