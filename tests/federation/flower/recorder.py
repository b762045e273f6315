"""A man in the middle for tests: it has the coordinator's certificate, forwards everything, keeps it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

import httpx

from federation.flower.certificates import Certificates
from federation.flower.front import FrontServer


@dataclass(frozen=True)
class Exchanged:
    """One request and its answer as they stood inside TLS."""

    path: str
    headers: bytes
    request: bytes
    status: int
    response: bytes


class Recorder:
    """An ASGI application that forwards to a coordinator's front at `target` (HOST:PORT)."""

    def __init__(self, target: str, certificates: Certificates) -> None:
        authority = certificates.authority.read_text()
        self._client = httpx.AsyncClient(
            verify=ssl.create_default_context(cadata=authority), base_url=f"https://{target}", trust_env=False
        )
        self.seen: list[Exchanged] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        path = scope["raw_path"].decode()
        try:
            answer = await self._client.request(scope["method"], path, content=body, headers=scope["headers"])
            status, content, kind = answer.status_code, answer.content, answer.headers.get("content-type", "")
        except httpx.HTTPError:
            status, content, kind = 503, b"", ""
        headers = b"\n".join(name + b": " + value for name, value in scope["headers"])
        self.seen.append(Exchanged(path, headers, body, status, content))
        answer_headers = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        await send({"type": "http.response.body", "body": content})

    async def close(self) -> None:
        await self._client.aclose()


def record(target: str, certificates: Certificates) -> tuple[Recorder, FrontServer]:
    """A recorder in front of `target`, listening on a port of its own."""
    recorder = Recorder(target, certificates)
    server = FrontServer(recorder, certificates, "127.0.0.1", 0)  # type: ignore[arg-type]
    server.start()
    return recorder, server
