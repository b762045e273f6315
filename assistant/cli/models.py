"""`assistant models`: what models there are, what each needs, and which one answers."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.options import settings_with
from assistant.cli.output import AsJson, Yes, confirm, document, line, say, size, table
from assistant.cli.progress_bar import ProgressBar
from assistant.errors import AssistantError
from assistant.paths import default_paths

if TYPE_CHECKING:
    from assistant.library.hub import RemoteFile
    from assistant.library.shelf import Shelf, ShelfModel
    from assistant.library.speed import MachineSpeed
    from assistant.paths import Paths
    from assistant.settings import Settings

Name = Annotated[str, typer.Argument(metavar="NAME", help="As in `models list`.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="List, download, add and choose models.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command()(show)
    group.command()(get)
    group.command()(add)
    group.command()(use)
    app.add_typer(group, name="models")


def list_models(
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure this machine's speed again, in a few seconds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List models with size, memory while chatting, and about how fast this machine writes with them."""
    from assistant.library.speed import known_speed

    paths, settings, shelf = _open()
    speed = _measured(paths, settings) if measure else known_speed(paths)
    chosen = _chosen(shelf, settings)
    models = shelf.list()
    if as_json:
        document([_as_document(model, speed, chosen) for model in models])
        return
    rows = [
        (
            "*" if model.name == chosen else "",
            model.name,
            size(model.size_bytes) if model.size_bytes else "?",
            size(model.memory_bytes) if model.memory_bytes else "?",
            _speed_words(model, speed),
            "here" if model.is_here else "on the hub",
            model.title,
        )
        for model in models
    ]
    table(("", "NAME", "SIZE", "MEMORY", "TOKENS/S", "WHERE", "TITLE"), rows)
    if speed is None:
        say("`assistant models list --measure` measures about how fast each would be here.")


def show(name: Name, as_json: AsJson = False) -> None:
    """Show one model: what it needs, where it is, and what was learned on it."""
    from assistant.library.speed import known_speed

    paths, settings, shelf = _open()
    model, speed = shelf.get(name), known_speed(paths)
    whole = shelf.is_whole(name) if model.is_here else None
    notes = _switch_notes(paths, model) if model.is_here else []
    if as_json:
        document({**_as_document(model, speed, _chosen(shelf, settings)), "whole": whole, "notes": notes})
        return
    line(f"name       {model.name} ({model.title})")
    line(f"file       {model.path or f'not here; {model.repository} on the hub'}")
    line(f"size       {size(model.size_bytes)}")
    line(f"memory     {size(model.memory_bytes) if model.memory_bytes else 'unknown'}")
    line(f"tokens/s   {_speed_words(model, speed)}")
    line(f"licence    {model.licence or 'unknown'}")
    line(f"learning   {_LEARNS[model.learns]}")
    if whole is not None:
        line(f"checksum   {'as downloaded' if whole else 'the file was changed; download it again'}")
    for note in notes:
        line(f"note       {note}")


def get(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="As in `models list`, or owner/repository/file.gguf on the hub."),
    ],
    revision: Annotated[str, typer.Option("--revision", help="Branch, tag or commit on the hub.")] = "main",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Download a model from the Hugging Face hub; its size is told first.

    If it is interrupted, the same command goes on where it stopped. The file's SHA-256 must be the hub's.
    """
    _, _, shelf = _open()
    remote = shelf.look_up(name, revision=revision)
    confirm(
        f"Download {remote.file} ({size(remote.size_bytes)}) from {remote.repository}?",
        yes=yes,
        without_terminal=f"{remote.file} is {size(remote.size_bytes)} and there is no terminal to ask on.",
        refused="Nothing was downloaded.",
    )
    model = _fetch(shelf, name, remote, as_json)
    if as_json:
        document({"name": model.name, "file": model.path, "bytes": model.size_bytes, "sha256": remote.sha256})
        return
    say(f"{model.name} is at {model.path}.")
    say(f"`assistant models use {model.name}` makes it answer.")


def add(
    file: Annotated[Path, typer.Argument(help="A GGUF file with a chat template; it stays where it is.")],
    name: Annotated[
        str | None, typer.Option("--name", help="What to call it; the file's name if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a model file on this machine known by a name."""
    _, _, shelf = _open()
    model = shelf.add(file, name)
    if as_json:
        document({"name": model.name, "file": model.path})
    else:
        say(f"{model.name} is known now. `assistant models use {model.name}` makes it answer.")


