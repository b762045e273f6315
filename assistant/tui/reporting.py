"""Show errors of the rooms below as a notice that names the next step. Knows errors, not their causes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from textual.app import App

from assistant.errors import AssistantError

ERROR_SHOWN_S = 12


def show_error(app: App[Any], error: AssistantError) -> None:
    """Say what happened and what to do next."""
    app.notify(
        f"{error.message}\n{error.hint}", title="Error", severity="error", timeout=ERROR_SHOWN_S, markup=False
    )


@contextlib.contextmanager
def reporting(app: App[Any]) -> Iterator[None]:
    """Run a block whose errors are shown instead of ending the app."""
    try:
        yield
    except AssistantError as error:
        show_error(app, error)
