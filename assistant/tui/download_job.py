"""A download in a thread, seen from the screen; it belongs to the app and goes on when a screen is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from textual.app import App

from assistant.errors import AssistantError, Cancelled

Fetch = Callable[[Callable[[int, int], None], threading.Event], str]
"""Downloads, telling how far it is, and returns what to say when it is done. Raises AssistantError."""


class DownloadJob:
    """`outcome` is set when it is over: what came of it, in words."""

    def __init__(self, name: str, fetch: Fetch) -> None:
        self.name = name
        self.done_bytes = 0
        self.total_bytes = 0
        self.finished = False
        self.outcome = ""
        self._fetch = fetch
        self._cancel = threading.Event()

    @property
    def cancelling(self) -> bool:
        return self._cancel.is_set() and not self.finished

    def cancel(self) -> None:
        self._cancel.set()

    def run(self) -> None:
        """For a thread worker; leaving the app cancels it."""

        def on_progress(done: int, total: int) -> None:
            self.done_bytes, self.total_bytes = done, total

        try:
            self.outcome = self._fetch(on_progress, self._cancel)
        except Cancelled:
            self.outcome = "Stopped. What arrived is kept; the next download goes on from there."
        except AssistantError as error:
            self.outcome = f"{error.message} {error.hint}"
        finally:
            self.finished = True


_jobs: WeakKeyDictionary[App[Any], DownloadJob] = WeakKeyDictionary()


def current_job(app: App[Any]) -> DownloadJob | None:
    """The download of this app that goes on or went on last."""
    return _jobs.get(app)


def start_job(app: App[Any], job: DownloadJob) -> None:
    """Begin a download that outlives the screen it was started from."""
    _jobs[app] = job
    app.run_worker(job.run, thread=True, group="download", exit_on_error=False)
