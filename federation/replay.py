"""A state that follows a growing log without starting over, except when a round is withdrawn."""

from __future__ import annotations

from federation.log import RoundLog
from federation.state import State
from federation.wire import Withdrawal


class Follower:
    """The state of a log, brought up to date by applying only what is new."""

    def __init__(self, log: RoundLog) -> None:
        self._log = log
        self._restart()

    def state(self) -> State:
        """The current state; it is the follower's own and moves with the next call."""
        if self._log.base is not self._base or len(self._log) < self._seen:
            self._restart()
            return self._state
        fresh = list(self._log)[self._seen :]
        if any(isinstance(each, Withdrawal) for each in fresh):
            self._restart()
            return self._state
        for entry in fresh:
            assert not isinstance(entry, Withdrawal)
            self._state.apply(entry)
        self._seen += len(fresh)
        return self._state

    def _restart(self) -> None:
        self._base = self._log.base
        self._seen = len(self._log)
        self._state = self._log.state()
