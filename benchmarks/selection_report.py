"""The results page, written anew from the rows each time: tables, plots, and what they were made with."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.selection_plan import Scale, plan
from benchmarks.selection_tables import (
    Row,
    ablation_table,
    curve_table,
    mean,
    ratio_lines,
    shares_line,
    size_table,
    sparse_table,
    values,
    winner,
)
from benchmarks.streams import ANSWER_WORDS, QUESTION_WORDS

Curves = dict[str, tuple[list[int], list[float]]]


def write_report(rows: Sequence[Row], scale: Scale, page: Path, *, command: str) -> str:
    """Write the page, with a PNG per stream if matplotlib is installed; returns the page's text."""
    if not rows:
        return "Nothing is finished yet, so no page was written."
    page.parent.mkdir(parents=True, exist_ok=True)
    parts = [_head(rows, scale, command), "## Learning curves\n", *_curves(rows, scale, page)]
    for stream in scale.ablation_streams:
        parts += _closer_look(rows, stream, scale)
    text = "\n\n".join(part.strip("\n") for part in parts) + "\n"
    page.write_text(text, encoding="utf-8")
    return text


def _head(rows: Sequence[Row], scale: Scale, command: str) -> str:
    def seen(field: str) -> str:
        return "; ".join(sorted({str(row[field]) for row in rows}))

    minutes = sum(row["seconds"] for row in rows) / 60
    planned = len(plan(scale)) // len(scale.seeds)
    done = {seed: sum(row["seed"] == seed for row in rows) for seed in scale.seeds}
    finished = ", ".join(f"{seed} ({count} of {planned} measurements)" for seed, count in done.items())
    return f"""# Selection and synthesis: what each contributes

Made by `{command}` from {len(rows)} measurements in {minutes:.0f} minutes of computing.
Machine: {seen("machine")}. Model: {seen("model")}. Seeds: {finished}.

* **Streams**: {scale.stream} exchanges each, in an order that the seed fixes, and {scale.held_out} held-out
  ones that share no question and no dialogue with them. Only the first whole sentences of an answer are used,
  up to {ANSWER_WORDS} words; questions have up to {QUESTION_WORDS}. `self-dialogue` is one person per seed.
  A message is taken without the ones before it.
* **Annotation**: what a policy keeps is answered with the data set's reference.
* **Tuning**: layer-chain from the base model at every checkpoint, {scale.steps} steps of {scale.per_step}
  sequences for everybody (learning rate {scale.learning_rate:g}), without guards.
  Rephrasings do not add steps.
* **Measured**: ROUGE-1 F (stemmed) of greedy answers of at most {scale.answer_tokens} tokens. ± is the
  standard deviation over seeds, which differ in split, order, chance and tuning."""


def _curves(rows: Sequence[Row], scale: Scale, page: Path) -> list[str]:
    parts = [f"Buffer of {scale.buffer}. ROUGE-1 after so many exchanges:"]
    for stream in scale.streams:
        curves = _points(rows, stream, scale)
        parts += [f"### {stream}", curve_table(rows, stream, scale)]
        if curves:
            parts.append(f"```\n{terminal_plot(curves, stream)}\n```")
        if curves and (name := _png(curves, stream, page)):
            parts.append(f"![ROUGE-1 over the stream {stream}]({name})")
    parts.append("### Against the best of `random`, `fifo` and `k-center` at the end")
    parts.append("\n".join(ratio_lines(rows, scale)) or "Not finished.")
    if best := winner(rows, scale):
        parts.append(f"Highest mean over all streams at the end: `{best}`.")
    return parts


def _closer_look(rows: Sequence[Row], stream: str, scale: Scale) -> list[str]:
    ablation = [row for row in rows if row["experiment"] == "ablation" and row["stream"] == stream]
    kept = mean(values(ablation, "old_still_kept"))
    asked = mean(values(ablation, "old_asked"))
    return [
        f"## Selection against synthesis ({stream})",
        f"Buffer of {scale.ablation_buffer}; rephrasings are made by rule (`synthesis.rephrase` without the"
        " model), as many as there are up to the number in the column, and the answer is copied.",
        "ROUGE-1 on held-out questions:",
        ablation_table(rows, stream, "rouge1", scale),
        shares_line(rows, stream, "rouge1", scale),
        f"Factual recall: the share of up to {scale.recall_items} taught exchanges whose own answer comes"
        " back (ROUGE-L F of at least 0.5) when asked in a wording that was not taught:",
        ablation_table(rows, stream, "recall", scale),
        shares_line(rows, stream, "recall", scale),
        "Forgetting: ROUGE-1 on exchanges taught at half of the stream, asked as taught, minus the same at"
        " the end; higher is worse. What left the buffer is not taught again"
        + (f" ({kept:.1f} of {asked:.1f} were still held)." if kept is not None and asked else "."),
        ablation_table(rows, stream, "forgetting", scale),
        f"## Sparse annotation ({stream})",
        f"Buffer of {scale.sparse_buffer}. So many per cent of the stream are annotated: the policy's best"
        " ranked, for `random` any. What is not annotated is left out of tuning.",
        sparse_table(rows, stream, scale),
        f"## Buffer sizes ({stream})",
        "Everything that is held is annotated; the tuning budget stays the same.",
        size_table(rows, stream, scale),
    ]


def _points(rows: Sequence[Row], stream: str, scale: Scale) -> Curves:
    """Policy → (exchanges seen, mean ROUGE-1), from the base model at 0 on; finished points only."""
    base = mean(values(rows, experiment="base", stream=stream))
    curves: Curves = {}
    for policy in scale.policies:
        found = [
            (seen, mean(values(rows, experiment="curve", stream=stream, policy=policy, seen=seen)))
            for seen in scale.points
        ]
        points = [(0, base), *found]
        known = [(seen, value) for seen, value in points if value is not None]
        if any(value is not None for _, value in found):
            curves[policy] = ([seen for seen, _ in known], [value for _, value in known])
    return curves


def terminal_plot(curves: Curves, title: str) -> str:
    """The curves in plain characters, one letter per policy, without colours."""
    import plotext  # type: ignore[import-untyped]

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(88, 20)
    plotext.title(f"ROUGE-1, {title}")
    plotext.xlabel("exchanges seen")
    for letter, (policy, (seen, rouge)) in zip("abcdefgh", curves.items(), strict=False):
        plotext.plot(seen, rouge, marker=letter, label=policy)
    drawn = plotext.uncolorize(plotext.build())
    return "\n".join(line.rstrip() for line in drawn.splitlines())


def _png(curves: Curves, stream: str, page: Path) -> str | None:
    """A PNG beside the page; None without matplotlib."""
    if find_spec("matplotlib") is None:
        return None
    import matplotlib  # type: ignore[import-not-found]

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for policy, (seen, rouge) in curves.items():
        axes.plot(seen, rouge, marker="o", label=policy)
    axes.set(xlabel="exchanges seen", ylabel="ROUGE-1 F", title=stream)
    axes.legend(ncols=2, fontsize="small")
    name = f"{page.stem}-{stream}.png"
    figure.savefig(page.with_name(name), dpi=120, metadata={"Software": None})
    pyplot.close(figure)
    return name
