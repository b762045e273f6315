"""`assistant setup`: the pages of the first run, again."""

from __future__ import annotations

import sys

import typer

from assistant.errors import UsageError
from assistant.paths import default_paths


def register(app: typer.Typer) -> None:
    app.command("setup")(setup)


def setup() -> None:
    """Show the first run's pages again: where things are, the model, what it may do, the keys."""
    from assistant.settings import load_settings

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The pages need a terminal.",
            hint="`assistant settings list` and `assistant models list` do the same without.",
        )
    from assistant.tui.first_run import first_run

    paths = default_paths()
    first_run(paths, load_settings(paths))
