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
    """Forgets with the model at hand, so that versions are made anew and recall is measured.

    `forget` erases, `relearn` makes the version anew; the screen shows the second as a run of learning.
    """

    def __init__(self, store: Store, engine: MeasuringEngine, settings: Settings, learner: Relearner) -> None:
        self._store = store
        self._engine = engine
        self._settings = settings
        self._learner = learner
        # Questions and answers that were forgotten: in memory only, until the version is made anew.
        self._measured: list[tuple[str, str]] = []

    def preview(self, scope: Scope) -> Preview:
        """What would go; nothing changes. Raises UsageError for an unknown turn or chat."""
        return self._store.forgettings.preview(scope)

    def forget(self, scope: Scope) -> Forgetting:
        """Erase what the scope means, everywhere, and return the receipt.

        A problem with the model never keeps anything from being erased; the receipt names it.

        Raises:
            UsageError: nothing to forget, or a run of learning is going on.
            StoreError: the disk is full or the file damaged.
        """
        with self._learner.exclusively():
            self._measured = self._pairs_of(scope)
            before = self._loss()
            preview, forgetting = self._store.forgettings.erase(scope)
            problems = []
            try:
                self._learner.versions.apply()
            except AssistantError as problem:
                problems.append(problem.message)
        facts = outcome(preview)
        if before is not None:
            facts["recall"] = {"pairs": len(self._measured), "loss_before": before, **self._recall()}
        return self._store.forgettings.note(forgetting.id, done=True, problems=problems, **facts)

    def wants_relearning(self, forgetting: Forgetting) -> bool:
        """Whether a version in force had to go and there is something left to learn anew."""
        if "personal" not in forgetting.receipt.get("instead", {}):
            return False
        version = self._store.versions.active()
        known = version.pair_ids if version else ()
        return any(pair.id not in known for pair in self._store.pairs.list("active"))

    def relearn(
        self,
        forgetting: Forgetting,
        on_progress: OnProgress = lambda _: None,
        cancel: threading.Event | None = None,
    ) -> LearnReport:
        """Learn what is left from the base model, and add what came of it to the receipt.

        Raises what `learn_now` raises; the receipt then still says what answers.
        """
        report = self._learner.learn_now(None, on_progress, cancel or threading.Event())
        facts: dict[str, Any] = {"checks": report.reasons}
        if report.state == "active":
            facts |= {"outcome": "relearned", "version": report.version_id}
        elif report.state == "draft":
            facts["draft"] = report.version_id
        if "recall" in forgetting.receipt:
            facts["recall"] = {**forgetting.receipt["recall"], **self._recall()}
        self._measured = []
        self._store.forgettings.note(forgetting.id, **facts)
        return report

    def _pairs_of(self, scope: Scope) -> list[tuple[str, str]]:
        preview = self._store.forgettings.preview(scope)
        chosen = [self._store.pairs.get(number) for number in preview.pair_ids[:MOST_MEASURED]]
        return [(pair.question, pair.answer) for pair in chosen]

    def _recall(self) -> dict[str, float | None]:
        return {"loss_after": self._loss(), "loss_of_base_model": self._loss(bare=True)}

    def _loss(self, *, bare: bool = False) -> float | None:
        """Nats per token of the forgotten answers; None when it can't be measured."""
        if not self._measured:
            return None
        try:
            # This loads the model; only then it is known which adapters are in force.
            found = tokenised(self._engine, self._settings.system_prompt, self._measured)
            return round(mean_loss(self._engine, found, () if bare else self._engine.adapters), 4)
        except AssistantError:
            return None


def forget_without_model(store: Store, scope: Scope) -> Forgetting:
    """Erase what the scope means when there is no model to learn anew or to measure with.

    Raises as `Forgetter.forget`.
    """
    preview, forgetting = store.forgettings.erase(scope)
    return store.forgettings.note(forgetting.id, done=True, problems=[], **outcome(preview))


def outcome(preview: Preview) -> dict[str, Any]:
    """What answers now, before anything is learned anew."""
    if "personal" not in preview.instead:
        return {"outcome": "unchanged", "version": None}
    instead = preview.instead["personal"]
    return {"outcome": "base model" if instead is None else "fell back", "version": instead}
