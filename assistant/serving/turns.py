"""Who is answered next: one at a time, the lanes in turn, so that no program can crowd the others out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from assistant.serving.wire import Refusal

MOST_WAITING = 64


class FairQueue:
    """One place at the engine. Within a lane the order is that of arrival (round robin over lanes)."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._busy = False
        self._lanes: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    @asynccontextmanager
    async def turn(self, lane: str) -> AsyncIterator[None]:
        """Wait for the engine and hold it. Raises Refusal when too many are waiting."""
        if self._busy:
            await self._wait(lane)
        self._busy = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, lane: str) -> None:
        if self.waiting >= self._most_waiting:
            told = f"{self.waiting} requests are waiting already."
            raise Refusal(429, told, kind="rate_limit_error", code="queue_full")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(lane, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # The turn was handed over at the moment its owner went away.
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the engine to the next one; the lane that was served goes to the end."""
        self._busy = False
        while self._lanes:
            lane = next(iter(self._lanes))
            waiting = self._lanes.pop(lane)
            place = waiting.popleft()
            if waiting:
                self._lanes[lane] = waiting
            if not place.done():
                self._busy = True
                place.set_result(None)
                return
