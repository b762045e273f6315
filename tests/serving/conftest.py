"""A real server on loopback in front of a scripted engine, and the official client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from openai import OpenAI

from assistant.serving.answering import Answers
from assistant.serving.server import Server, listen, serve, url_of
from assistant.settings import Settings
from tests.doubles import ScriptedEngine

KEY = "sk-local-test"
Start = Callable[..., str]


@pytest.fixture
def start() -> Iterator[Start]:
    """Serve an engine; returns the base URL. Everything is ended after the test."""
    running: list[tuple[Server, threading.Thread, ScriptedEngine]] = []

    def begin(
        engine: ScriptedEngine, settings: Settings | None = None, refresh: Callable[[], None] = tuple
    ) -> str:
        listening = listen("127.0.0.1", 0)
        server = Server(Answers(engine, refresh), settings or Settings(), KEY)
        thread = threading.Thread(target=serve, args=(server, listening))
        url = url_of(listening)
        thread.start()
        running.append((server, thread, engine))
        return url

    yield begin
    for server, thread, engine in running:
        server.end()
        engine.release.set()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def client_of() -> Iterator[Callable[[str], OpenAI]]:
    """The official client for a URL; never tries again, so that a failure is seen."""
    clients: list[OpenAI] = []

    def make(url: str, key: str = KEY) -> OpenAI:
        clients.append(OpenAI(base_url=url, api_key=key, max_retries=0, timeout=10))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
