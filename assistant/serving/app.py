"""The endpoint as an ASGI application: three routes, every other answer an error document."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from assistant.serving import wire
from assistant.serving.answering import Answers
from assistant.serving.guards import body_of, check_caller
from assistant.serving.wire import Refusal
from assistant.settings import Settings

T = TypeVar("T")


def build_app(answers: Answers, settings: Settings, key: str) -> Starlette:
    """The application. `key` is what every request must show."""
    created = int(time.time())

    async def models(request: Request) -> Response:
        check_caller(request, key)
        return JSONResponse(wire.model_list(created))

    async def model(request: Request) -> Response:
        check_caller(request, key)
        name = request.path_params["name"]
        if name not in wire.MODELS:
            raise wire.unknown_model(name)
        return JSONResponse(wire.model_card(name, created))

    async def complete(request: Request) -> Response:
        check_caller(request, key)
        chat = wire.parse_request(await body_of(request), settings)
        if not chat.stream:
            return JSONResponse(await _unless_gone(request, answers.whole(chat)))
        events = answers.streamed(chat)
        # What is refused before the first word gets a status of its own.
        first: bytes = await _unless_gone(request, anext(events))
        return StreamingResponse(
            _with_first(first, events),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return Starlette(
        routes=[
            Route("/v1/models", models, methods=["GET"]),
            Route("/v1/models/{name}", model, methods=["GET"]),
            Route("/v1/chat/completions", complete, methods=["POST"]),
        ],
        exception_handlers={
            Refusal: _refuse,
            HTTPException: _no_route,
            ClientDisconnect: _gone,
            Exception: _unexpected,
        },
    )


async def _with_first(first: bytes, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with contextlib.aclosing(events):
        yield first
        async for event in events:
            yield event


async def _unless_gone(request: Request, answer: Awaitable[T]) -> T:
    """The answer, which is given up when the client goes away. Raises ClientDisconnect."""
    working = asyncio.ensure_future(answer)
    watching = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return await working
    finally:
        for task in (working, watching):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Refusal):
            await working


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refuse(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refusal)
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    return JSONResponse(problem.document, problem.status, headers=headers)


async def _no_route(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    refusal = Refusal(problem.status_code, f"{request.method} {request.url.path}: {problem.detail}.")
    return JSONResponse(refusal.document, problem.status_code, headers=problem.headers)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


async def _unexpected(_: Request, problem: Exception) -> Response:
    # The kind only: a message could quote what somebody wrote.
    refusal = Refusal(500, f"Unexpected problem: {type(problem).__name__}.", kind="server_error")
    return JSONResponse(refusal.document, 500)
