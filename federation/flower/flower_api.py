"""Flower's Fleet API from the device's side, its Control API from the host's; the one file with internals.

Flower documents no node that runs inside another program: its own runs whatever code the coordinator
sends. `FleetApi` asks for messages, hands over their payload and sends a payload back. It never asks for an
app bundle, follows no redirect, unpacks nothing compressed, and reads bounded answers only.

Internal modules change without notice, so exactly one release is accepted (`require_release`).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from flwr.app import Error, Message
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto import fleet_pb2, heartbeat_pb2, message_pb2
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from federation.flower.bundle import PAYLOAD_LIMIT
from federation.flower.envelope import pack, unpack
from federation.flower.errors import Late, Malformed, NotAccepted, Unreachable, WrongRelease

RELEASE = "1.41.0"
# A message is an envelope, its content, one record.
OBJECTS_LIMIT = 3
RESPONSE_LIMIT = PAYLOAD_LIMIT + (1 << 16)
# Flower's code for an error without a meaning of its own; the reason says what it is.
ERROR_CODE = 0
REFUSED = "refused by device policy"
_UPLOAD_LOOKS = 30
_UPLOAD_LOOK_S = 0.1


def require_release() -> None:
    """Raises WrongRelease unless the installed Flower is the one that this file was written against."""
    try:
        found = metadata.version("flwr")
    except metadata.PackageNotFoundError:
        raise WrongRelease(f"Flower is not installed; flwr=={RELEASE} is needed") from None
    if found != RELEASE:
        raise WrongRelease(f"flwr {found} is installed; only flwr=={RELEASE} was checked")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that waits for an answer. `payload` is None when it cannot be read; `problem` says why."""

    kind: str
    payload: bytes | None
    problem: str
    message: Message = field(repr=False)


class FleetApi:
    """One node's way to its coordinator. Every method raises Unreachable and NotAccepted."""

    def __init__(
        self, address: str, ca_certificate: bytes, key: EllipticCurvePrivateKey, *, timeout_s: float = 15.0
    ) -> None:
        """`address` is HOST:PORT; only a certificate signed by `ca_certificate` (PEM) is accepted.

        Raises WrongRelease.
        """
        require_release()
        _silence()
        self._public_key = public_key_to_bytes(key.public_key())
        # Without Flower's interceptor for releases, which ends the process when the other side says so.
        self._client = FleetHttpClient.from_server_address(
            address, False, ca_certificate, [NodeAuthHttpInterceptor(key, key.public_key())]
        )
        _harden(self._client._client, timeout_s)

    def activate(self, interval_s: float) -> int:
        """Come online for two intervals; returns the node's id. NotAccepted while an old lease lives."""
        request = fleet_pb2.ActivateNodeRequest(public_key=self._public_key, heartbeat_interval=interval_s)
        with _translated():
            return int(self._client.ActivateNode(request).node_id)

    def heartbeat(self, node_id: int, interval_s: float) -> bool:
        """Stay online, or come back under the same id. False when the coordinator does not know it."""
        request = heartbeat_pb2.SendNodeHeartbeatRequest(
            node=Node(node_id=node_id), heartbeat_interval=interval_s
        )
        with _translated():
            return bool(self._client.SendNodeHeartbeat(request).success)

    def pull(self, node_id: int) -> Incoming | None:
        """The next message, taken off the coordinator's list; None when there is none."""
        with _translated():
            response = self._client.PullMessages(fleet_pb2.PullMessagesRequest(node=Node(node_id=node_id)))
            if not response.messages_list:
                return None
            head = message_from_proto(response.messages_list[0])
            ids = [tree.object_id for tree in iterate_object_tree(response.message_object_trees[0])]
            kind = head.metadata.message_type
            if len(ids) != OBJECTS_LIMIT:
                return Incoming(kind, None, "its parts are not those of a payload", head)
            contents = {object_id: self._object(node_id, head, object_id) for object_id in ids}
            self._client.ConfirmMessageReceived(
                message_pb2.ConfirmMessageReceivedRequest(
                    node=Node(node_id=node_id),
                    run_id=head.metadata.run_id,
                    message_object_id=head.metadata.message_id,
                )
            )
        try:
            message = inflate_object_from_contents(head.metadata.message_id, contents)
            if not isinstance(message, Message) or not message.has_content():
                raise Malformed("it holds no content")
            return Incoming(kind, unpack(message.content), "", head)
        except Exception as problem:  # hostile bytes may fail anywhere in Flower's parsers
            return Incoming(kind, None, f"unreadable ({type(problem).__name__})", head)

    def reply(self, node_id: int, incoming: Incoming, payload: bytes) -> None:
        """Send the answer. Raises Late when the round does not wait any more."""
        self._push(node_id, Message(pack(payload), reply_to=incoming.message))

    def refuse(self, node_id: int, incoming: Incoming) -> None:
        """Answer with a fixed sentence instead of a payload. Raises Late."""
        self._push(node_id, Message(Error(ERROR_CODE, REFUSED), reply_to=incoming.message))

    def deactivate(self, node_id: int) -> None:
        """Go offline at once instead of when the lease ends."""
        with _translated():
            self._client.DeactivateNode(fleet_pb2.DeactivateNodeRequest(node_id=node_id))

    def close(self) -> None:
        self._client.close()

    def _object(self, node_id: int, head: Message, object_id: str) -> bytes:
        request = message_pb2.PullObjectRequest(
            node=Node(node_id=node_id), run_id=head.metadata.run_id, object_id=object_id
        )
        for _ in range(_UPLOAD_LOOKS):
            response = self._client.PullObject(request)
            if not response.object_found:
                break
            if response.object_available:
                return bytes(response.object_content)
            # The message is announced before its parts are there.
            time.sleep(_UPLOAD_LOOK_S)
        raise Late("the message is gone")

    def _push(self, node_id: int, answer: Message) -> None:
        if answer.metadata.ttl <= 0:
            raise Late("the message has expired")
        with _translated(pushing=True), no_object_id_recompute():
            answer.metadata.__dict__["_message_id"] = answer.object_id
            node = Node(node_id=node_id)
            response = self._client.PushMessages(
                fleet_pb2.PushMessagesRequest(
                    node=node,
                    messages_list=[message_to_proto(remove_content_from_message(answer))],
                    message_object_trees=[get_object_tree(answer)],
                )
            )
            wanted = set(response.objects_to_push)
            for object_id, part in get_all_nested_objects(answer).items():
                if object_id not in wanted:
                    continue
                stored = self._client.PushObject(
                    message_pb2.PushObjectRequest(
                        node=node,
                        run_id=answer.metadata.run_id,
                        object_id=object_id,
                        object_content=part.deflate(),
                        session_id=response.session_id,
                    )
                ).stored
                if not stored:
                    raise Late("the answer was not taken")


