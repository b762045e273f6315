"""The page of the tuning comparison, written anew from its rows: one table, and the targets beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
BAR, OURS, CHAIN = "peft-lora", "zeroth-order", "layer-chain"
COLUMNS = (
    "method",
    "recall",
    "indirect",
    "wrong attribution",
    "general first word kept",
    "KL",
    "wall s",
    "forward passes",
    "peak MiB",
    "adapter kB",
)


def write_page(rows: Sequence[Row], page: Path, *, command: str) -> str:
    """Write the page and return its text."""
    text = "\n\n".join([_head(rows, command), _table(rows), *_targets(rows)]) + "\n"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    return text


def _head(rows: Sequence[Row], command: str) -> str:
    def seen(field: str) -> str:
        return "; ".join(sorted({str(row[field]) for row in rows}))

    lessons = "; ".join(
        sorted({", ".join(f"{count} {kind}" for kind, count in row["lessons"].items()) for row in rows})
    )
    quick = ""
    if any(row["quick"] for row in rows):
        quick = "\n\n**A quick run: it shows that the benchmark works and says nothing about the methods.**"
    return f"""# Tuning methods compared

Made by `{command}`. Machine: {seen("machine")}; threads: {seen("threads")}.
Lessons: {lessons}; given wordings of each fact: {seen("wordings")}.{quick}

All methods learn the same lessons, each in a fresh process, and every adapter answers in the same engine.

* **recall**: everyday rewordings that were never trained on, answered with the fact; **indirect**: the same
  facts asked without their nouns.
* **wrong attribution**: questions whose answer was never told, answered with a taught fact.
* **general**: prompts of no guard whose answer starts with the same word as the base model's; **KL** (nats
  per token) is measured on the base model's answers to them.
* **wall** and **peak** are those of the whole process; **forward passes** are passes of one lesson through
  the whole network, a backward pass counted as two."""


def _table(rows: Sequence[Row]) -> str:
    lines = [" | ".join(COLUMNS), "|".join(["---"] * len(COLUMNS))]
    for row in rows:
        cells = [
            row["method"],
            f"{row['recalled']}/{row['facts']}",
            f"{row['recalled_indirect']}/{row['facts']}",
            f"{row['wrongly_attributed']}/{row['unknown']}",
            f"{row['first_word_kept']}/{row['general']}",
            f"{row['kl']:.3f}",
            *_cost(row),
        ]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def _cost(row: Row) -> list[str]:
    if "peak_memory_bytes" not in row:
        return ["–"] * 4
    return [
        f"{row['process_seconds']:.0f}",
        f"{row['forward_passes']:,.0f}",
        f"{row['peak_memory_bytes'] / 2**20:.0f}",
        f"{row['adapter_bytes'] / 1000:.0f}",
    ]


def _targets(rows: Sequence[Row]) -> list[str]:
    """What was aimed for, with what was measured; nothing where a row is missing."""
    by_name = {row["method"]: row for row in rows}
    lines = []
    if OURS in by_name:
        ours = by_name[OURS]
        wrong = ours["wrongly_attributed"] / ours["unknown"]
        kept = ours["first_word_kept"] / ours["general"]
        lines += [
            f"{OURS}: wrong attribution {wrong:.0%} (at most 5 %)",
            f"{OURS}: general {kept:.0%} (at least 95 %)",
        ]
    if OURS in by_name and BAR in by_name:
        ours, bar = by_name[OURS], by_name[BAR]
        lines += [
            f"{OURS}: recall {_ratio(ours, bar, 'recalled')} of {BAR} (at least 0.9)",
            f"{OURS}: time {_ratio(ours, bar, 'process_seconds')} of {BAR} (at most 0.5)",
        ]
    if CHAIN in by_name and BAR in by_name:
        chain, bar = by_name[CHAIN], by_name[BAR]
        lines += [
            f"{CHAIN}: recall {chain['recalled']} against {bar['recalled']},"
            f" wrong {chain['wrongly_attributed']} against {bar['wrongly_attributed']},"
            f" general {chain['first_word_kept']} against {bar['first_word_kept']} (at least as good)",
            f"{CHAIN}: time {_ratio(chain, bar, 'process_seconds')} of {BAR} (at most 0.25)",
            f"{CHAIN}: memory {_ratio(chain, bar, 'peak_memory_bytes')} of {BAR}",
        ]
    return ["## Targets", "\n".join(f"* {line}" for line in lines)] if lines else []


def _ratio(one: Row, other: Row, field: str) -> str:
    return f"{one[field] / other[field]:.2f} ×" if other[field] else "–"
