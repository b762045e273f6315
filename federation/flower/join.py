"""A device's first contact: check whom the invite leads to, read the task, be let in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from federation.flower.certificates import ensure_key, fingerprint, public_pem, write_private
from federation.flower.errors import BadInvite, NotAccepted, Unreachable
from federation.flower.invite import Invite
from federation.flower.membership import Membership
from federation.flower.routes import AUTHORITY_ROUTE, ENROL_ROUTE, TASK_ROUTE, enrolment, pass_header
from federation.refusal import Refused
from federation.task import SignedTask

_TIMEOUT_S = 15.0
_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class Offer:
    """What an invite leads to, checked against it, before anything about this device was told."""

    invite: Invite
    authority: bytes
    signed: SignedTask


def look_at(invite: Invite) -> Offer:
    """Fetch the task that the invite names. Raises BadInvite and Unreachable."""
    authority = fetch_authority(invite)
    try:
        signed = SignedTask.from_bytes(fetch_task(invite, authority))
    except Refused as problem:
        raise BadInvite(f"the task cannot be read: {problem}") from problem
    if signed.task.digest != invite.task:
        raise BadInvite("the coordinator runs another task than the invite names")
    return Offer(invite, authority, signed)


def join(offer: Offer, folder: Path) -> Membership:
    """Become a member; the coordinator learns two public keys. Raises NotAccepted and Unreachable.

    Joining again, with a newer invite to the same task, keeps the keys and the log.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    member = Membership(folder)
    write_private(folder / "task.signed", offer.signed.to_bytes())
    write_private(folder / "authority.pem", offer.authority)
    key = ensure_key(member.node_key)
    enrol(offer.invite, offer.authority, enrolment(member.signer().public, public_pem(key)))
    write_private(member.coordinator_file, offer.invite.address.encode("ascii"))
    return member


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

    Whoever reads it compares the digest of the task in it with the invite's.
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
