"""Options that several commands share, and what they do to the settings. Knows no command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from assistant.paths import Paths
    from assistant.settings import Settings

ModelFile = Annotated[
    Path | None,
    typer.Option("--model", metavar="FILE", help="A GGUF file to use instead of the one in the settings."),
]


def settings_with(paths: Paths, model: Path | None = None, **flags: Any) -> Settings:
    """The settings in force under these options; None leaves what the owner has chosen.

    Raises:
        SettingsError: the file or a value is wrong.
    """
    from assistant.settings import load_settings

    return load_settings(paths, {"model": None if model is None else str(model), **flags})
