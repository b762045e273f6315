"""`assistant learn status|buffer|pairs`: what waits, what is known, and why turns were kept. Only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.output import AsJson, document, line, printable, say, table
from assistant.errors import UsageError
from assistant.paths import default_paths

if TYPE_CHECKING:
    from assistant.annotation.asking import Annotation
    from assistant.settings import Settings
    from assistant.store import Pair, Store
    from selection.buffer import SelectionBuffer


def register(group: typer.Typer) -> None:
    group.command()(status)
    group.command()(buffer)
    group.command()(pairs)


def status(as_json: AsJson = False) -> None:
    """What waits to be learned, what is in force, and what was rejected."""
    from assistant.marks import pairs_waiting
    from assistant.settings import load_settings
    from assistant.store import Store

    paths = default_paths()
    settings = load_settings(paths)
    with Store.open(paths, write=False) as store:
        known = store.pairs.list(None)
        found = {
            "learning": settings.learn,
            "pairs": {
                "waiting": pairs_waiting(store),
                "learned": sum(1 for pair in known if pair.state == "active" and pair.learned_in),
                "off": sum(1 for pair in known if pair.state == "off"),
                "superseded": sum(1 for pair in known if pair.state == "superseded"),
            },
            "sources": dict(Counter(pair.source for pair in known if pair.state == "active")),
            "buffer": open_buffer(store, settings.buffer_size).counts(),
            "active": [version.id for version in store.versions.list() if version.state == "active"],
            "versions": len(store.versions.list()),
            "rejected": store.pairs.rejects(),
            "questions": asdict(open_annotation(store, settings).report()),
        }
    if as_json:
        document(found)
    else:
        _tell_status(found)


def buffer(
    why: Annotated[
        int | None, typer.Option("--why", metavar="TURN", help="Everything that was decided about a turn.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The turns that were kept because they are representative, or why one was or was not."""
    from assistant.settings import load_settings
    from assistant.store import Store

    paths = default_paths()
    settings = load_settings(paths)
    with Store.open(paths, write=False) as store:
        kept = open_buffer(store, settings.buffer_size)
        if why is None:
            _show_items(kept, as_json)
        else:
            _show_decisions(kept, why, as_json)


def pairs(
    all_states: Annotated[
        bool, typer.Option("--all", help="Also pairs that are off or superseded by a newer answer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The pairs with all their wordings: where each came from and whether it is trained on or held out."""
    from assistant.store import Store

    with Store.open(default_paths(), write=False) as store:
        known = store.pairs.list(None if all_states else "active")
        found = [
            {
                **asdict(pair),
                "wordings": [asdict(wording) for wording in store.pairs.wordings(pair.id)],
                "rejected": store.pairs.rejects(pair.id),
            }
            for pair in known
        ]
    if as_json:
        document(found)
    elif not found:
        say("There are no pairs yet. Correct an answer, or use `assistant learn add`.")
    else:
        for number, (pair, details) in enumerate(zip(known, found, strict=True)):
            if number:
                line()
            _tell_pair(pair, details)


def open_buffer(store: Store, capacity: int) -> SelectionBuffer:
    """The selection of this store, for looking."""
    from selection.buffer import SelectionBuffer

    return SelectionBuffer(store.db, store.paths.index, capacity=capacity)


def open_annotation(store: Store, settings: Settings) -> Annotation:
    """What may be asked about in this store, and what was."""
    from assistant.annotation.asking import Annotation

    return Annotation(store, open_buffer(store, settings.buffer_size), settings)


def counted(numbers: Mapping[str, int]) -> str:
    """Numbers by name in one line, such as `too close 3, not a question 1`."""
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def _tell_status(found: Mapping[str, Any]) -> None:
    states = found["pairs"]
    held = found["buffer"]
    line(f"learning   {'on' if found['learning'] else 'off'}")
    line(f"pairs      {counted(states)}")
    line(f"sources    {counted(found['sources']) or 'none'}")
    line(f"buffer     {held['held']} of {held['capacity']} turns")
    line(f"in force   {', '.join(found['active']) or 'nothing, the base model answers'}")
    line(f"versions   {found['versions']}")
    line(f"rejected   {counted(found['rejected']) or 'no wording'}")
    _tell_questions(found["questions"])
    if states["waiting"]:
        say("`assistant learn now` learns what waits.")


def _tell_questions(report: Mapping[str, Any]) -> None:
    names = ("asked", "answered", "dismissed", "never", "ignored", "reviewed")
    line(f"questions  {counted({name: report[name] for name in names})}")
    rarer = "" if report["rate"] == 1 else f", {report['rate']:g} as often after dismissals"
    line(f"today      asked {report['asked_today']}, {report['left_today']} more allowed{rarer}")
    line(f"to review  {report['open']} kept replies")


def _tell_pair(pair: Pair, details: Mapping[str, Any]) -> None:
    learned = f"learned in {', '.join(pair.learned_in)}" if pair.learned_in else "not learned yet"
    line(f"{pair.id}  {pair.source}, {pair.state}, {learned}")
    line(f"   Q: {printable(pair.question)}")
    line(f"   A: {printable(pair.answer)}")
    for wording in details["wordings"]:
        line(f"   - {printable(wording['question'])} ({wording['origin']}, {wording['split']})")
    if details["rejected"]:
        line(f"   rejected: {counted(details['rejected'])}")


def _show_items(kept: SelectionBuffer, as_json: bool) -> None:
    items = kept.items()
    if as_json:
        document(
            {
                **kept.counts(),
                "items": [
                    {
                        "turn_id": item.turn_id,
                        "domain": item.domain,
                        "scores": asdict(item.scores),
                        "text": item.text,
                    }
                    for item in items
                ],
            }
        )
        return
    rows = [(item.turn_id, item.domain or "-", *_scores(item.scores), printable(item.text)) for item in items]
    table(("TURN", "TOPIC", "VARIETY", "WORDS", "NOVELTY", "TEXT"), rows, empty="No turn has been kept yet.")


def _show_decisions(kept: SelectionBuffer, turn_id: int, as_json: bool) -> None:
    decisions = kept.why(turn_id)
    if not decisions:
        raise UsageError(
            f"Nothing was decided about turn {turn_id}.",
            hint="`assistant chats show CHAT --json` gives the numbers of the turns; replies are judged.",
        )
    if as_json:
        document(decisions)
        return
    rows = [(each.number, each.turn_id, each.action, each.domain or "-", each.reason) for each in decisions]
    table(("DECISION", "TURN", "WHAT", "TOPIC", "REASON"), rows)


def _scores(scores: Any) -> tuple[str, str, str]:
    return f"{scores.eoe:.3f}", f"{scores.dss:.4f}", f"{scores.idd:.3f}"
