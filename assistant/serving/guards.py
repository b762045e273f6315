"""Who may ask at all: this machine only, with the key. Checked before a byte of the body is read.

A web page can make a browser send requests to loopback, and by pointing its own name at 127.0.0.1 (DNS
rebinding) it can even read the answers. Such requests carry the page's name in `Host` or `Origin`.
"""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request

from assistant.serving.wire import Refusal

LOCALHOST = "localhost"
MOST_BODY_BYTES = 4 << 20


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine and nothing else."""
    if host.casefold() == LOCALHOST:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_caller(request: Request, key: str) -> None:
    """Raises Refusal for requests from web pages of elsewhere, and without the key."""
    if not is_loopback(_host(f"//{request.headers.get('host', '')}")):
        raise Refusal(403, "The Host header does not name this machine.", code="forbidden_host")
    origin = request.headers.get("origin")
    if origin is not None and not is_loopback(_host(origin)):
        raise Refusal(403, "Web pages of elsewhere may not ask.", code="forbidden_origin")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(), key.encode())
    if scheme.casefold() != "bearer" or not right:
        raise Refusal(
            401,
            "The API key is missing or wrong; send `Authorization: Bearer KEY`.",
            code="invalid_api_key",
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


async def body_of(request: Request) -> bytes:
    """The body, never holding more than the limit. Raises Refusal."""
    too_large = Refusal(413, f"The body is larger than {MOST_BODY_BYTES} bytes.", code="request_too_large")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > MOST_BODY_BYTES:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise too_large
        parts.append(part)
    return b"".join(parts)
