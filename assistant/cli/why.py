"""`assistant why`: where an answer may have come from."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, document, line, printable
from assistant.paths import default_paths

if TYPE_CHECKING:
    from assistant.why import Evidence


def register(app: typer.Typer) -> None:
    app.command()(why)


def why(
    turn_id: Annotated[
        int, typer.Argument(metavar="TURN", help="Number of an answer, as in `chats show CHAT --json`.")
    ],
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Why does it know this? Evidence: the base model's answer, near pairs, and each version's share."""
    from assistant.embedder import LazyEmbedder
    from assistant.services import open_engine
    from assistant.store import Store
    from assistant.why import why as evidence_for

    paths = default_paths()
    settings = settings_with(paths, model)
    with Store.open(paths, write=False) as store, contextlib.closing(open_engine(settings)) as engine:
        evidence = evidence_for(store, engine, settings, LazyEmbedder(settings.embedding_model), turn_id)
    if as_json:
        document({**asdict(evidence), "sentences": evidence.sentences()})
    else:
        _tell(evidence)


def _tell(evidence: Evidence) -> None:
    line(f"asked      {printable(evidence.question)}")
    line(f"answered   {printable(evidence.answer)}")
    line(f"base       {printable(evidence.base_answer)}")
    line(f"now        {printable(evidence.answer_now)}")
    for each in evidence.losses:
        line(f"loss       {each.loss:.2f} {each.name}")
    for near in evidence.nearest:
        source = (
            "added by hand" if near.pair.turn_id is None else f"turn {near.pair.turn_id}, chat {near.chat_id}"
        )
        words = f"{printable(near.pair.question)} → {printable(near.pair.answer)}"
        line(f"pair {near.pair.id:<5} {near.similarity:.2f} {words} ({source})")
    for sentence in evidence.sentences():
        line(f"so         {sentence}")