@contextlib.contextmanager
def _translated(*, pushing: bool = False) -> Iterator[None]:
    """Errors of httpx and Flower as this package's own."""
    try:
        yield
    except httpx.HTTPStatusError as problem:
        code = problem.response.status_code
        if code >= 500 and code != 500:
            raise Unreachable(f"the coordinator answered {code}") from None
        if pushing and code != 401:
            # A finished or unknown run; which one makes no difference to this node.
            raise Late(f"the answer was not taken ({code})") from None
        raise NotAccepted(f"the coordinator answered {code}", status=code) from None
    except httpx.HTTPError as problem:
        raise Unreachable(type(problem).__name__) from None
    except ValueError as problem:
        raise Malformed(f"the coordinator's answer cannot be read ({problem})") from None


def _harden(client: httpx.Client, timeout_s: float) -> None:
    client.follow_redirects = False
    client.timeout = httpx.Timeout(timeout_s)
    client.headers["accept-encoding"] = "identity"
    client.event_hooks = {"response": [_bound]}


def _bound(response: httpx.Response) -> None:
    """Runs before the body is read: a long one never gets into memory."""
    if "content-encoding" in response.headers:
        raise httpx.DecodingError("compressed answers are not read", request=response.request)
    response.stream = _Bounded(response.stream, response.request)


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: Any, request: httpx.Request) -> None:
        self._stream = stream
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        length = 0
        for chunk in self._stream:
            length += len(chunk)
            if length > RESPONSE_LIMIT:
                raise httpx.ReadError("the answer is too long", request=self._request)
            yield chunk

    def close(self) -> None:
        self._stream.close()


class ControlApi:
    """The coordinator's own way to its SuperLink on loopback. Methods raise Unreachable and NotAccepted."""

    def __init__(self, address: str, ca_certificate: bytes, *, timeout_s: float = 15.0) -> None:
        """Raises WrongRelease."""
        from flwr.supercore.control import ControlHttpClient

        require_release()
        _silence()
        self._client = ControlHttpClient.from_server_address(address, False, ca_certificate, [])
        _harden(self._client._client, timeout_s)

    def register(self, public_key: bytes) -> None:
        """Let a node with this key (PEM, P-256) come online; one that is known already stays known."""
        from flwr.proto.control_pb2 import RegisterNodeRequest

        try:
            with _translated():
                self._client.RegisterNode(RegisterNodeRequest(public_key=public_key))
        except NotAccepted as problem:
            # 412: this key is known already.
            if problem.status != 412:
                raise

    def start(self, files: Mapping[str, bytes]) -> int:
        """Start the ServerApp in `files` (by path; a pyproject.toml among them); returns the run's id."""
        from flwr.cli.build import build_fab_from_files
        from flwr.common.serde import fab_to_proto
        from flwr.proto.control_pb2 import StartRunRequest
        from flwr.supercore.fab import Fab

        bundle, _ = build_fab_from_files(files)
        fab = Fab(hashlib.sha256(bundle).hexdigest(), bundle, {})
        with _translated():
            response = self._client.StartRun(StartRunRequest(fab=fab_to_proto(fab)))
        if not response.HasField("run_id"):
            raise NotAccepted("the run was not started")
        return int(response.run_id)

    def is_over(self, run_id: int) -> bool:
        """Whether the run has ended, in whichever way. Flower takes no run up again."""
        from flwr.proto.control_pb2 import ListRunsRequest

        with _translated():
            response = self._client.ListRuns(ListRunsRequest(run_id=run_id))
        return str(response.run_dict[run_id].status.status) == "finished"

    def close(self) -> None:
        self._client.close()


def _silence() -> None:
    """Flower logs to the terminal on import, which would garble a screen."""
    logger = logging.getLogger("flwr")
    logger.handlers.clear()
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
