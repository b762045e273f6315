"""What a coordinator and its devices both know: the routes, and how somebody is let in."""

from __future__ import annotations

from base64 import urlsafe_b64encode

_FLEET = "/v1/fleet/"
# Not on the list: registering without an invite, and fetching app bundles.
FLEET_ROUTES = tuple(
    _FLEET + name
    for name in (
        "activate-node",
        "deactivate-node",
        "send-node-heartbeat",
        "pull-messages",
        "push-messages",
        "pull-object",
        "push-object",
        "confirm-message-received",
    )
)
AUTHORITY_ROUTE = "/federation/v1/authority"
TASK_ROUTE = "/federation/v1/task"
ENROL_ROUTE = "/federation/v1/enrol"
PASS_HEADER = "federation-pass"


def pass_header(secret: bytes) -> dict[str, str]:
    """The header that shows the invite's pass."""
    return {PASS_HEADER: urlsafe_b64encode(secret).decode("ascii")}


def enrolment(device: bytes, node: bytes) -> bytes:
    """What a device sends to be let in: its Ed25519 public key (32 bytes), the node's P-256 key (PEM)."""
    return device + node
