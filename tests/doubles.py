"""Stand-ins for the slow edges: an engine that streams scripted words, a learner that follows a script.

They have the methods of the real ones and nothing else; the store in tests is always the real one.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assistant.annotation.asking import Annotation
from assistant.engine.types import AdapterUse, Message, Reply, Sampling, Scored, TokenisedPair
from assistant.errors import AssistantError, Cancelled
from assistant.settings import Settings
from assistant.store import Store
from selection.buffer import SelectionBuffer


class ScriptedEngine:
    """Answers with the scripted texts in turn, word by word, and starts over after the last one.

    `hold_after` words it waits for `release` (or for a cancel), so that tests can act in the middle of a
    reply without watching the clock. `loads` holds the load until the event is set.
    """

    model_name = "scripted-model"
    context_tokens = 4096
    # Any file will do: only its hash is asked for.
    model_path = Path(__file__)

    def __init__(
        self,
        answers: Sequence[str] = ("Hello there.",),
        delay_s: float = 0.0,
        *,
        hold_after: int | None = None,
        loads: threading.Event | None = None,
        error: AssistantError | None = None,
        load_error: AssistantError | None = None,
    ) -> None:
        self.adapters: tuple[AdapterUse, ...] = ()
        self.release = threading.Event()
        self.holding = threading.Event()
        self.seen: list[list[Message]] = []
        self.samplings: list[Sampling] = []
        self.prefixes: list[str] = []
        self.dropped = 0
        self.stops = "end"
        self.error = error
        self._answers = list(answers)
        self._delay_s = delay_s
        self._hold_after = hold_after
        self._loads = loads
        self._load_error = load_error
        self._lock = threading.Lock()

    def load(self) -> None:
        if self._loads is not None:
            self._loads.wait()
        if self._load_error is not None:
            raise self._load_error

    def chat(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        on_piece: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        grammar: str | None = None,
        background: bool = False,
        adapters: bool | Sequence[AdapterUse] = True,
        cut: bool = True,
        prefix: str = "",
    ) -> Reply:
        self.load()
        with self._lock:
            self.prefixes.append(prefix)
            answer = self._answers[len(self.seen) % len(self._answers)]
            self.seen.append(list(messages))
            self.samplings.append(sampling)
            words: list[str] = []
            stopped = self.stops
            for word in re.findall(r"\s*\S+\s*?", answer):
                if len(words) == self._hold_after:
                    self._hold(cancel)
                if self.error is not None and (self._hold_after is None or len(words) == self._hold_after):
                    raise self.error
                if cancel is None:
                    time.sleep(self._delay_s)
                elif cancel.wait(self._delay_s):
                    stopped = "cancelled"
                    break
                words.append(word)
                if on_piece is not None:
                    on_piece(word)
            uses = self.adapters if adapters is True else tuple(adapters or ())
            used = tuple(use.version for use in uses)
            return Reply(
                "".join(words),
                len(words),
                self.context_used(messages),
                42.0,
                0.01,
                stopped,
                used,
                dropped=self.dropped,
            )

    def context_used(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) for message in messages)

    def pair(self, messages: Sequence[Message], answer: str) -> TokenisedPair:
        return TokenisedPair((1,), tuple(range(len(answer.split()))))

    def measure(
        self, pairs: Sequence[TokenisedPair], *, adapters: Sequence[AdapterUse] = ()
    ) -> Iterator[Scored]:
        """Each adapter in force makes every token likelier by one nat."""
        for pair in pairs:
            loss = max(0.5, 4.0 - sum(use.strength for use in adapters))
            yield Scored(np.full(len(pair.answer), loss, np.float32), (len(pair.answer),))

    def set_adapters(self, uses: Sequence[AdapterUse]) -> None:
        self.adapters = tuple(uses)

    def close(self) -> None:
        self.release.set()

    def _hold(self, cancel: threading.Event | None) -> None:
        self.holding.set()
        while not self.release.wait(0.01):
            if cancel is not None and cancel.is_set():
                return


@dataclass(frozen=True, slots=True)
class ScriptedProgress:
    stage: str
    fraction: float
    message: str
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class ScriptedReport:
    version_id: str | None
    state: str
    summary: str
    reasons: tuple[str, ...] = ()


STEPS = (
    ScriptedProgress("synthesise", 0.1, "6 wordings for 1 pair"),
    ScriptedProgress("features", 0.2, "1 pass over 7 pairs"),
    *(ScriptedProgress("tune", 0.2 + 0.06 * n, f"step {n} of 10", 3.0 / n) for n in range(1, 11)),
    ScriptedProgress("gate", 0.9, "6 held-out wordings, 40 general prompts"),
    ScriptedProgress("activate", 1.0, "in force"),
)
REPORT = ScriptedReport(
    "v0001", "active", "Learned 1 pair; it is in force now.", ("held-out wordings: loss 3.10 → 0.42",)
)


class ScriptedLearner:
    """Reports the scripted steps, holding before step `hold_at` until `release` or a cancel."""

    def __init__(
        self,
        store: Store,
        *,
        steps: Sequence[ScriptedProgress] = STEPS,
        report: ScriptedReport = REPORT,
        hold_at: int | None = None,
        delay_s: float = 0.0,
        error: AssistantError | None = None,
    ) -> None:
        self.release = threading.Event()
        self.holding = threading.Event()
        self.error = error
        self._store = store
        self._steps = steps
        self._report = report
        self._hold_at = hold_at
        self._delay_s = delay_s

    def learn_now(
        self, method: str | None, on_progress: Callable[[Any], None], cancel: threading.Event
    ) -> ScriptedReport:
        if self.error is not None:
            raise self.error
        for number, step in enumerate(self._steps):
            if number == self._hold_at:
                self.holding.set()
                while not self.release.wait(0.01) and not cancel.is_set():
                    pass
            if cancel.is_set():
                raise Cancelled("The tuning run was cancelled.")
            on_progress(step)
            time.sleep(self._delay_s)
        return self._report

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
        yield

    @property
    def versions(self) -> ScriptedLearner:
        return self

    def apply(self) -> list[str]:
        return []

    def waiting(self) -> int:
        return sum(1 for pair in self._store.pairs.list("active") if not pair.learned_in)

    def use(self, version_id: str) -> None:
        self._store.versions.activate(version_id)

    def off(self, kind: str = "personal") -> None:
        self._store.versions.off(kind)

    def rollback(self, kind: str = "personal") -> None:
        self._store.versions.rollback(kind)

    def delete(self, version_id: str) -> None:
        version = self._store.versions.get(version_id)
        if version.state == "active":
            self._store.versions.off(version.kind)
        self._store.versions.delete(version_id)

    def set_strength(self, version_id: str, strength: float) -> None:
        self._store.versions.set_strength(version_id, strength)


@dataclass(frozen=True, slots=True)
class ScriptedServices:
    """What the screen and the line mode are given, with doubles at the slow edges."""

    store: Store
    engine: ScriptedEngine
    settings: Settings
    learner: ScriptedLearner
    finished: list[tuple[Any, Any]] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    annotation: Annotation = field(init=False)

    def __post_init__(self) -> None:
        buffer = SelectionBuffer(self.store.db, self.store.paths.index)
        object.__setattr__(self, "annotation", Annotation(self.store, buffer, self.settings))

    def after_turn(self, user_turn: Any, reply_turn: Any) -> None:
        self.finished.append((user_turn, reply_turn))

    def on_skip(self, turn_id: int) -> None:
        self.skipped.append(turn_id)
