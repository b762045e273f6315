"""From the reports of a round to the N numbers of its record: exact, and the same in any order of arrival."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from federation.refusal import FederationError
from federation.robust import combine, rounded_quotient
from federation.state import AGGREGATE_PART
from federation.task import Rule
from federation.wire import Encoding, Report

LARGEST_AGGREGATE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Contribution:
    """What the coordinator may see of `clients` devices: the sum of their scalars, int64 [N].

    One device in the clear, or a whole group under secure aggregation.
    """

    total: np.ndarray
    clients: int


# Takes the masked reports of a round, returns what may be seen of them (federation/privacy).
Unmask = Callable[[Sequence[Report]], Sequence[Contribution]]


def contributions(reports: Iterable[Report]) -> list[Contribution]:
    """Reports in the clear, ordered by their hash. Raises FederationError for masked ones."""
    ordered = sorted(reports, key=lambda report: report.hash)
    if any(report.encoding is not Encoding.CLEAR for report in ordered):
        raise FederationError("masked reports can only be added up after unmasking")
    return [Contribution(report.scalars.astype(np.int64), 1) for report in ordered]


def aggregate(parts: Sequence[Contribution], rule: Rule) -> np.ndarray:
    """int32 [N] in units of Task.step / 256: the mean report by `rule`. `parts` must not be empty.

    The rule works on one row per contribution; the plain mean weighs each by its clients.
    """
    if rule.kind == "mean":
        total = np.stack([part.total for part in parts]).sum(axis=0)
        result = rounded_quotient(AGGREGATE_PART * total, sum(part.clients for part in parts))
    else:
        rows = [rounded_quotient(AGGREGATE_PART * part.total, part.clients) for part in parts]
        result = combine(np.stack(rows), rule)
    return np.clip(result, -LARGEST_AGGREGATE, LARGEST_AGGREGATE).astype("<i4")


def reports_hash(reports: Iterable[Report]) -> bytes:
    """SHA-256 over the sorted hashes: which reports went into a record, without the reports."""
    return hashlib.sha256(b"".join(sorted(report.hash for report in reports))).digest()
