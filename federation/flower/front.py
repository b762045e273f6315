"""What devices can reach of a coordinator: eight routes of Flower's Fleet API and three of our own.

The SuperLink behind it offers all its interfaces on one port, among them one that starts code and has no
login, so it listens on loopback only. A request passes when its path is, byte for byte, on the list; the
path that is forwarded comes from the list and not from the request. Devices are let in with an invite.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
import threading
from collections.abc import Callable

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

from federation.flower.bundle import PAYLOAD_LIMIT
from federation.flower.certificates import Certificates
from federation.flower.errors import CarrierError, Unreachable
from federation.flower.routes import (
    AUTHORITY_ROUTE,
    ENROL_ROUTE,
    FLEET_ROUTES,
    PASS_HEADER,
    TASK_ROUTE,
    pass_header,
)

# What Flower needs of a request's headers, and nothing else.
_HEADERS = (b"content-type", b"accept", b"flwr-public-key", b"flwr-signature", b"flwr-timestamp")
_REQUEST_LIMIT = PAYLOAD_LIMIT + (1 << 16)
_ENROLMENT_LIMIT = 1024
_TIMEOUT_S = 30.0
_CONNECTIONS = 256


class Front:
    """An ASGI application. `register` reads an enrolment and may raise CarrierError."""

    def __init__(
        self,
        superlink: str,
        certificates: Certificates,
        secret: bytes,
        task: bytes,
        register: Callable[[bytes], None],
        *,
        nodes_limit: int = 10_000,
    ) -> None:
        """`superlink` is its HOST:PORT; `secret` the invite's pass; `task` the manifest that devices read."""
        self._superlink = superlink
        self._authority = certificates.authority.read_bytes()
        self._pass = pass_header(secret)[PASS_HEADER].encode("ascii")
        self._task = task
        self._register = register
        self._left = nodes_limit
        context = ssl.create_default_context(cadata=self._authority.decode("ascii"))
        self._client = httpx.AsyncClient(
            verify=context, timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False
        )
        self._targets = {route.encode("ascii"): f"https://{superlink}{route}" for route in FLEET_ROUTES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, kind, body = await self._respond(scope, receive)
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode("ascii"))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def close(self) -> None:
        await self._client.aclose()

    async def _respond(self, scope: Scope, receive: Receive) -> tuple[int, bytes, bytes]:
        path, method = scope.get("raw_path") or b"", scope["method"]
        if scope.get("query_string"):
            return 404, b"text/plain", b""
        if method == "GET" and path == AUTHORITY_ROUTE.encode("ascii"):
            return 200, b"application/x-pem-file", self._authority
        if method == "GET" and path == TASK_ROUTE.encode("ascii"):
            return 200, b"application/octet-stream", self._task
        if method == "POST" and path == ENROL_ROUTE.encode("ascii"):
            return await self._enrol(scope, receive)
        target = self._targets.get(path)
        if method != "POST" or target is None:
            return 404, b"text/plain", b""
        body = await _body(receive, _REQUEST_LIMIT)
        if body is None:
            return 413, b"text/plain", b""
        headers = [(name, value) for name, value in scope["headers"] if name in _HEADERS]
        try:
            answer = await self._client.post(target, content=body, headers=headers)
        except httpx.HTTPError:
            return 503, b"text/plain", b""
        return answer.status_code, answer.headers.get("content-type", "text/plain").encode(), answer.content

    async def _enrol(self, scope: Scope, receive: Receive) -> tuple[int, bytes, bytes]:
        given = dict(scope["headers"]).get(PASS_HEADER.encode("ascii"), b"")
        if not hmac.compare_digest(given, self._pass):
            # Guessing 16 random bytes is hopeless anyhow; this keeps the log quiet.
            await asyncio.sleep(0.5)
            return 403, b"text/plain", b""
        body = await _body(receive, _ENROLMENT_LIMIT)
        if body is None or self._left <= 0:
            return 400, b"text/plain", b""
        try:
            await asyncio.to_thread(self._register, body)
        except Unreachable:
            return 503, b"text/plain", b""
        except CarrierError:
            return 400, b"text/plain", b""
        self._left -= 1
        return 204, b"text/plain", b""


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The request's body, or None when it is longer than `limit` or the sender went away."""
    parts, length = [], 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        parts.append(event.get("body", b""))
        length += len(parts[-1])
        if length > limit:
            return None
        if not event.get("more_body", False):
            return b"".join(parts)


class FrontServer:
    """The front on a thread of its own, with TLS."""

    def __init__(self, front: Front, certificates: Certificates, host: str, port: int) -> None:
        self._front = front
        self._server = uvicorn.Server(
            uvicorn.Config(
                front,
                host=host,
                port=port,
                ssl_certfile=certificates.server,
                ssl_keyfile=str(certificates.server_key),
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="critical",
                limit_concurrency=_CONNECTIONS,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        self._thread = threading.Thread(target=self._run, name="federation-front", daemon=True)

    def start(self, wait_s: float = 10.0) -> None:
        """Raises Unreachable when the address cannot be used."""
        self._thread.start()
        for _ in range(int(wait_s / 0.02)):
            if self._server.started:
                return
            self._thread.join(0.02)
            if not self._thread.is_alive():
                break
        raise Unreachable("the address for devices cannot be used; is the port taken?")

    @property
    def port(self) -> int:
        """The port in use; the system's choice when 0 was asked for."""
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(5.0)

    def _run(self) -> None:
        async def serve() -> None:
            try:
                await self._server.serve()
            finally:
                await self._front.close()

        try:
            asyncio.run(serve())
        except SystemExit:
            pass  # uvicorn's way to say that it could not bind
