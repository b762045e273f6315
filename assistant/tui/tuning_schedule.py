"""Starts tuning by itself when the owner's rule says so. Knows when something was pressed last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from assistant.power import on_mains
from assistant.triggers import Situation, TuningRule, wait_for
from assistant.tuning_cost import new_pairs

if TYPE_CHECKING:
    from assistant.services import Services
    from assistant.settings import Settings

LOOK_EVERY_S = 15.0


class TuningSchedule:
    """`start` begins a run; `is_replying` and `is_tuning` tell what goes on."""

    def __init__(
        self,
        services: Services,
        *,
        start: Callable[[], object],
        is_replying: Callable[[], bool],
        is_tuning: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        mains: Callable[[], bool | None] = on_mains,
    ) -> None:
        self._services = services
        self._start = start
        self._is_replying = is_replying
        self._is_tuning = is_tuning
        self._clock = clock
        self._mains = mains
        self._last_key = clock()
        # A run that was cancelled or failed is not begun again before there is something new.
        self._tried: set[int] = set()

    def touched(self) -> None:
        """The owner pressed something."""
        self._last_key = self._clock()

    def look(self) -> str:
        """Start a run if it is time; what is waited for otherwise. Raises StoreError."""
        rule = rule_of(self._services.settings)
        if rule.when == "by-hand":
            return wait_for(rule, self._situation(0))
        store = self._services.store
        fresh = new_pairs(store.versions.list(), store.pairs.list("active")) - self._tried
        waits = wait_for(rule, self._situation(len(fresh)))
        if not waits:
            self._tried |= fresh
            self._start()
        return waits

    def _situation(self, fresh: int) -> Situation:
        if self._is_replying():
            # A reply is not idleness, however long it takes.
            self.touched()
        return Situation(
            is_learning_on=self._services.settings.learn,
            is_replying=self._is_replying(),
            is_tuning=self._is_tuning(),
            new_pairs=fresh,
            quiet_s=self._clock() - self._last_key,
            on_mains=self._mains(),
        )


def rule_of(settings: Settings) -> TuningRule:
    """The owner's rule."""
    return TuningRule(
        settings.tune_when,
        settings.tune_after_pairs,
        60.0 * settings.tune_idle_minutes,
        settings.tune_on_battery,
    )
