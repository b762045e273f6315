"""`assistant federation found` and `admit`: learn together through a shared folder, without a coordinator."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, document, line, say
from assistant.errors import UsageError
from assistant.paths import default_paths

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder that some tool synchronises between the members.")
]


def register(group: typer.Typer) -> None:
    group.command()(found)
    group.command()(admit)


def found(
    folder: Folder,
    name: Annotated[str, typer.Option("--name", help="Name of the federation.")] = "style",
    told: Annotated[str, typer.Option("--told", help="What owners read before joining.")] = "",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds as planned.")] = 100,
    directions: Annotated[
        int, typer.Option("--directions", min=2, max=4096, help="Numbers a device sends per round.")
    ] = 64,
    rank: Annotated[int, typer.Option("--rank", min=1, max=64, help="rank² numbers are trained.")] = 16,
    quorum: Annotated[int, typer.Option("--quorum", min=1, help="Fewest devices per round.")] = 3,
    noise: Annotated[
        float, typer.Option("--noise", min=0, max=100, help="Noise on each report; 0 protects nobody.")
    ] = 1.0,
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Found a federation in a shared folder; this machine says who is admitted, and nothing else."""
    from assistant.federating.places import plain_errors
    from assistant.services import open_engine

    paths = default_paths()
    settings = settings_with(paths, model)
    with plain_errors():
        from assistant.federating import hosting, peering

        wish = hosting.Wish(name, told, rounds, directions, rank, quorum, noise, 0.0, settings.seed)
        with contextlib.closing(open_engine(settings)) as engine:
            signed, _ = hosting.prepare(paths, engine, wish)
        peering.found(folder, signed)
    if as_json:
        document({"folder": folder.resolve(), "task": hosting.describe(signed.task)})
    else:
        say(f"Members join with `assistant federation join {folder}`; then `admit` lets them in.")


def admit(
    folder: Folder,
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY]...", help="Keys of devices; without any they are listed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the devices that wait at a shared folder, or let some of them in."""
    from assistant.federating.hosting import hosted_files
    from assistant.federating.places import plain_errors

    with plain_errors():
        from assistant.federating import peering

        signed = peering.task_in(folder)
        waiting = {key.hex(): key for key in peering.wishes(folder, signed)}
        unknown = [key for key in keys or () if key not in waiting]
        if unknown:
            raise UsageError(f"No device waits with the key {unknown[0]}.")
        if keys:
            peering.admit(
                folder, signed, hosted_files(default_paths()).signer(), [waiting[key] for key in keys]
            )
    if as_json:
        document({"waiting": [key for key in waiting if key not in (keys or ())], "admitted": keys or []})
    elif keys:
        say(f"{len(keys)} admitted.")
    elif waiting:
        for key in waiting:
            line(key)
    else:
        say("Nobody waits.")
