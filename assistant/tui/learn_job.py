"""A tuning run in a thread, seen from the screen. Knows the learner's shape, not Textual or tuning."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from assistant.errors import AssistantError, Cancelled


class Progress(Protocol):
    """How far a run is. `fraction` counts the whole run from 0 to 1; `loss` is set while tuning."""

    @property
    def stage(self) -> str: ...
    @property
    def fraction(self) -> float: ...
    @property
    def message(self) -> str: ...
    @property
    def loss(self) -> float | None: ...


class Report(Protocol):
    """What a run led to: a version, its state (active or draft) and why."""

    @property
    def version_id(self) -> str | None: ...
    @property
    def state(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def reasons(self) -> tuple[str, ...]: ...


class Run(Protocol):
    """What a job runs; blocks until the end."""

    def learn_now(
        self, method: str | None, on_progress: Callable[[Progress], None], cancel: threading.Event
    ) -> Report: ...


class Learner(Run, Protocol):
    """The learning loop as the screen uses it; all methods block except `waiting`."""

    def waiting(self) -> int: ...
    def use(self, version_id: str) -> object: ...
    def off(self, kind: str = "personal") -> object: ...
    def rollback(self, kind: str = "personal") -> object: ...
    def delete(self, version_id: str) -> object: ...
    def set_strength(self, version_id: str, strength: float) -> object: ...


class LearnJob:
    """One tuning run. `run` blocks in a worker thread; the screen reads the attributes."""

    def __init__(self, learner: Run) -> None:
        self._learner = learner
        self._cancel = threading.Event()
        self._finished = threading.Event()
        self.progress: Progress | None = None
        self.losses: list[float] = []
        self.report: Report | None = None
        self.error: AssistantError | None = None

    def run(self) -> None:
        """Learn what waits; the worker's body."""
        try:
            self.report = self._learner.learn_now(None, self._on_progress, self._cancel)
        except AssistantError as error:
            self.error = error
        finally:
            self._finished.set()

    def cancel(self) -> None:
        """Ask the run to stop at its next step; nothing is activated then."""
        self._cancel.set()

    @property
    def finished(self) -> bool:
        return self._finished.is_set()

    @property
    def cancelling(self) -> bool:
        return self._cancel.is_set() and not self.finished

    @property
    def percent(self) -> int:
        return 0 if self.progress is None else round(100 * self.progress.fraction)

    @property
    def outcome(self) -> str:
        """The end of a finished run in one sentence."""
        if self.report is not None:
            return self.report.summary
        if isinstance(self.error, Cancelled):
            return "Cancelled. Nothing was changed."
        if self.error is not None:
            return f"{self.error.message} {self.error.hint}"
        return "The run ended unexpectedly. Nothing was changed."

    def _on_progress(self, progress: Progress) -> None:
        self.progress = progress
        if progress.loss is not None:
            self.losses.append(progress.loss)
