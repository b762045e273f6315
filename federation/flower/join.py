"""A device's first contact: check whom the invite leads to, read the task, be let in."""

from __future__ import annotations

import hashlib
import ssl

import httpx

from federation.flower.certificates import fingerprint
from federation.flower.errors import BadInvite, NotAccepted, Unreachable
from federation.flower.front import AUTHORITY_ROUTE, ENROL_ROUTE, TASK_ROUTE, pass_header
from federation.flower.invite import Invite

_TIMEOUT_S = 15.0
_LIMIT = 1 << 16


def fetch_authority(invite: Invite) -> bytes:
    """The coordinator's certificate authority (PEM), which has to be the one that the invite pins.

    This one request is made before anybody is trusted; it says nothing but that somebody asks.
    Raises BadInvite and Unreachable.
    """
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    pem = _get(invite, AUTHORITY_ROUTE, anybody)
    try:
        found = fingerprint(pem)
    except ValueError:
        raise BadInvite("what answers at the invite's address shows no certificate") from None
    if found != invite.authority:
        raise BadInvite("what answers at the invite's address is not the coordinator that was meant")
    return pem


def fetch_task(invite: Invite, authority: bytes) -> bytes:
    """The task's manifest as the coordinator signed it. Raises BadInvite and Unreachable.

    Whoever reads it compares its digest with the invite's; `digest` may be of a part of these bytes.
    """
    return _get(invite, TASK_ROUTE, trusting(authority))


def enrol(invite: Invite, authority: bytes, body: bytes) -> None:
    """Have this node let in. `body` is what the coordinator registers. Raises NotAccepted and Unreachable."""
    with _client(trusting(authority)) as client:
        try:
            response = client.post(
                f"https://{invite.address}{ENROL_ROUTE}", content=body, headers=pass_header(invite.secret)
            )
        except httpx.HTTPError as problem:
            raise Unreachable(type(problem).__name__) from None
    if response.status_code == 503:
        raise Unreachable("the coordinator is starting")
    if response.status_code != 204:
        raise NotAccepted(f"the coordinator did not let this device in ({response.status_code})")


def trusting(authority: bytes) -> ssl.SSLContext:
    """TLS that accepts this authority's certificates and no others."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority.decode("ascii"))
    return context


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _get(invite: Invite, route: str, context: ssl.SSLContext) -> bytes:
    with _client(context) as client:
        try:
            with client.stream("GET", f"https://{invite.address}{route}") as response:
                content = b""
                for chunk in response.iter_raw():
                    content += chunk
                    if len(content) > _LIMIT:
                        raise BadInvite("what answers at the invite's address is no coordinator")
        except httpx.HTTPError as problem:
            raise Unreachable(type(problem).__name__) from None
    if response.status_code != 200:
        raise BadInvite("what answers at the invite's address is no coordinator")
    return content


def _client(context: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(verify=context, timeout=_TIMEOUT_S, follow_redirects=False)
