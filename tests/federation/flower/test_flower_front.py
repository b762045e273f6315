"""The front: only the listed routes get through, byte for byte, over TLS with the pinned authority."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("flwr")

from federation.flower.certificates import Certificates, ensure_certificates, ensure_key, public_pem
from federation.flower.errors import BadInvite, CarrierError, NotAccepted, Unreachable
from federation.flower.front import Front, FrontServer
from federation.flower.invite import Invite, new_pass
from federation.flower.join import enrol, fetch_authority, fetch_task, trusting
from federation.flower.routes import ENROL_ROUTE, FLEET_ROUTES

TASK = b"the manifest"


class Registry:
    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.problem: CarrierError | None = None

    def __call__(self, key: bytes) -> None:
        if self.problem is not None:
            raise self.problem
        self.keys.append(key)


class Behind:
    """Stands for the SuperLink: says which path arrived."""

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["raw_path"] + b" " + await body(receive)})


async def body(receive) -> bytes:  # type: ignore[no-untyped-def]
    return (await receive()).get("body", b"")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return ensure_certificates(tmp_path_factory.mktemp("tls"), ["127.0.0.1"])


@pytest.fixture(scope="module")
def behind(certificates: Certificates) -> Iterator[str]:
    server = BehindServer(certificates)
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop()


class BehindServer(FrontServer):
    """The same server with another application."""

    def __init__(self, certificates: Certificates) -> None:
        super().__init__(Stub(), certificates, "127.0.0.1", 0)  # type: ignore[arg-type]


class Stub(Behind):
    async def close(self) -> None:
        pass


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def invite(certificates: Certificates, behind: str, registry: Registry) -> Iterator[Invite]:
    secret = new_pass()
    server = FrontServer(Front(behind, certificates, secret, TASK, registry), certificates, "127.0.0.1", 0)
    server.start()
    yield Invite(f"127.0.0.1:{server.port}", certificates.fingerprint(), bytes(32), secret)
    server.stop()


@pytest.fixture
def client(invite: Invite, certificates: Certificates) -> Iterator[httpx.Client]:
    with httpx.Client(
        verify=trusting(certificates.authority.read_bytes()), base_url=f"https://{invite.address}"
    ) as client:
        yield client


@pytest.mark.parametrize("route", FLEET_ROUTES)
def test_listed_routes_get_through(client: httpx.Client, route: str) -> None:
    response = client.post(route, content=b"proto")
    assert (response.status_code, response.content) == (200, f"{route} proto".encode())


@pytest.mark.parametrize(
    "route",
    [
        "/",
        "/docs",
        "/v1/fleet/register-node",
        "/v1/fleet/get-fab",
        "/v1/fleet/get-run",
        "/v1/control/start-run",
        "/v1/runtime/acquire-task",
        "/v1/fleet/../control/start-run",
        "/v1/fleet/pull-messages/../../control/start-run",
        "/v1/fleet/%70ull-messages",
        "//v1/fleet/pull-messages",
        "/v1/fleet/pull-messages/",
        "/v1/fleet/pull-messages?x=1",
        "/V1/fleet/pull-messages",
    ],
)
def test_nothing_else_does(invite: Invite, certificates: Certificates, route: str) -> None:
    assert raw_status(invite, certificates, f"POST {route} HTTP/1.1") == 404


def test_only_posts_get_through(invite: Invite, certificates: Certificates) -> None:
    assert raw_status(invite, certificates, f"GET {FLEET_ROUTES[0]} HTTP/1.1") == 404


def raw_status(invite: Invite, certificates: Certificates, first_line: str) -> int:
    """Straight onto the socket, because a client library would tidy the path up."""
    import socket

    context = trusting(certificates.authority.read_bytes())
    with (
        socket.create_connection((invite.host, invite.port), timeout=5.0) as plain,
        context.wrap_socket(plain, server_hostname=invite.host) as link,
    ):
        link.sendall(f"{first_line}\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        return int(link.recv(4096).split()[1])


def test_a_request_that_is_too_long_is_not_forwarded(client: httpx.Client) -> None:
    assert client.post(FLEET_ROUTES[0], content=bytes(3 << 20)).status_code == 413


def test_joining_checks_who_answers_then_reads_the_task_then_enrols(
    invite: Invite, registry: Registry, tmp_path: Path
) -> None:
    authority = fetch_authority(invite)
    assert fetch_task(invite, authority) == TASK
    key = public_pem(ensure_key(tmp_path / "node.key"))
    enrol(invite, authority, key)
    assert registry.keys == [key]
    assert (tmp_path / "node.key").stat().st_mode & 0o777 == 0o600


def test_another_authority_than_the_pinned_one_is_not_trusted(invite: Invite, tmp_path: Path) -> None:
    other = ensure_certificates(tmp_path, ["127.0.0.1"])
    with pytest.raises(BadInvite):
        fetch_authority(Invite(invite.address, other.fingerprint(), invite.task, invite.secret))
    with pytest.raises(Unreachable):
        fetch_task(invite, other.authority.read_bytes())
    with pytest.raises(ssl.SSLError):
        raw_status(invite, other, f"POST {ENROL_ROUTE} HTTP/1.1")


def test_without_the_pass_nobody_is_let_in(
    invite: Invite, certificates: Certificates, registry: Registry, tmp_path: Path
) -> None:
    stranger = Invite(invite.address, invite.authority, invite.task, new_pass())
    with pytest.raises(NotAccepted):
        enrol(stranger, certificates.authority.read_bytes(), public_pem(ensure_key(tmp_path / "key")))
    assert registry.keys == []


def test_a_long_enrolment_is_not_passed_on(
    invite: Invite, certificates: Certificates, registry: Registry
) -> None:
    with pytest.raises(NotAccepted):
        enrol(invite, certificates.authority.read_bytes(), bytes(2000))
    assert registry.keys == []


def test_a_coordinator_that_is_starting_can_be_asked_again(
    invite: Invite, certificates: Certificates, registry: Registry, tmp_path: Path
) -> None:
    registry.problem = Unreachable("starting")
    with pytest.raises(Unreachable):
        enrol(invite, certificates.authority.read_bytes(), public_pem(ensure_key(tmp_path / "key")))


def test_invites_stay_good_when_the_server_gets_a_new_certificate(tmp_path: Path) -> None:
    first = ensure_certificates(tmp_path, ["127.0.0.1"])
    before, pinned = first.server.read_bytes(), first.fingerprint()
    assert ensure_certificates(tmp_path, ["127.0.0.1"]).server.read_bytes() == before
    second = ensure_certificates(tmp_path, ["192.168.1.20"])
    assert second.server.read_bytes() != before
    assert second.fingerprint() == pinned


def test_a_taken_port_is_said(certificates: Certificates, invite: Invite, behind: str) -> None:
    front = Front(behind, certificates, invite.secret, TASK, Registry())
    with pytest.raises(Unreachable, match="port"):
        FrontServer(front, certificates, "127.0.0.1", invite.port).start()
