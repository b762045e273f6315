"""What is about to leave this device: the exact bytes, what they mean, and what could be inferred from them.

In plain words for the owner. What could be inferred is measured by `benchmarks/federation_audit.py` and kept
in `privacy/measured.json`; where the measurement does not cover a task, the worse case is told.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from federation.keys import SIGNATURE_BYTES
from federation.task import Task
from federation.wire import CRC, Encoding, Report, parse_as

BYTES_PER_LINE = 16


@dataclass(frozen=True, slots=True)
class Part:
    """Some consecutive bytes and what they are for."""

    start: int
    size: int
    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Preview:
    """`data` is what would be sent, byte for byte; `parts` cover it without gaps, in order."""

    data: bytes
    parts: tuple[Part, ...]
    meaning: tuple[str, ...]
    inference: tuple[str, ...]

    def hex_lines(self) -> list[str]:
        """Offset and sixteen bytes a line, in hex."""
        return [
            f"{start:04x}  {self.data[start : start + BYTES_PER_LINE].hex(' ')}"
            for start in range(0, len(self.data), BYTES_PER_LINE)
        ]


def preview(data: bytes, task: Task, *, epsilon_after: float) -> Preview:
    """Explain a report of `task`; `epsilon_after` is what the owner's budget has spent once it went.

    Raises Refused if `data` is no report.
    """
    report = parse_as(Report, data)
    return Preview(data, _parts(report), _meaning(report, task), _inference(report, task, epsilon_after))


def _parts(report: Report) -> tuple[Part, ...]:
    masked = report.encoding is Encoding.MASKED
    layout = [
        (8, "marks", "protocol, version and kind of message"),
        (16, "task", "which task this is for; the same for everybody in it"),
        (4, "round", f"round {report.round}"),
        (8, "state", "which state of the shared adapter was measured; public"),
        (16, "device", "a name made from this device's key: nothing about you, but the same each round"),
        (2, "count", f"{len(report.scalars)} numbers follow"),
        (len(report.payload), "numbers", "the numbers, hidden under masks" if masked else "the numbers"),
        (CRC.size, "checksum", "of what is above"),
        (SIGNATURE_BYTES, "signature", "made with this device's key"),
    ]
    parts, start = [], 0
    for size, name, meaning in layout:
        parts.append(Part(start, size, name, meaning))
        start += size
    return tuple(parts)


def _meaning(report: Report, task: Task) -> tuple[str, ...]:
    privacy = task.privacy
    lines = [
        f"The shared adapter was nudged in {len(report.scalars)} directions, public and the same for all.",
        "Each number says whether that nudge made your pairs likelier or less likely, compared with the other"
        " nudges. How likely they were is not sent.",
        "No text, no token, no word count and no time of day is in these bytes.",
    ]
    if privacy.noise_multiplier > 0.0:
        spread = privacy.noise_multiplier * math.sqrt(len(report.scalars) - 1)
        shared = ", counted over your group" if privacy.secure_aggregation else ""
        lines.append(
            f"Random noise was added to each number, typically {spread:.0f} times as large as it{shared}."
        )
    else:
        lines.append("No noise was added: this task asks for none.")
    if report.encoding is Encoding.MASKED:
        lines.append(
            "Masks hide the numbers: the coordinator can open only the sum over a group of about"
            f" {privacy.group_size} devices."
        )
    else:
        lines.append("The coordinator sees these numbers of yours as they are.")
    return tuple(lines)


def _inference(report: Report, task: Task, epsilon_after: float) -> tuple[str, ...]:
    epsilon = epsilon_after if task.privacy.noise_multiplier > 0.0 else math.inf
    row = _nearest(measured(), secure=report.encoding is Encoding.MASKED, epsilon=epsilon)
    lines = ["We know of no way to read a text out of these numbers, but guesses can be tested."]
    if row is None:
        lines.append("Somebody who already holds one of your texts may well confirm that it is yours.")
    else:
        lines.append(
            "In our test a coordinator saw a text of a device and one of a stranger, and picked the right"
            f" one {100 * row['auc']:.0f} times in 100 (50 is blind guessing): after {row['rounds']} rounds,"
            f" {_circumstances(row)}."
        )
    lines.append(
        "The coordinator also learns in which rounds this device took part, and its network address."
    )
    if math.isinf(epsilon):
        lines.append("Without noise there is no limit to what many rounds may add up to.")
    else:
        lines.append(
            f"Once this is sent, your privacy budget stands at epsilon {epsilon:.2f}: almost anything anybody"
            f" concludes about you is at most {_times(epsilon)} likelier than without your device."
        )
    return tuple(lines)


def measured() -> list[dict[str, Any]]:
    """Rows of the audit as the benchmark wrote them."""
    source = files("federation.privacy") / "measured.json"
    return list(json.loads(source.read_text(encoding="utf-8")))


def _nearest(rows: Sequence[dict[str, Any]], *, secure: bool, epsilon: float) -> dict[str, Any] | None:
    """The row measured at the smallest ε that is no better than this one."""
    fitting = [row for row in rows if row["secure"] is secure and (row["epsilon"] or math.inf) >= epsilon]
    return min(fitting, key=lambda row: row["epsilon"] or math.inf, default=None)


def _circumstances(row: dict[str, Any]) -> str:
    noise = f"with noise for epsilon {row['epsilon']:g}" if row["epsilon"] else "without noise"
    seen = "seeing sums of groups" if row["secure"] else "seeing each device's numbers"
    return f"{noise}, {seen}, {row['pairs_each']} texts a device"


def _times(epsilon: float) -> str:
    factor = math.exp(min(epsilon, 20.0))
    return f"{factor:.1f} times" if factor < 100 else f"{factor:,.0f} times"
