"""`assistant learn buffer|scan`: which turns were kept and why, and selection over what was not looked at."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.output import AsJson, document, line, printable, say, table
from assistant.cli.progress_bar import ProgressBar
from assistant.errors import ModelError, UsageError
from assistant.paths import default_paths

if TYPE_CHECKING:
    from selection.records import BufferItem, Explanation
    from selection.view import BufferView


def register(group: typer.Typer) -> None:
    group.command()(buffer)
    group.command()(scan)


def buffer(
    why: Annotated[
        int | None,
        typer.Option("--why", metavar="TURN", help="How one turn stands, and all that was decided about it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The turns that were kept because they are representative, best first, or why one was or was not."""
    from assistant.selecting import view_buffer
    from assistant.settings import load_settings
    from assistant.store import Store

    paths = default_paths()
    settings = load_settings(paths)
    with Store.open(paths, write=False) as store:
        kept = view_buffer(store, settings)
        if why is None:
            _show_items(kept, as_json)
            return
        explanation = kept.explain(why)
        # What a scan dropped left no trace, so whether there was anything to drop is the store's to say.
        swept = explanation.swept and [each.reply_id for each in store.exchanges.after(why - 1, limit=1)] == [
            why
        ]
        if not explanation.decisions and not swept:
            raise UsageError(
                f"Nothing was decided about turn {why}.",
                hint="`assistant chats show CHAT --json` gives the numbers of the turns; replies are judged.",
            )
    if as_json:
        document(_as_document(explanation))
    else:
        _tell(explanation)


def scan(as_json: AsJson = False) -> None:
    """Look at all turns that were not looked at yet, such as imported chats, for what is worth keeping.

    Ctrl+C stops after the current batch; the next scan goes on there.
    """
    from assistant.interrupts import interrupt_sets
    from assistant.scanning import ScanProgress
    from assistant.scanning import scan as look_at_all
    from assistant.selecting import open_buffer
    from assistant.services import LazyEmbedder
    from assistant.settings import load_settings
    from assistant.store import Store
    from selection.embedding import EmbedderMissing

    paths = default_paths()
    settings = load_settings(paths)
    if not settings.learn:
        raise UsageError("Learning is off.", hint="Set `learn = true` in the settings to look at turns.")
    cancel = threading.Event()
    bar = ProgressBar("looking at turns", only_on_terminal=as_json)

    def show(progress: ScanProgress) -> None:
        bar(progress.done, progress.total, f", {progress.done} of {progress.total}")

    with Store.open(paths) as store:
        kept = open_buffer(store, settings)
        try:
            embedder = LazyEmbedder(settings.embedding_model).get()
        except EmbedderMissing as problem:
            raise ModelError(str(problem)) from problem
        with interrupt_sets(cancel):
            try:
                report = look_at_all(store, kept, embedder, on_progress=show, cancel=cancel)
            finally:
                bar.close()
    if as_json:
        document(report)
        return
    if not report.considered:
        say("There was nothing new to look at.")
        return
    rate = report.considered / max(report.seconds, 1e-9)
    kept_now = report.kept + report.replaced
    say(f"Looked at {report.considered} turns, {rate:.0f} a second: kept {kept_now}, hold {report.held} now.")


def _show_items(kept: BufferView, as_json: bool) -> None:
    ranked = kept.ranked()
    if as_json:
        items = [{"rank": rank, **_item(item), "text": item.text} for rank, item in ranked]
        document({**kept.counts(), "policy": kept.policy, "items": items})
        return
    rows = [
        (rank, item.turn_id, _topic(item), *_scores(item.scores), printable(item.text))
        for rank, item in ranked
    ]
    headings = ("RANK", "TURN", "TOPIC", "VARIETY", "WORDS", "NOVELTY", "TEXT")
    table(headings, rows, empty="No turn has been kept yet.")


def _as_document(explanation: Explanation) -> dict[str, Any]:
    item = explanation.item
    return {
        "turn_id": explanation.turn_id,
        "held": item is not None,
        "policy": explanation.policy,
        "rank": explanation.rank,
        "of": explanation.held,
        "replaced": explanation.replaced,
        "topic_size": explanation.topic_size,
        "swept": explanation.swept,
        "item": None if item is None else _item(item),
        "decisions": [
            {**asdict(decision), "topic": _number(decision.topic)} for decision in explanation.decisions
        ],
    }


def _item(item: BufferItem) -> dict[str, Any]:
    return {
        "turn_id": item.turn_id,
        "domain": item.domain,
        "topic": _number(item.topic),
        "scores": asdict(item.scores),
        "learnability": item.learnability,
        "kept": item.kept or None,
        "since": item.since,
    }


def _tell(explanation: Explanation) -> None:
    item = explanation.item
    if item is None:
        line(f"turn       {explanation.turn_id}, not held")
    else:
        since = item.kept.replace("T", " ") or "an older release"
        line(f"turn       {explanation.turn_id}, held since {since}")
        line(f"rank       {explanation.rank} of {explanation.held} under the policy {explanation.policy}")
        if explanation.replaced is not None:
            line(f"replaced   turn {explanation.replaced}")
        peers = f", {explanation.topic_size} turns" if explanation.topic_size else ""
        line(f"topic      {_topic(item)}{peers}")
        line(f"scores     {item.scores.in_words()}")
        if item.learnability is not None:
            line(f"learning   {item.learnability:.4g} to learn from it")
    if explanation.swept:
        line("decision   looked at in a scan and not kept; a scan notes reasons only for what it keeps")
    for each in explanation.decisions:
        when = f" on {each.decided.replace('T', ' ')}" if each.decided else ""
        line(f"decision   {each.number}{when}, turn {each.turn_id}: {printable(each.reason)}")


def _topic(item: BufferItem) -> str:
    domain = item.domain or "-"
    number = _number(item.topic)
    return domain if number is None else f"{number} ({domain})"


def _number(topic: int) -> int | None:
    from selection.records import NO_TOPIC

    return None if topic == NO_TOPIC else topic


def _scores(scores: Any) -> tuple[str, str, str]:
    return f"{scores.eoe:.3f}", f"{scores.dss:.4f}", f"{scores.idd:.3f}"
