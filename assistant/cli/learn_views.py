"""`assistant learn status|pairs`: what waits and what is known. Only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.output import AsJson, document, line, printable, say
from assistant.paths import default_paths

if TYPE_CHECKING:
    from assistant.annotation.asking import Annotation
    from assistant.settings import Settings
    from assistant.store import Pair, Store


def register(group: typer.Typer) -> None:
    group.command()(status)
    group.command()(pairs)


def status(as_json: AsJson = False) -> None:
    """What waits to be learned, what is in force, and what was rejected."""
    from assistant.marks import pairs_waiting
    from assistant.selecting import view_buffer
    from assistant.settings import load_settings
    from assistant.store import Store
    from assistant.tuning_cost import estimate

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
                "unconfirmed": sum(1 for pair in known if pair.state == "unconfirmed"),
                "rejected": sum(1 for pair in known if pair.state == "rejected"),
            },
            "sources": dict(Counter(pair.source for pair in known if pair.state == "active")),
            "buffer": view_buffer(store, settings).counts(),
            "active": [version.id for version in store.versions.list() if version.state == "active"],
            "versions": len(store.versions.list()),
            "rejected": store.pairs.rejects(),
            "next": estimate(store.versions.list(), store.pairs.list("active"), settings.tuning_method),
            "questions": asdict(open_annotation(store, settings).report()),
        }
    if as_json:
        document(found)
    else:
        _tell_status(found)


def pairs(
    all_states: Annotated[
        bool,
        typer.Option(
            "--all", help="Also pairs that are off, superseded by a newer answer, or not confirmed."
        ),
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
                "replaces": [asdict(older) for older in store.pairs.superseded_by(pair.id)],
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


def open_annotation(store: Store, settings: Settings) -> Annotation:
    """What may be asked about in this store, and what was."""
    from assistant.annotation.asking import Annotation
    from assistant.selecting import view_buffer

    return Annotation(store, view_buffer(store, settings), settings)


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
    if found["next"] and states["waiting"]:
        line(f"next       {found['next'].sentence()}")
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
    by = f" by {pair.superseded_by}" if pair.superseded_by is not None else ""
    line(f"{pair.id}  {pair.source}, {pair.state}{by}, {learned}")
    line(f"   Q: {printable(pair.question)}")
    line(f"   A: {printable(pair.answer)}")
    for older in details["replaces"]:
        line(f"   replaces {older['id']}: {printable(older['question'])} → {printable(older['answer'])}")
    for wording in details["wordings"]:
        line(f"   - {printable(wording['question'])} ({wording['origin']}, {wording['split']})")
    if details["rejected"]:
        line(f"   rejected: {counted(details['rejected'])}")
