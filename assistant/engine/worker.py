"""The one thread that may touch llama.cpp, and the queue in front of it. Chats go before background work."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from assistant.errors import ModelError

T = TypeVar("T")

CHAT, BACKGROUND, _STOP = 0, 1, 9


class EngineThread:
    """Runs jobs one at a time, in order of priority and then of arrival."""

    def __init__(self) -> None:
        self._jobs: queue.PriorityQueue[tuple[int, int, Callable[[], None]]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def call(self, job: Callable[[], T], *, background: bool = False) -> T:
        """Run `job` on the engine thread and wait for its result; its exception is raised here."""
        if self._closed:
            raise ModelError("The engine is closed.")
        result: Future[T] = Future()

        def run() -> None:
            try:
                result.set_result(job())
            except BaseException as error:  # handed over to the waiting thread, whatever it is
                result.set_exception(error)

        self._jobs.put((BACKGROUND if background else CHAT, next(self._numbers), run))
        return result.result()

    def slices(self, start: Callable[[], Iterator[T]]) -> Iterator[T]:
        """Advance a generator on the engine thread, one item at a time, as background work.

        Between two items every waiting chat is served; dropping the iterator ends the work.
        """
        generator = self.call(start, background=True)
        nothing = object()
        try:
            while True:
                item: Any = self.call(lambda: next(generator, nothing), background=True)
                if item is nothing:
                    return
                yield item
        finally:
            close = getattr(generator, "close", None)
            if close is not None and not self._closed:
                self.call(close, background=True)

    def close(self) -> None:
        """Finish what is queued for chats, drop the rest, end the thread."""
        if not self._closed:
            self._closed = True
            self._jobs.put((_STOP, next(self._numbers), lambda: None))
            self._thread.join()

    def _work(self) -> None:
        while True:
            priority, _, job = self._jobs.get()
            if priority == _STOP:
                return
            job()
