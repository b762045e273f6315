"""One answer at a time: from the engine's thread to the event loop, piece by piece, until it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from assistant.engine.types import AdapterUse, Message, Reply, Sampling
from assistant.errors import AssistantError, ContextFull
from assistant.serving import wire
from assistant.serving.stops import StopFilter
from assistant.serving.turns import FairQueue
from assistant.serving.wire import ChatRequest, Refusal


class Engine(Protocol):
    """What is needed of the engine."""

    model_name: str

    @property
    def adapters(self) -> tuple[AdapterUse, ...]: ...

    def chat(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        on_piece: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        adapters: bool = True,
        cut: bool = True,
    ) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer, with the reply it came from; `stopped` is "end" where a stop text ended it."""

    reply: Reply


class Answers:
    """Answers requests in a fair order. `refresh` is called, off the event loop, before each answer."""

    def __init__(self, engine: Engine, refresh: Callable[[], None]) -> None:
        self._engine = engine
        self._refresh = refresh
        self._queue = FairQueue()
        self._running: set[threading.Event] = set()
        self._closed = False

    def close(self) -> None:
        """End the running answer and give no more; may be called from a signal handler."""
        self._closed = True
        for cancel in tuple(self._running):
            cancel.set()

    async def whole(self, request: ChatRequest) -> dict[str, Any]:
        """The answer as one document. Cancelling this stops the engine. Raises Refusal."""
        texts: list[str] = []
        async with contextlib.aclosing(self._pieces(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Finished):
                    return wire.completion(self._head(request), "".join(texts), piece.reply)
                texts.append(piece)
        raise AssertionError("an answer has an end")

    async def streamed(self, request: ChatRequest) -> AsyncGenerator[bytes]:
        """The answer as server-sent events; closing this stops the engine.

        Raises Refusal before the first event; a problem after that becomes an event.
        """
        is_begun = False
        try:
            async with contextlib.aclosing(self._pieces(request)) as pieces:
                async for piece in pieces:
                    if not is_begun:
                        head = self._head(request)
                        yield wire.event(wire.chunk(head, {"role": "assistant", "content": ""}))
                        is_begun = True
                    if not isinstance(piece, Finished):
                        yield wire.event(wire.chunk(head, {"content": piece}))
                        continue
                    yield wire.event(wire.chunk(head, {}, wire.FINISH[piece.reply.stopped]))
                    if request.include_usage:
                        counts = {"choices": [], "usage": wire.usage(piece.reply)}
                        yield wire.event({**wire.chunk(head, {}), **counts})
        except Refusal as refusal:
            if not is_begun:
                raise
            yield wire.event(refusal.document)
        yield wire.DONE

    def _head(self, request: ChatRequest) -> dict[str, Any]:
        learned = self._engine.adapters if request.learned else ()
        fingerprint = "+".join([self._engine.model_name, *(use.version for use in learned)])
        return wire.head(secrets.token_hex(12), request, fingerprint)

    async def _pieces(self, request: ChatRequest) -> AsyncGenerator[str | Finished]:
        """The text as it comes, without stop texts, and at the end what the engine says about it."""
        async with self._queue.turn(request.lane):
            if self._closed:
                raise Refusal(503, "The server is ending.", kind="server_error")
            cancel = threading.Event()
            self._running.add(cancel)
            arrivals: asyncio.Queue[str | None] = asyncio.Queue()
            job = asyncio.create_task(self._run(request, arrivals, cancel))

            def on_end(ended: asyncio.Task[Reply]) -> None:
                # Nobody may be left to ask how it ended.
                _ = ended.cancelled() or ended.exception()
                arrivals.put_nowait(None)

            job.add_done_callback(on_end)
            try:
                stops = StopFilter(request.stops)
                while (arrived := await arrivals.get()) is not None:
                    if text := stops.feed(arrived):
                        yield text
                    if stops.found:
                        cancel.set()
                reply = await job
                if rest := stops.rest():
                    yield rest
                yield Finished(replace(reply, stopped="end") if stops.found else reply)
            finally:
                cancel.set()
                self._running.discard(cancel)

    async def _run(
        self, request: ChatRequest, arrivals: asyncio.Queue[str | None], cancel: threading.Event
    ) -> Reply:
        loop = asyncio.get_running_loop()

        def on_piece(piece: str) -> None:
            loop.call_soon_threadsafe(arrivals.put_nowait, piece)

        def answer() -> Reply:
            if request.learned:
                self._refresh()
            return self._engine.chat(
                request.messages,
                request.sampling,
                on_piece=on_piece,
                cancel=cancel,
                adapters=request.learned,
                cut=False,
            )

        try:
            return await asyncio.to_thread(answer)
        except ContextFull as problem:
            raise Refusal(400, problem.message, param="messages", code="context_length_exceeded") from problem
        except AssistantError as problem:
            raise Refusal(500, f"{problem.message} {problem.hint}", kind="server_error") from problem
