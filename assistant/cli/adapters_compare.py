"""`assistant adapters compare|delete`: two models side by side, and removing a version."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, Yes, confirm, document, line, piece, say, size
from assistant.paths import default_paths

SIDE = "base (the model alone), now (what is in force), or a version such as v0001."


def register(group: typer.Typer) -> None:
    group.command()(compare)
    group.command()(delete)


def compare(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What both are asked.")],
    left: Annotated[str, typer.Option("--left", metavar="SIDE", help=SIDE)] = "base",
    right: Annotated[str, typer.Option("--right", metavar="SIDE", help=SIDE)] = "now",
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask two models the same with the same seed; what differs comes from what was learned."""
    from assistant.comparing import answer, side
    from assistant.engine.types import Message, opening
    from assistant.models import model_sha256
    from assistant.services import open_engine
    from assistant.store import Store

    paths = default_paths()
    settings = settings_with(paths, model)
    answers = []
    with Store.open(paths, write=False) as store, contextlib.closing(open_engine(settings)) as engine:
        base = model_sha256(engine.model_path, paths)
        sides = [side(store, paths, base, name) for name in (left, right)]
        messages = [*opening(settings.system_prompt), Message("user", prompt)]
        for number, chosen in enumerate(sides):
            if not as_json:
                line(("\n" if number else "") + f"{chosen.name}:")
            reply = answer(engine, chosen, messages, settings, on_piece=None if as_json else piece)
            if not as_json:
                line()
            answers.append({"side": chosen.name, "versions": reply.adapters, "answer": reply.text})
    if as_json:
        document({"prompt": prompt, "seed": settings.seed, "answers": answers})
    elif answers[0]["answer"] == answers[1]["answer"]:
        say("Both answer the same.")


def delete(
    version_id: Annotated[str, typer.Argument(metavar="VERSION", help="Such as v0001.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a version and its file for good; says first what else that changes."""
    from assistant.store import Store
    from assistant.version_care import effects_of_deleting

    with Store.open(default_paths()) as store:
        effects = effects_of_deleting(store, version_id)
        if not as_json:
            for sentence in effects.sentences():
                say(sentence)
        confirm(f"Delete {version_id} for good?", yes=yes)
        if effects.in_force:
            store.versions.off(store.versions.get(version_id).kind)
        store.versions.delete(version_id)
    if as_json:
        document(effects)
    else:
        say(f"{version_id} is deleted ({size(effects.bytes or 0)}).")
