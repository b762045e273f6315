"""Gives arguments their help back: click 8.4 and later overwrite what typer 0.20 has set.

Importing this module is enough; to be removed with the first typer that passes the help on.
"""

from __future__ import annotations

from typing import Any

import click
import typer.main
from typer.core import TyperArgument


class Argument(TyperArgument):
    """An argument that keeps its help as `told`, and whose [required] is not written as \\[required]."""

    def __init__(self, *, help: str | None = None, **others: Any) -> None:
        super().__init__(help=help, **others)
        self.told = help or ""

    def get_help_record(  # type: ignore[override]  # typer's has none for hidden arguments
        self, ctx: click.Context
    ) -> tuple[str, str] | None:
        # Not set for good: click would list the arguments a second time, under a heading of its own.
        self.help = self.told
        try:
            record = super().get_help_record(ctx)
        finally:
            self.help = None
        return None if record is None else (record[0], record[1].replace("\\[", "["))


# Typer has no setting for the class of its arguments.
setattr(typer.main, "TyperArgument", Argument)  # noqa: B010
