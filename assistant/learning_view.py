"""What is behind learning, put together for looking: noticed, kept, asked next, and what came of it.

Only reads; every text is one line and may be cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.annotation.asking import Annotation
    from assistant.store import Pair, Store, Version
    from selection.view import BufferView

MOST = 12
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its lines; `empty` is said when there are none."""

    title: str
    lines: tuple[str, ...]
    empty: str


def sections(store: Store, buffer: BufferView, annotation: Annotation) -> list[Section]:
    """Everything between a chat and a version, in the order in which it happens. Raises StoreError."""
    return [
        _noticed(store.pairs.list(None)),
        _kept(buffer),
        _asked(annotation),
        _history(store.versions.list()),
    ]


def _noticed(pairs: list[Pair]) -> Section:
    words = {
        "unconfirmed": "not checked yet",
        "rejected": "does not answer the question, not learned",
        "active": "will be learned",
        "off": "switched off",
        "superseded": "replaced by a newer answer",
    }
    found = [pair for pair in pairs if pair.source == "statement"]
    lines = tuple(
        f"{_short(pair.question)} → {_short(pair.answer)}"
        f"  ({'learned' if pair.learned_in and pair.state == 'active' else words[pair.state]})"
        for pair in reversed(found[-MOST:])
    )
    return Section("Noticed in what you said", lines, "Nothing yet: say something about yourself in a chat.")


def _kept(buffer: BufferView) -> Section:
    counts = buffer.counts()
    lines = []
    for rank, item in buffer.ranked()[:MOST]:
        last = [each for each in buffer.why(item.turn_id) if each.turn_id == item.turn_id]
        reason = last[-1].reason if last else "kept"
        lines.append(f"{rank}. turn {item.turn_id}: {_short(item.text)}  ({reason})")
    title = f"Kept because it is representative: {counts['held']} of {counts['capacity']} places"
    return Section(title, tuple(lines), "No exchange has been kept yet.")


def _asked(annotation: Annotation) -> Section:
    report = annotation.report()
    subjects = annotation.review(limit=3)
    lines = [f"{_short(subject.question)} → {_short(subject.answer)}" for subject in subjects]
    title = f"What you may be asked about next ({report.left_today} more today)"
    return Section(title, tuple(lines), "Nothing waits for your judgement.")


def _history(versions: list[Version]) -> Section:
    lines = []
    for version in reversed(versions[-MOST:]):
        report = version.report
        checks = ""
        if report.get("held_out_before") is not None and report.get("held_out_after") is not None:
            checks = f", held-out loss {report['held_out_before']:.2f} → {report['held_out_after']:.2f}"
        if report.get("general_checked"):
            checks += f", {report['general_kept']} of {report['general_checked']} general answers as before"
        when = version.created[:16].replace("T", " ")
        lines.append(f"{version.id} {version.state}, {when}, {_pairs(len(version.pair_ids))}{checks}")
    return Section("History of versions", tuple(lines), "Nothing was learned yet.")


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
