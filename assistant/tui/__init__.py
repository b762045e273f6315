"""The screen: a Textual app over the conversation, the marks and the learning loop.

Knows what the services offer; no model, SQL or tuning code lives here.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.paths import Paths
    from assistant.settings import Settings


def run(paths: Paths, settings: Settings, model: Path | None = None, *, private: bool = False) -> int:
    """Show the app until the owner leaves it, at first with a `private` chat; returns the exit code.

    Raises StoreError or SettingsError before the screen is taken over. The model is loaded behind the
    screen, so a missing model is reported in the app.
    """
    from pathlib import Path

    from assistant.services import open_services
    from assistant.tui.app import AssistantApp
    from assistant.tui.first_run import first_run, is_first_run

    if is_first_run(paths):
        settings = first_run(paths, settings)
        model = model or (Path(settings.model).expanduser() if settings.model else None)
    with contextlib.closing(open_services(paths, settings, model)) as services:
        app = AssistantApp(services, private=private)
        app.run()
        return app.return_code or 0
