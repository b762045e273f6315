"""The selection buffer of this store, put together: policy, word lists, and who may be held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.errors import SettingsError

if TYPE_CHECKING:
    from assistant.paths import Paths
    from assistant.settings import Settings
    from assistant.store import Store
    from selection.buffer import SelectionBuffer
    from selection.lexicons import Lexicons
    from selection.view import BufferView


def open_buffer(store: Store, settings: Settings) -> SelectionBuffer:
    """The buffer, to fill it. Raises SettingsError when one of the owner's word lists is bad."""
    from selection.buffer import SelectionBuffer
    from selection.policies import make_policy

    return SelectionBuffer(
        store.db,
        store.paths.index,
        capacity=settings.buffer_size,
        seed=settings.seed,
        lexicons=owner_lexicons(store.paths),
        policy=make_policy(settings.selection_policy),
        allowed=store.exchanges.learnable,
    )


def view_buffer(store: Store, settings: Settings) -> BufferView:
    """The buffer, to look at it."""
    from selection.policies import make_policy
    from selection.view import BufferView

    return BufferView(
        store.db,
        store.paths.index,
        capacity=settings.buffer_size,
        seed=settings.seed,
        policy=make_policy(settings.selection_policy),
        allowed=store.exchanges.learnable,
    )


def owner_lexicons(paths: Paths) -> Lexicons:
    """The bundled word lists with the owner's. Raises SettingsError naming the file and line."""
    from selection.lexicons import LexiconError, load_lexicons

    try:
        return load_lexicons(paths.lexicons if paths.lexicons.is_dir() else None)
    except LexiconError as problem:
        raise SettingsError(
            str(problem), hint="docs/lexicons.md describes the format; correct the list or move it away."
        ) from problem
