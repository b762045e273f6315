"""What a chat needs, opened together and closed in order: store, engine, learner, noticing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.embedder import LazyEmbedder
from assistant.engine.engine import Engine
from assistant.engine.types import AdapterUse
from assistant.errors import AssistantError
from assistant.models import chosen_model, model_sha256
from assistant.paths import Paths
from assistant.selecting import open_buffer
from assistant.settings import Settings
from assistant.store import Store
from assistant.store.records import Turn
from assistant.versions import uses_in_force

if TYPE_CHECKING:
    from assistant.annotation.asking import Annotation
    from assistant.confirming import Confirming
    from assistant.federating.starting import Part
    from assistant.learning import Learner
    from assistant.noticing import Notice

# How long closing waits for turns that are still being looked at.
CLOSE_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Services:
    """Everything the screen and the line mode are given."""

    store: Store
    engine: Engine
    settings: Settings
    learner: Learner
    notice: Notice
    confirming: Confirming
    annotation: Annotation
    adapter_notes: list[str] = field(default_factory=list)
    federation: Part | None = None

    @property
    def problems(self) -> list[str]:
        """What the owner should know about adapters that are not used; filled once the model is loaded."""
        problem = self.engine.adapter_problem
        notes = [f"{problem.message} The base model answers. {problem.hint}"] if problem else []
        return [*self.adapter_notes, *notes]

    def after_turn(self, user_turn: Turn, reply_turn: Turn) -> None:
        """Have a finished turn looked at, in the background."""
        if self.settings.learn:
            self.notice.after_turn(user_turn, reply_turn)

    def on_skip(self, turn_id: int) -> None:
        """The owner said: don't learn from this."""
        self.notice.on_skip(turn_id)

    def close(self) -> None:
        """Finish what is waiting, free the model, release the store.

        Statements that were not confirmed yet wait for the next time.
        """
        if self.federation is not None:
            self.federation.close(wait_s=CLOSE_WAIT_S)
        self.confirming.close(wait_s=CLOSE_WAIT_S)
        self.notice.close(wait_s=CLOSE_WAIT_S)
        self.engine.close()
        self.store.close()


def open_engine(
    settings: Settings,
    model: Path | None = None,
    adapters: Callable[[Path], Sequence[AdapterUse]] | None = None,
) -> Engine:
    """The engine for these settings; loads nothing yet. Raises ModelError when there is no model file.

    `adapters` is asked, with the model's path, when the model is loaded.
    """
    path = chosen_model(model or settings.model)
    return Engine(
        path,
        context_tokens=settings.context_tokens,
        threads=settings.threads or None,
        gpu_layers=settings.gpu_layers,
        first_adapters=None if adapters is None else lambda: adapters(path),
    )


def open_services(paths: Paths, settings: Settings, model: Path | None = None) -> Services:
    """Open everything for a chat; the model is loaded by whoever needs it first.

    Raises StoreError, SettingsError and ModelError. An adapter that can't be used does not keep the chat from
    opening: the base model answers, and `problems` says so.
    """
    from assistant.annotation.asking import Annotation
    from assistant.annotation.own_replies import OwnReplies
    from assistant.confirming import Confirming, asking
    from assistant.contradictions import Contradictions
    from assistant.learning import Learner
    from assistant.noticing import Notice
    from synthesis.statements import statement_pairs
    from synthesis.verify import confirm

    store = Store.open(paths)
    problems: list[str] = []

    def in_force(model_path: Path) -> Sequence[AdapterUse]:
        uses, foreign = uses_in_force(store, paths, model_sha256(model_path, paths))
        problems.extend(f"{version} was learned on another model and is not used." for version in foreign)
        return uses

    try:
        engine = open_engine(settings, model, in_force)
        embedder = LazyEmbedder(settings.embedding_model)
        store.pairs.find_contradicted = Contradictions(embedder)
        confirming = Confirming(store, asking(engine), confirm=confirm, statement_pairs=statement_pairs)
        buffer = open_buffer(store, settings)
        is_allowed = settings.learn and settings.learn_from_own_replies
        own = OwnReplies(store, buffer, is_allowed=is_allowed)
        own.refresh()
        notice = Notice(
            store,
            embedder.get,
            buffer,
            statement_pairs=statement_pairs,
            confirm=confirming.wake,
            on_decision=lambda _: own.refresh(),
        )
        annotation = Annotation(store, buffer, settings)
        learner = Learner(
            store, engine, settings, paths, embedder, release=embedder.release, confirm=confirming.settle
        )
        federation = _federation(paths, settings, store, engine, problems)
    except BaseException:
        store.close()
        raise
    return Services(store, engine, settings, learner, notice, confirming, annotation, problems, federation)


def _federation(
    paths: Paths, settings: Settings, store: Store, engine: Engine, problems: list[str]
) -> Part | None:
    """This device's part in the federation it joined, started; None without one, or while sharing is off."""
    from assistant.federating.places import Places, plain_errors

    if not settings.share or not Places(paths).is_joined:
        return None
    try:
        with plain_errors():
            from assistant.federating.starting import start_taking_part

            return start_taking_part(paths, settings, store, engine)
    except AssistantError as problem:
        # The chat goes on without it.
        problems.append(f"{problem.message} {problem.hint}")
        return None
