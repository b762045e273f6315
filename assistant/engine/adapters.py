"""The set of adapters in force: load, check, apply, take back. Lives on the engine thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from assistant.engine.handles import AdapterHandle, Batch, ContextHandle, ModelHandle
from assistant.engine.types import AdapterUse
from assistant.errors import AdapterError

_PROBE = "Hello"


class AdapterSet:
    """Which adapters a context answers with."""

    def __init__(self, model: ModelHandle, context: ContextHandle) -> None:
        self._model = model
        self._context = context
        self._loaded: list[tuple[AdapterHandle, float]] = []
        self._base_logits: np.ndarray | None = None
        self.uses: tuple[AdapterUse, ...] = ()

    def replace(self, uses: Sequence[AdapterUse]) -> None:
        """Load and apply `uses` as the whole set, and check that the logits moved.

        Raises AdapterError for a file that can't be used or has no effect; the former set stays in force.
        """
        if not uses and not self._loaded:
            return
        if self._base_logits is None:
            self._context.apply([])
            self._base_logits = self._probe()
        fresh: list[tuple[AdapterHandle, float]] = []
        try:
            for use in uses:
                fresh.append((AdapterHandle(self._model, use.path), use.strength))
            self._context.apply(fresh)
            if any(use.strength for use in uses) and np.array_equal(self._probe(), self._base_logits):
                raise AdapterError(f"The adapter {uses[-1].version} has no effect on this model.")
        except AdapterError:
            self._context.apply(self._loaded)
            _free(fresh)
            raise
        self._context.forget()
        former, self._loaded, self.uses = self._loaded, fresh, tuple(uses)
        _free(former)

    @contextmanager
    def instead(self, uses: Sequence[AdapterUse]) -> Iterator[None]:
        """Answer with exactly `uses` in this block; none is the base model. Raises AdapterError."""
        fresh: list[tuple[AdapterHandle, float]] = []
        try:
            for use in uses:
                fresh.append((AdapterHandle(self._model, use.path), use.strength))
            self._context.apply(fresh)
            yield
        finally:
            self._context.apply(self._loaded)
            _free(fresh)

    def _probe(self) -> np.ndarray:
        self._context.forget()
        batch = Batch(8)
        try:
            tokens = self._model.tokenise(_PROBE, special=False)[:8]
            for position, token in enumerate(tokens):
                batch.add(token, position, [0], output=position == len(tokens) - 1)
            batch.decode(self._context)
            return self._context.logits()
        finally:
            batch.close()

    def close(self) -> None:
        self._context.apply([])
        _free(self._loaded)
        self._loaded = []


class Adaptable(Protocol):
    """Anything that evaluates under an adapter set."""

    def apply(self, adapters: Sequence[tuple[AdapterHandle, float]]) -> None: ...


@contextmanager
def loaded(model: ModelHandle, target: Adaptable, uses: Sequence[AdapterUse]) -> Iterator[None]:
    """Let `target` evaluate under `uses` for a while. Raises AdapterError."""
    handles: list[tuple[AdapterHandle, float]] = []
    try:
        for use in uses:
            handles.append((AdapterHandle(model, use.path), use.strength))
        target.apply(handles)
        yield
    finally:
        # llama.cpp keeps raw pointers to the set: clear it before the handles go.
        target.apply([])
        _free(handles)


def _free(handles: Sequence[tuple[AdapterHandle, float]]) -> None:
    for handle, _ in handles:
        handle.close()
