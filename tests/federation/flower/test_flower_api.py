"""The node's way to its coordinator, when what answers there is broken or hostile."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flwr")

from flwr.app import ConfigRecord, Message, Metadata, RecordDict
from flwr.app.message import make_message
from flwr.common.serde import message_to_proto
from flwr.proto.fleet_pb2 import ActivateNodeResponse, PullMessagesResponse
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatResponse
from flwr.proto.message_pb2 import ObjectTree, PullObjectResponse

from federation.flower.certificates import Certificates, ensure_certificates, ensure_key
from federation.flower.errors import Malformed, NotAccepted, Unreachable
from federation.flower.flower_api import RESPONSE_LIMIT, FleetApi
from federation.flower.front import FrontServer
from federation.flower.node import Node, Pace, RememberedId

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
PROTO = [(b"content-type", b"application/x-protobuf")]


class Hostile:
    """Answers each path with what the test put there."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[], Answer]] = {}
        self.asked: list[str] = []

    def set(self, name: str, status: int = 200, body: bytes = b"", *headers: tuple[bytes, bytes]) -> None:
        self.answers[f"/v1/fleet/{name}"] = lambda: (status, [*PROTO, *headers], body)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        path = scope["raw_path"].decode()
        self.asked.append(path)
        status, headers, body = self.answers.get(path, lambda: (404, [], b""))()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return ensure_certificates(tmp_path_factory.mktemp("tls"), ["127.0.0.1"])


@pytest.fixture
def hostile() -> Hostile:
    return Hostile()


@pytest.fixture
def api(certificates: Certificates, hostile: Hostile, tmp_path: Path) -> Iterator[FleetApi]:
    server = FrontServer(hostile, certificates, "127.0.0.1", 0)  # type: ignore[arg-type]
    server.start()
    api = FleetApi(
        f"127.0.0.1:{server.port}", certificates.authority.read_bytes(), ensure_key(tmp_path / "key")
    )
    yield api
    api.close()
    server.stop()


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (302, [(b"location", b"https://127.0.0.1:1/elsewhere")], b"", NotAccepted),
        (401, [], b"who?", NotAccepted),
        (412, [], b"", NotAccepted),
        (500, [], b"", NotAccepted),
        (503, [], b"", Unreachable),
        (200, [], b"\xff" * 40, Malformed),
        (200, [(b"content-encoding", b"gzip")], gzip.compress(bytes(1 << 24)), Unreachable),
        (200, [], bytes(RESPONSE_LIMIT + 1), Unreachable),
        # What makes Flower's own node end its process.
        (400, [], b'{"code": 1, "message": "Runtime version incompatible"}', NotAccepted),
    ],
)
def test_a_bad_answer_is_an_error_with_a_name(
    api: FleetApi,
    hostile: Hostile,
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    error: type[Exception],
) -> None:
    hostile.set("activate-node", status, body, *headers)
    with pytest.raises(error):
        api.activate(30.0)
    assert hostile.asked == ["/v1/fleet/activate-node"]


def message(content: RecordDict, kind: str = "query.assistant_round") -> Message:
    metadata = Metadata(
        run_id=1,
        message_id="",
        src_node_id=1,
        dst_node_id=7,
        reply_to_message_id="",
        group_id="",
        created_at=time.time(),
        ttl=60.0,
        message_type=kind,
    )
    made = make_message(metadata, content)
    made.metadata.__dict__["_message_id"] = made.object_id
    return made


def offer(hostile: Hostile, made: Message, tree: ObjectTree, part: bytes) -> None:
    """The coordinator hands out this message; every part of it is `part`."""
    response = PullMessagesResponse(messages_list=[message_to_proto(made)], message_object_trees=[tree])
    hostile.set("pull-messages", 200, response.SerializeToString())
    found = PullObjectResponse(object_found=True, object_available=True, object_content=part)
    hostile.set("pull-object", 200, found.SerializeToString())
    hostile.set("confirm-message-received")


def tree(*ids: str) -> ObjectTree:
    """A chain of parts."""
    made = ObjectTree(object_id=ids[-1])
    for object_id in reversed(ids[:-1]):
        made = ObjectTree(object_id=object_id, children=[made])
    return made


def test_a_message_with_other_parts_than_a_payload_is_not_even_fetched(
    api: FleetApi, hostile: Hostile
) -> None:
    made = message(RecordDict({"config": ConfigRecord({"x": 1})}))
    offer(hostile, made, tree(*(f"{number:064x}" for number in range(5))), b"")
    incoming = api.pull(7)
    assert incoming is not None
    assert (incoming.payload, incoming.problem) == (None, "its parts are not those of a payload")
    assert "/v1/fleet/pull-object" not in hostile.asked


@pytest.mark.parametrize("part", [b"", b"junk", b"Message  5\x00abcde", bytes(1000)])
def test_parts_that_cannot_be_read_make_no_payload(api: FleetApi, hostile: Hostile, part: bytes) -> None:
    made = message(RecordDict({"config": ConfigRecord({"x": 1})}))
    offer(hostile, made, tree(made.object_id, "a" * 64, "b" * 64), part)
    incoming = api.pull(7)
    assert incoming is not None
    assert incoming.payload is None
    assert incoming.problem.startswith("unreadable")


def test_a_node_lives_on_whatever_it_is_sent(api: FleetApi, hostile: Hostile, tmp_path: Path) -> None:
    hostile.set("activate-node", 200, ActivateNodeResponse(node_id=7).SerializeToString())
    hostile.set("send-node-heartbeat", 200, SendNodeHeartbeatResponse(success=True).SerializeToString())
    hostile.set("deactivate-node")
    made = message(RecordDict({"config": ConfigRecord({"x": 1})}), "train")
    offer(hostile, made, tree(made.object_id, "a" * 64, "b" * 64), b"junk")
    seen: list[str] = []
    stop = threading.Event()

    def told(what: str, why: str) -> None:
        seen.append(what)
        if seen.count("refused") == 1:
            hostile.set("pull-messages", 200, b"\xff\xff")
        if "offline" in seen:
            stop.set()

    class Yes:
        def may_connect(self) -> bool:
            return True

        def may_send(self, payload: bytes) -> bool:
            return True

    node = Node(
        api,  # type: ignore[arg-type]
        {},
        Yes(),
        RememberedId(tmp_path / "id"),
        pace=Pace(first=0.01, longest=0.05),
        on_event=told,
    )
    assert node.run(stop) == "owner"
    assert seen[:2] == ["online", "refused"]
