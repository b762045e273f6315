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
from federation.privacy.noise import secret_generator
from federation.refusal import FederationError
from federation.schedule import Budget, ExampleSchedule, redundancy
from federation.state import Plan
from federation.subspace import PublicSubspace
from federation.task import Task
from tuning.examples import Example

if TYPE_CHECKING:
    from assistant.shared_window import PairLosses
    from tuning.answer_features import AnswerFeatures
    from tuning.weights import Weights

# Fewer pairs would say too much about each of them.
FEWEST_PAIRS = 2
# Pairs a round looks at.
EXAMPLES = 32

Shareable = Callable[[Sequence[Pair]], list[Pair]]


class OwnersPairs:
    """A `federation.device.Measure`. The pairs are read when a round comes, and again when they change."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        settings: Settings,
        paths: Paths,
        task: Task,
        shareable: Shareable,
        device: bytes = b"",
    ) -> None:
        """`device` is its short id, by which devices rotate through directions differently.

        Raises FederationError when this device's model is not the task's.
        """
        if model_sha256(engine.model_path, paths) != task.base_model:
            raise FederationError("the federation learns on another model than this device uses")
        self._store = store
        self._engine = engine
        self._settings = settings
        self._task = task
        self._shareable = shareable
        self._offset = int.from_bytes(device[:4], "little")
        self._lock = threading.Lock()
        self._read_ids: tuple[int, ...] | None = None
        self._held: tuple[PairLosses, ExampleSchedule] | None = None
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
        return self._current()[0](core, changes, round_)

    def spend(self, plan: Plan) -> np.ndarray:
        """Which directions to evaluate: fewer with few pairs of their own kind (`federation.device.Spend`).

        Raises NothingToMeasure.
        """
        return Budget(self._current()[1].effective, self._offset)(plan)

    def _current(self) -> tuple[PairLosses, ExampleSchedule]:
        pairs = self.pairs()
        if len(pairs) < FEWEST_PAIRS:
            raise NothingToMeasure("there are no pairs that may be shared")
        with self._lock:
            ids = tuple(pair.id for pair in pairs)
            if self._read_ids is None or ids != self._read_ids:
                self._held, self._read_ids = self._read(pairs), ids
            assert self._held is not None
            return self._held

    def _read(self, pairs: Sequence[Pair]) -> tuple[PairLosses, ExampleSchedule]:
        """One pass of the model over the pairs, and the schedule that draws among them from now on."""
        from assistant.shared_window import PairLosses

        before = opening(self._settings.system_prompt)
        examples = []
        for pair in pairs:
            tokens = self._engine.pair([*before, Message("user", pair.question)], pair.answer)
            examples.append(Example(tokens.prompt, tokens.answer, "fact", pair.weight))
        for item in read_answer_features(self._engine, examples):
            if not isinstance(item, float):
                return self._scheduled(PairLosses, item)
        raise AssertionError("reading ends with its result")

    def _scheduled(
        self, kind: type[PairLosses], features: AnswerFeatures
    ) -> tuple[PairLosses, ExampleSchedule]:
        """Losses of the pairs that a round draws; the draw is secret, so its randomness is nobody's seed."""
        drawn: list[ExampleSchedule] = []

        def examples(round_: int) -> np.ndarray:
            return drawn[0].draw(EXAMPLES)

        def observe(chosen: np.ndarray, losses: np.ndarray) -> None:
            drawn[0].observe(chosen, losses)

        losses = kind(features, self.weights, self.subspace(), examples=examples, observe=observe)
        drawn.append(ExampleSchedule(redundancy(losses.keys), secret_generator()))
        return losses, drawn[0]
