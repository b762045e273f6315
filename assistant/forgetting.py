"""Forgetting as the owner runs it: erase, answer without it at once, learn the rest anew, check, tell.

What was learned can't be taken out of an adapter. A run of learning starts from the base model and learns the
pairs that are left, so the new version never saw what is forgotten; until then the newest version that
never saw it answers, or the base model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from assistant.errors import AssistantError
from assistant.recall import MeasuringEngine, mean_loss, tokenised

if TYPE_CHECKING:
    from assistant.learning_report import LearnReport, Progress
    from assistant.settings import Settings
    from assistant.store import Scope, Store
    from assistant.store.forgetting import Forgetting, Preview
    from assistant.versions import VersionControl

# Measuring more of them costs time and says the same.
MOST_MEASURED = 32

OnProgress = Callable[["Progress"], None]


class Relearner(Protocol):
    """The part of the learner that is needed here."""

    @property
    def versions(self) -> VersionControl: ...
    def exclusively(self) -> AbstractContextManager[None]: ...
    def learn_now(
        self, method: str | None, on_progress: OnProgress, cancel: threading.Event
    ) -> LearnReport: ...


class Forgetter:
    """Forgets with the model at hand, so that versions are made anew and recall is measured."""

    def __init__(self, store: Store, engine: MeasuringEngine, settings: Settings, learner: Relearner) -> None:
        self._store = store
        self._engine = engine
        self._settings = settings
        self._learner = learner

    def preview(self, scope: Scope) -> Preview:
        """What would go; nothing changes. Raises UsageError for an unknown turn or chat."""
        return self._store.forgettings.preview(scope)

    def forget(
        self,
        scope: Scope,
        *,
        relearn: bool = True,
        on_progress: OnProgress = lambda _: None,
        cancel: threading.Event | None = None,
    ) -> Forgetting:
        """Erase what the scope means, everywhere, and return the receipt.

        With `relearn` what is left is learned anew when a version in force had to go. A problem with the
        model never keeps anything from being erased; the receipt names it.

        Raises:
            UsageError: nothing to forget, or a run of learning is going on.
            StoreError: the disk is full or the file damaged.
        """
        measured = self._measured(scope)
        before = self._loss(measured) if measured else None
        problems: list[str] = []
        with self._learner.exclusively():
            preview, forgetting = self._store.forgettings.erase(scope)
            try:
                self._learner.versions.apply()
            except AssistantError as problem:
                problems.append(problem.message)
        facts = self._learn_rest(preview, problems, on_progress, cancel) if relearn else {}
        facts = {**_outcome(preview), **facts}
        if before is not None:
            facts["recall"] = {
                "pairs": len(measured),
                "loss_before": before,
                "loss_after": self._loss(measured),
                "loss_of_base_model": self._loss(measured, bare=True),
            }
        return self._store.forgettings.note(forgetting.id, done=True, problems=problems, **facts)

    def _learn_rest(
        self,
        preview: Preview,
        problems: list[str],
        on_progress: OnProgress,
        cancel: threading.Event | None,
    ) -> dict[str, Any]:
        """Learn what is left, if a personal version in force had to go and anything is left."""
        if "personal" not in preview.instead or not self._store.pairs.list("active"):
            return {}
        try:
            report = self._learner.learn_now(None, on_progress, cancel or threading.Event())
        except AssistantError as problem:
            problems.append(problem.message)
            return {}
        if report.state != "active":
            return {} if report.version_id is None else {"draft": report.version_id, "checks": report.reasons}
        return {
            "outcome": "relearned",
            "version": report.version_id,
            "checks": report.reasons,
            "held_out_after": report.held_out_after,
        }

    def _measured(self, scope: Scope) -> list[tuple[str, str]]:
        """Some of the questions and answers that are to be forgotten; kept in memory only."""
        preview = self._store.forgettings.preview(scope)
        chosen = [self._store.pairs.get(number) for number in preview.pair_ids[:MOST_MEASURED]]
        return [(pair.question, pair.answer) for pair in chosen]

    def _loss(self, pairs: list[tuple[str, str]], *, bare: bool = False) -> float | None:
        try:
            # This loads the model; only then it is known which adapters are in force.
            found = tokenised(self._engine, self._settings.system_prompt, pairs)
            return round(mean_loss(self._engine, found, () if bare else self._engine.adapters), 4)
        except AssistantError:
            return None


def forget_without_model(store: Store, scope: Scope) -> Forgetting:
    """Erase what the scope means when there is no model to learn anew or to measure with.

    Raises as `Forgetter.forget`.
    """
    preview, forgetting = store.forgettings.erase(scope)
    return store.forgettings.note(forgetting.id, done=True, problems=[], **_outcome(preview))


def _outcome(preview: Preview) -> dict[str, Any]:
    """What answers now, before anything is learned anew."""
    if "personal" not in preview.instead:
        return {"outcome": "unchanged", "version": None}
    instead = preview.instead["personal"]
    return {"outcome": "base model" if instead is None else "fell back", "version": instead}
