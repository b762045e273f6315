"""A report for its owner: the very bytes, what each part is for, and what they may tell, a line each."""

from __future__ import annotations

from collections.abc import Iterator

from federation.preview import preview
from federation.task import Task


def explained(report: bytes, task: Task, *, epsilon_after: float) -> Iterator[str]:
    """Lines to print. `epsilon_after` is what would be spent in all; inf without noise. Raises Refused."""
    shown = preview(report, task, epsilon_after=epsilon_after)
    yield f"{len(report)} bytes:"
    for line in shown.hex_lines():
        yield f"  {line}"
    for part in shown.parts:
        yield f"  {part.start:4} +{part.size:<5} {part.name:<10} {part.meaning}"
    yield from shown.meaning
    yield from shown.inference
