"""Rows of finished measurements to tables, ratios and sentences in Markdown. Pure functions of the rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.selection_plan import BASELINES, SPARSE, Scale

Row = dict[str, Any]
OURS = ("diverse", "dac24")
UNKNOWN = "–"


def values(rows: Iterable[Row], field: str = "rouge1", **wanted: Any) -> list[float]:
    """One number per seed of the rows with these values."""
    chosen = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return [row[field] for row in chosen if row.get(field) is not None]


def mean(numbers: Sequence[float]) -> float | None:
    return statistics.fmean(numbers) if numbers else None


def spread(numbers: Sequence[float]) -> str:
    """Mean ± sample standard deviation; only the mean of a single number."""
    if not numbers:
        return UNKNOWN
    if len(numbers) == 1:
        return f"{numbers[0]:.3f}"
    return f"{statistics.fmean(numbers):.3f} ± {statistics.stdev(numbers):.3f}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def curve_table(rows: Sequence[Row], stream: str, scale: Scale) -> str:
    """Policies × exchanges seen; the base model, which learns nothing, as a row."""
    base = spread(values(rows, experiment="base", stream=stream))
    lines = [["base model", *[base] * len(scale.points)]]
    for policy in scale.policies:
        lines.append([f"`{policy}`", *(
            spread(values(rows, experiment="curve", stream=stream, policy=policy, seen=seen))
            for seen in scale.points
        )])  # fmt: skip
    return table(["after", *(f"{seen}" for seen in scale.points)], lines)


def end_of(rows: Sequence[Row], stream: str, policy: str, scale: Scale) -> float | None:
    """Mean ROUGE-1 at the end of the stream."""
    return mean(values(rows, experiment="curve", stream=stream, policy=policy, seen=scale.points[-1]))


def ratio_lines(rows: Sequence[Row], scale: Scale) -> list[str]:
    """Per stream: ours and `dac24` divided by the best of the three baselines, whatever comes out."""
    lines = []
    for stream in scale.streams:
        finals = {policy: end_of(rows, stream, policy, scale) for policy in (*BASELINES, *OURS)}
        baselines = {name: finals[name] for name in BASELINES}
        known = {name: value for name, value in baselines.items() if value is not None}
        if not known:
            continue
        best = max(known, key=lambda name: known[name])
        parts = []
        for policy in OURS:
            value = finals[policy]
            if value is not None and known[best] > 0:
                verdict = "above" if value > known[best] else "not above"
                parts.append(f"`{policy}` {value / known[best]:.2f} × ({verdict})")
        if parts:
            measured = ", ".join(f"`{name}`" for name in known)
            base = spread(values(rows, experiment="base", stream=stream))
            lines.append(
                f"* {stream}: {', '.join(parts)} the best of {measured}, which is"
                f" `{best}` ({known[best]:.3f}); base model {base}."
            )
    return lines


def winner(rows: Sequence[Row], scale: Scale) -> str | None:
    """The policy with the highest mean over all streams at the end; None while any is missing."""
    means: dict[str, float] = {}
    for policy in scale.policies:
        finals = [end_of(rows, stream, policy, scale) for stream in scale.streams]
        known = [value for value in finals if value is not None]
        if len(known) < len(finals):
            return None
        means[policy] = statistics.fmean(known)
    return max(means, key=lambda name: means[name])


def ablation_table(rows: Sequence[Row], stream: str, field: str, scale: Scale) -> str:
    """Policies × rephrasings for "rouge1", "recall" or "forgetting"."""
    return table(
        ["policy", *(f"{count}" for count in scale.rephrasings)],
        ([f"`{policy}`", *(
            spread(values(
                rows, field, experiment="ablation", stream=stream, policy=policy, rephrasings=count
            ))
            for count in scale.rephrasings
        )] for policy in scale.ablation_policies),
    )  # fmt: skip


def shares_line(rows: Sequence[Row], stream: str, field: str, scale: Scale) -> str:
    """How much selection alone, synthesis alone and both change, against random without rephrasings."""

    def at(policy: str, rephrasings: int) -> float | None:
        return mean(
            values(rows, field, experiment="ablation", stream=stream, policy=policy, rephrasings=rephrasings)
        )

    most = max(scale.rephrasings)
    start, synthesis = at("random", 0), at("random", most)
    sentences = []
    for policy in (each for each in OURS if each in scale.ablation_policies):
        selection, both = at(policy, 0), at(policy, most)
        if None in (start, synthesis, selection, both):
            continue
        assert start is not None and synthesis is not None and selection is not None and both is not None
        sentences.append(
            f"From `random` without rephrasings ({start:.3f}), selection with `{policy}` alone changes"
            f" {selection - start:+.3f}, {most} rephrasings alone {synthesis - start:+.3f},"
            f" both {both - start:+.3f}."
        )
    return " ".join(sentences) or "Not finished."


def sparse_table(rows: Sequence[Row], stream: str, scale: Scale) -> str:
    head = [f"{share:.0%} ({max(1, round(share * scale.stream))})" for share in scale.shares]
    return _by_policy(
        head,
        lambda policy: [
            values(rows, experiment="sparse", stream=stream, policy=policy, share=share)
            for share in scale.shares
        ],
    )


def size_table(rows: Sequence[Row], stream: str, scale: Scale) -> str:
    """The size of the learning curves comes from them."""

    def of(policy: str) -> list[list[float]]:
        return [
            values(
                rows,
                experiment="curve" if size == scale.buffer else "size",
                stream=stream,
                policy=policy,
                buffer=size,
                seen=scale.stream,
            )
            for size in scale.sizes
        ]

    return _by_policy([str(size) for size in scale.sizes], of)


def _by_policy(head: Sequence[str], numbers: Callable[[str], list[list[float]]]) -> str:
    return table(["policy", *head], ([f"`{policy}`", *map(spread, numbers(policy))] for policy in SPARSE))
