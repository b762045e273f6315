"""What a learning run says while it runs and when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `fraction` counts the whole run from 0 to 1; `loss` is set while tuning."""

    stage: str
    fraction: float
    message: str
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class LearnReport:
    """A finished run. Losses in nats per answer token, times in seconds, memory in bytes.

    `state` is active or draft; `rejected` counts rephrasings that failed a check, by reason.
    """

    version_id: str | None
    state: str
    summary: str
    method: str = ""
    pairs: int = 0
    facts: int = 0
    skipped: int = 0
    wordings: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    model_calls: int = 0
    forward_passes: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    loss_before: float | None = None
    loss_after: float | None = None
    held_out_before: float | None = None
    held_out_after: float | None = None
    general_kept: int | None = None
    general_checked: int | None = None
    general_change: float | None = None
    peak_memory_bytes: int = 0
    adapter_sha256: str = ""
    losses: tuple[float, ...] = ()
    reasons: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Stopwatch:
    """Adds up seconds per stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + perf_counter() - started, 3)


def peak_memory_bytes() -> int:
    """Most memory this process has held so far (resident set)."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
