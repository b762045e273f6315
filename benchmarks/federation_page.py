"""The results of `federation.py` as a Markdown page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.synthesis_page import machine, table

__all__ = ["machine", "render"]

ABOUT = """# Federation: results

Made by `python benchmarks/federation.py` on {date}, {machine}. A simulation on cached activations of the
embedded model, one seed; the machine was shared, so compare seconds with each other only.

All methods but FedAvg-LoRA train the same 32 × 32 numbers in the last down projection, between public
directions taken from other users' pairs. Gain: fall of the loss (nats per token, whole vocabulary) on users
that no device belongs to. Learning rate (the best of two or three) and the moment to stop ("round") are
chosen for every method on the public users. Bytes are per asked device and round; ours are whole messages
with envelope and signature, the others bare payload.

A lead, not a settled result: one seed and few held-out users. The public users also give the subspace its
directions; grids of rates differ in size per method, widened where the best rate stood at an edge."""


def render(results: dict[str, Any]) -> str:
    """The page; parts that were not run are left out."""
    parts = [ABOUT.format(**results)]
    for corpus in ("self-dialogue", "dolly"):
        if corpus in results:
            parts += _corpus(corpus, results[corpus])
    return "\n\n".join(parts) + "\n"


def _corpus(name: str, found: dict[str, Any]) -> list[str]:
    plan = found["plan"]
    parts = [
        f"## {name}",
        f"{plan['devices']} devices with {plan['pairs']} pairs each, {found['asked']} asked a round; "
        f"{plan['held_out']} held-out users, base loss {found['base']:.3f}.",
    ]
    if found.get("methods"):
        parts.append(_methods(found["methods"]))
    if found.get("robustness"):
        parts += ["### Attackers", _robustness(found["robustness"])]
    if found.get("scale"):
        parts += ["### 10,000 devices", _scale(found["scale"])]
    return parts


def _methods(rows: Sequence[dict[str, Any]]) -> str:
    gains = {row["method"]: row["gain"] for row in rows}
    reference = gains.get("FedAvg on the core")
    kseed = max((g for row in rows if row["method"] == "FedKSeed" for _, g in row["curve"]), default=None)
    lines = []
    for row in sorted(rows, key=lambda row: -row["gain"]):
        share = f"{row['gain'] / reference:.2f}" if reference else "–"
        best = max(row["curve"], key=lambda point: point[1])[0]
        reached = next((n for n, gain in row["curve"] if kseed and gain >= kseed), None)
        replay = "–" if row["replay_s"] is None else f"{1000 * row['replay_s'] / row['rounds']:.2f} s"
        lines.append(
            (
                row["method"],
                f"{row['gain']:.3f}",
                share,
                best,
                reached or "–",
                f"{row['up']:,.0f}",
                f"{row['down']:,.0f}",
                f"{row['device_ms']:.0f}",
                replay,
                row["rate"],
            )
        )
    return table(
        (
            "method",
            "gain",
            "of FedAvg on the core",
            "round",
            "rounds to FedKSeed's gain",
            "bytes up",
            "bytes down",
            "device ms a round",
            "replay of 1,000 rounds",
            "rate",
        ),
        lines,
    )


def _robustness(rows: Sequence[Sequence[Any]]) -> str:
    rules = list(dict.fromkeys(row[1] for row in rows))
    clean = next(row[3] for row in rows if row[0] == "none" and row[1] == "mean")
    lines = []
    for attack, share in dict.fromkeys((row[0], row[2]) for row in rows):
        cells = {row[1]: row[3] / clean for row in rows if (row[0], row[2]) == (attack, share)}
        refused = max(row[4] for row in rows if (row[0], row[2]) == (attack, share))
        shown = [f"{cells[rule]:.2f}" if rule in cells else "–" for rule in rules]
        lines.append((attack, f"{share:.0%}", *shown, "yes" if refused else "no"))
    note = (
        f"Gain as a share of the clean mean's ({clean:.3f}). All devices answer every round. Reports longer\n"
        "than z-scores can be are refused before any rule sees them; other attacks have the honest length.\n"
        "One run per cell, its directions its own (the rule is part of the task): differences of 0.1 are\n"
        "chance."
    )
    return note + "\n\n" + table(("attack", "attackers", *rules, "refused"), lines)


def _scale(rows: Sequence[Sequence[float]]) -> str:
    return table(
        ("asked", "seconds a round", "coordinator ms per report", "peak memory MiB"),
        [(int(a), f"{s:.2f}", f"{c:.2f}", f"{m:.0f}") for a, s, c, m in rows],
    )