def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in `models list`, or a GGUF file.")],
    as_json: AsJson = False,
) -> None:
    """Choose the model that answers, and say what that means for what was learned."""
    from assistant.library.shelf import EMBEDDED
    from assistant.settings_file import set_value

    paths, _, shelf = _open()
    file = Path(name).expanduser()
    model = shelf.add(file) if name.endswith(".gguf") and file.is_file() else shelf.get(name)
    if model.path is None:
        raise AssistantError(
            f"{model.name} is not on this machine.", hint=f"`assistant models get {model.name}`"
        )
    notes = _switch_notes(paths, model)
    set_value(paths, "model", None if model.name == EMBEDDED else str(model.path))
    if as_json:
        document({"name": model.name, "file": model.path, "notes": notes})
        return
    say(f"{model.name} answers from now on; an open chat keeps its model until it is opened anew.")
    for note in notes:
        say(note)


_LEARNS = {
    True: "yes",
    False: "with the setting tuning_method = zeroth-order only",
    None: "unknown",
}


def _open() -> tuple[Paths, Settings, Shelf]:
    from assistant.library.shelf import Shelf

    paths = default_paths()
    settings = settings_with(paths)
    return paths, settings, Shelf(paths, settings.context_tokens)


def _chosen(shelf: Shelf, settings: Settings) -> str:
    from assistant.library.shelf import EMBEDDED

    if not settings.model:
        return EMBEDDED
    found = shelf.find(Path(settings.model).expanduser())
    return found.name if found else ""


def _fetch(shelf: Shelf, name: str, remote: RemoteFile, as_json: bool) -> ShelfModel:
    from assistant.interrupts import interrupt_sets

    cancel = threading.Event()
    bar = ProgressBar("downloading", only_on_terminal=as_json)

    def show(done: int, total: int) -> None:
        bar(done, total, f" {size(done)} of {size(total)}")

    with interrupt_sets(cancel):
        try:
            return shelf.fetch(name, remote, on_progress=show, cancel=cancel)
        finally:
            bar.close()


def _switch_notes(paths: Paths, model: ShelfModel) -> list[str]:
    from assistant.library.switching import switch_to
    from assistant.models import model_sha256
    from assistant.store import Store

    assert model.path is not None
    if not paths.database.exists():
        return []
    with Store.open(paths, write=False) as store:
        return switch_to(store, model_sha256(model.path, paths)).notes()


def _measured(paths: Paths, settings: Settings) -> MachineSpeed:
    from assistant.library.speed import measure
    from assistant.models import chosen_model
    from assistant.services import open_engine

    say("Measuring how fast this machine writes…")
    return measure(paths, lambda: open_engine(settings, chosen_model(None)))


def _speed_words(model: ShelfModel, speed: MachineSpeed | None) -> str:
    if speed is None or not model.size_bytes:
        return "?"
    estimate = speed.estimate(model.size_bytes)
    if estimate < 0.1:
        return "under 0.1"
    return f"about {estimate:.0f}" if estimate >= 10 else f"about {estimate:.1f}"


def _as_document(model: ShelfModel, speed: MachineSpeed | None, chosen: str) -> dict[str, object]:
    return {
        "name": model.name,
        "title": model.title,
        "file": model.path,
        "bytes": model.size_bytes,
        "memory_bytes": model.memory_bytes,
        "tokens_per_s": round(speed.estimate(model.size_bytes), 1) if speed and model.size_bytes else None,
        "licence": model.licence,
        "learns": model.learns,
        "repository": model.repository,
        "chosen": model.name == chosen,
    }
