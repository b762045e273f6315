"""The same question to two models side by side: the base model, what is in force, or a version.

Both answer with the same messages, sampling and seed, so that what differs comes from the adapters.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.engine.types import AdapterUse, Message, Reply, Sampling
from assistant.errors import AdapterError
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store
from assistant.versions import uses_in_force

BASE = "base"
NOW = "now"
NAMES = {BASE: "the base model alone", NOW: "what answers now"}


class ComparingEngine(Protocol):
    """The part of the engine that is needed here."""

    def chat(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        on_piece: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        adapters: bool | Sequence[AdapterUse] = True,
    ) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its name (base, now or a version's id) and the adapters it answers with."""

    name: str
    uses: tuple[AdapterUse, ...]


def side(store: Store, paths: Paths, base_sha256: str, name: str) -> Side:
    """What `name` answers with.

    A version takes the place of the one of its kind that is in force, and the other kind stays, as when it is
    put in force.

    Raises:
        UsageError: there is no such version.
        AdapterError: it was learned on another model.
    """
    if name == BASE:
        return Side(name, ())
    uses, _ = uses_in_force(store, paths, base_sha256)
    if name == NOW:
        return Side(name, tuple(uses))
    version = store.versions.get(name)
    if version.base_sha256 != base_sha256:
        raise AdapterError(
            f"{name} was learned on another model.", hint="Switch back to that model, or learn again."
        )
    others = [use for use in uses if store.versions.get(use.version).kind != version.kind]
    own = AdapterUse(version.id, paths.adapters / version.path, version.strength)
    return Side(name, (*others, own))


def answer(
    engine: ComparingEngine,
    chosen: Side,
    messages: Sequence[Message],
    settings: Settings,
    *,
    on_piece: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
) -> Reply:
    """What one side answers, with the owner's sampling and seed. Raises ModelError and AdapterError."""
    sampling = Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        repeat_penalty=settings.repeat_penalty,
        seed=settings.seed,
        max_tokens=settings.max_tokens,
    )
    return engine.chat(messages, sampling, on_piece=on_piece, cancel=cancel, adapters=chosen.uses)
