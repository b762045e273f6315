"""What a device measures for a round: how well the owner's shareable pairs fare under a shared core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from assistant.engine.engine import Engine
from assistant.engine.types import Message, opening
from assistant.methods import read_answer_features
from assistant.models import model_sha256
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Pair, Store
from federation.flower.participant import NothingToMeasure
from federation.refusal import FederationError
from federation.subspace import PublicSubspace
from federation.task import Task
from tuning.examples import Example

if TYPE_CHECKING:
    from assistant.shared_window import PairLosses
    from tuning.weights import Weights

# Fewer pairs would say too much about each of them.
FEWEST_PAIRS = 1

Shareable = Callable[[Sequence[Pair]], list[Pair]]


class OwnersPairs:
    """A `federation.device.Measure`. The pairs are read when a round comes, and again when they change."""

    def __init__(
        self, store: Store, engine: Engine, settings: Settings, paths: Paths, task: Task, shareable: Shareable
    ) -> None:
        """Raises FederationError when this device's model is not the task's."""
        if model_sha256(engine.model_path, paths) != task.base_model:
            raise FederationError("the federation learns on another model than this device uses")
        self._store = store
        self._engine = engine
        self._settings = settings
        self._task = task
        self._shareable = shareable
        self._lock = threading.Lock()
        self._ids: tuple[int, ...] = ()
        self._losses: PairLosses | None = None
        self._weights: Weights | None = None

    @property
    def weights(self) -> Weights:
        """The served model's tensors; only the header is read."""
        from tuning.weights import Weights

        if self._weights is None:
            self._weights = Weights(self._engine.model_path)
        return self._weights

    def subspace(self) -> PublicSubspace:
        """The public matrices of the task. Raises FederationError for a task that names a file."""
        window = self._task.window
        return PublicSubspace.from_seed(
            window, [(shape[0], shape[1]) for shape in map(self.weights.shape, window.tensors)]
        )

    def pairs(self) -> list[Pair]:
        """What would count in a round now: active, and allowed by the owner."""
        return self._shareable(self._store.pairs.list("active"))

    def __call__(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        """Losses [M]; see `federation.device.Measure`. Raises NothingToMeasure."""
        pairs = self.pairs()
        if len(pairs) < FEWEST_PAIRS:
            raise NothingToMeasure("there are no pairs that may be shared")
        with self._lock:
            ids = tuple(pair.id for pair in pairs)
            if self._losses is None or ids != self._ids:
                self._losses, self._ids = self._read(pairs), ids
            return self._losses(core, changes, round_)

    def _read(self, pairs: Sequence[Pair]) -> PairLosses:
        from assistant.shared_window import PairLosses

        before = opening(self._settings.system_prompt)
        examples = []
        for pair in pairs:
            tokens = self._engine.pair([*before, Message("user", pair.question)], pair.answer)
            examples.append(Example(tokens.prompt, tokens.answer, "fact", pair.weight))
        for item in read_answer_features(self._engine, examples):
            if not isinstance(item, float):
                return PairLosses(item, self.weights, self.subspace())
        raise AssertionError("reading ends with its result")
