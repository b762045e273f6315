"""`assistant data`: where everything lives, how to keep a copy of it, and how to remove it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli import data_backup
from assistant.cli.output import AsJson, Yes, confirm, document, line, say, size, table
from assistant.errors import AssistantError, UsageError
from assistant.paths import Paths, default_paths


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Show where everything lives, back it up, restore it, remove it.", no_args_is_help=True
    )
    group.command()(paths)
    group.command()(settings)
    data_backup.register(group)
    group.command()(purge)
    app.add_typer(group, name="data")


def paths(as_json: AsJson = False) -> None:
    """Print every place the assistant writes to."""
    places = default_paths().as_dict()
    if as_json:
        document(places)
        return
    table(
        ("WHAT", "EXISTS", "PATH"),
        [(name, "yes" if Path(place).exists() else "no", place) for name, place in places.items()],
    )


def settings(as_json: AsJson = False) -> None:
    """Print a settings file with every setting described, or with --json the values in force."""
    from assistant.settings import load_settings, template

    if as_json:
        document(load_settings(default_paths()).model_dump())
    else:
        line(template().rstrip())


def purge(
    yes: Yes = False,
    models: Annotated[bool, typer.Option("--models", help="Remove downloaded models, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove everything remembered and learned; downloaded models stay unless --models is given."""
    from assistant.store.database import WriterLock

    where = default_paths()
    _refuse_wrong_folder(where)
    doomed = sorted(
        entry
        for entry in (where.home.iterdir() if where.home.exists() else ())
        if models or entry != where.models
    )
    if not doomed:
        _tell(where, [], 0, as_json)
        return
    confirm(f"Remove {', '.join(entry.name for entry in doomed)} from {where.home} for good?", yes=yes)
    lock = WriterLock(where.lock)
    try:
        doomed = sorted({*doomed, where.lock})
        freed = sum(_bytes_in(entry) for entry in doomed)
        for entry in doomed:
            _remove(entry)
    finally:
        lock.release()
    _tell(where, doomed, freed, as_json)


def _tell(where: Paths, removed: list[Path], freed_bytes: int, as_json: bool) -> None:
    kept = sorted(str(entry) for entry in where.home.iterdir()) if where.home.exists() else []
    if as_json:
        document({"home": where.home, "removed": removed, "bytes": freed_bytes, "kept": kept})
        return
    for entry in removed:
        line(f"removed {entry}")
    for place in kept:
        line(f"kept {place}")
    say(f"{size(freed_bytes)} removed." if removed else "There was nothing to remove.")


def _refuse_wrong_folder(where: Paths) -> None:
    """A mistyped ASSISTANT_HOME must not cost anyone their files.

    Raises:
        UsageError: the folder holds other people's things, or nothing the assistant made.
    """
    home = where.home.resolve()
    if home == Path.home().resolve() or home in Path.home().resolve().parents:
        raise UsageError(f"{home} is more than the assistant's own folder; nothing was removed.")
    if home.exists() and any(home.iterdir()):
        marks = (where.database, where.lock, where.adapters, where.settings)
        if not any(mark.exists() for mark in marks):
            raise UsageError(f"{home} does not look like the assistant's folder; nothing was removed.")


def _bytes_in(entry: Path) -> int:
    if entry.is_dir() and not entry.is_symlink():
        return sum(_bytes_in(child) for child in entry.iterdir())
    return entry.lstat().st_size


def _remove(entry: Path) -> None:
    try:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    except OSError as problem:
        raise AssistantError(f"{entry} cannot be removed: {problem.strerror}.") from problem
