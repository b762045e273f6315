"""Listening on loopback, and ending in order: no new requests, the running answer stopped, engine freed."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from assistant.errors import AssistantError, UsageError
from assistant.serving.answering import Answers
from assistant.serving.app import build_app
from assistant.serving.guards import is_loopback
from assistant.settings import Settings

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8462
_END_WITHIN_S = 10


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        UsageError: the host is not this machine alone.
        AssistantError: the port is taken or may not be used.
    """
    if not is_loopback(host):
        raise UsageError(
            f"{host} can be reached from elsewhere; the endpoint serves this machine only.",
            hint="Leave --host out, or name 127.0.0.1, ::1 or localhost.",
        )
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if not is_loopback(str(address[0])):
            raise UsageError(f"{host} is {address[0]} here, which is not this machine alone.")
        return socket.create_server(address[:2], family=family)
    except OSError as problem:
        raise AssistantError(
            f"Port {port} on {host} cannot be used: {problem.strerror}.", hint="Choose another with --port."
        ) from problem


def url_of(listening: socket.socket) -> str:
    """The base URL that clients are given."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


class Server(uvicorn.Server):
    """Stops what is being answered when it is asked to end."""

    def __init__(self, answers: Answers, settings: Settings, key: str) -> None:
        super().__init__(
            uvicorn.Config(
                build_app(answers, settings, key),
                # Logs would name paths and addresses; errors are told to whoever asked.
                log_config=None,
                access_log=False,
                ws="none",
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_END_WITHIN_S,
            )
        )
        self._answers = answers

    def end(self) -> None:
        """Ask the server to end; from any thread."""
        self._answers.close()
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the server and nothing else, so that the engine is freed afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self.force_exit = self.should_exit
            self.end()

        former = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def serve(server: Server, listening: socket.socket, *, ready: Callable[[], None] | None = None) -> None:
    """Serve until a signal or `Server.end`. `ready` is called once connections are accepted."""
    with contextlib.closing(listening):
        if ready is not None:
            # The socket listens already: connections wait in its queue until the loop takes them.
            ready()
        server.run(sockets=[listening])
