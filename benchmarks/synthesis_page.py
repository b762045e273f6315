"""The results of `synthesis.py` as a Markdown page."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.synthesis_statements import Detector, Kind
from benchmarks.synthesis_wordings import IN_USE, SET_SIZE, Cell, Diversity, Embed, Filling, diversity_of

REASONS = 3
"""So many reasons are named for each cell."""


def machine() -> str:
    """Processor and cores, as the system tells."""
    name, cores = platform.processor() or platform.machine(), 0
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        name, cores = (names[0] if names else name), len(names)
    return f"{name}, {cores or '?'} cores, {platform.system()}, Python {platform.python_version()}"


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def wordings_table(cells: Sequence[Cell], embed: Embed) -> str:
    rows = []
    for cell in cells:
        spread = diversity_of(cell.kept, embed)
        reasons = ", ".join(f"{name} {count}" for name, count in cell.reasons.most_common(REASONS))
        rows.append(
            (
                cell.design,
                "yes" if cell.grammar else "no",
                cell.temperature,
                f"{cell.accepted} of {cell.calls}",
                f"{100 * cell.accepted / max(1, cell.calls):.0f} %",
                sum(bool(kept) for kept in cell.kept.values()),
                *_numbers(spread),
                reasons,
            )
        )
    return table(
        (
            "design", "grammar", "temperature", "accepted", "rate", "questions with one", "pairwise",
            "distinct-2", "from the question", "main reasons against",
        ),
        rows,
    )  # fmt: skip


def accepted(cells: Sequence[Cell]) -> str:
    """The texts themselves, so that a reader can judge what the checks let through."""
    first = next(cell for cell in cells if cell.design == IN_USE)
    return "\n".join(f"* {question} → {' / '.join(kept) or '–'}" for question, kept in first.kept.items())


def choices_table(choices: Mapping[str, tuple[Diversity, Counter[str]]]) -> str:
    rows = [
        (name, _number(spread.nearest), *_numbers(spread), origins["model"], origins["rules"])
        for name, (spread, origins) in choices.items()
    ]
    return table(
        (
            f"{SET_SIZE} chosen by", "nearest two", "pairwise", "distinct-2", "from the question",
            "by the model", "by rule",
        ),
        rows,
    )  # fmt: skip


def fillings_table(fillings: Sequence[Filling], questions: int) -> str:
    rows = [
        (
            filling.budget,
            filling.calls,
            filling.origins["model"],
            filling.origins["rules"],
            f"{filling.short} of {questions}",
        )
        for filling in fillings
    ]
    return table(
        ("calls allowed", "calls made", "by the model", "by rule", f"fewer than {SET_SIZE} in the end"), rows
    )


def statements_table(kinds: Sequence[Kind]) -> str:
    rows = [
        (
            kind.name,
            "confirmed" if kind.should_pass else "rejected",
            f"{kind.confirmed if kind.should_pass else kind.pairs - kind.confirmed} of {kind.pairs}",
            kind.reasons["other kind of answer"],
            kind.reasons["not confirmed by the model"],
            f"{kind.asked / max(1, kind.pairs):.1f}",
            f"{kind.seconds / max(1, kind.pairs):.1f}",
        )
        for kind in kinds
    ]
    return table(
        (
            "pairs", "should be", "were", "rejected for the kind of answer", "rejected by the model",
            "asked, times each", "seconds each",
        ),
        rows,
    )  # fmt: skip


def mistakes(kinds: Sequence[Kind]) -> str:
    lines = [
        f"* {kind.name}: “{statement}”, {question} The model said: {said or 'nothing'}"
        for kind in kinds
        for statement, question, said in kind.wrong
    ]
    return "\n".join(lines) or "None."


def detectors_table(detectors: Sequence[Detector], groups: Mapping[str, Sequence[object]]) -> str:
    rows = [(each.name, *each.same) for each in detectors]
    return table(("taken for the same question by", *(f"{n} ({len(g)})" for n, g in groups.items())), rows)


def _numbers(spread: Diversity) -> tuple[str, str, str]:
    return _number(spread.pairwise), _number(spread.bigrams), _number(spread.from_question)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
