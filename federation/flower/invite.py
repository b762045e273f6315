"""An invite: where the coordinator is, which certificate it has to show, which task it runs, and a pass.

As text: `assistant-federation:HOST:PORT/AUTHORITY/TASK/PASS`, the last three in URL-safe base 64 without
padding (32, 32 and 16 bytes). AUTHORITY is the SHA-256 of the coordinator's certificate authority (DER),
TASK the SHA-256 of the task's manifest. Whoever has the text can join, so it is given to people one trusts.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from federation.flower.errors import BadInvite

SCHEME = "assistant-federation:"
PASS_BYTES = 16
_SHAPE = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]{1,253}):(?P<port>[0-9]{1,5})")
_FILE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Invite:
    """`address` is HOST:PORT, the rest raw bytes (32, 32, 16). Raises BadInvite when one does not fit."""

    address: str
    authority: bytes
    task: bytes
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        shape = _SHAPE.fullmatch(self.address)
        if shape is None or not 0 < int(shape["port"]) < 65536:
            raise BadInvite("the address in the invite is not HOST:PORT")
        if [len(part) for part in (self.authority, self.task, self.secret)] != [32, 32, PASS_BYTES]:
            raise BadInvite("a part of the invite has the wrong length")

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def text(self) -> str:
        return SCHEME + "/".join((self.address, *map(_encode, (self.authority, self.task, self.secret))))


def new_pass() -> bytes:
    """A random pass, PASS_BYTES long."""
    return secrets.token_bytes(PASS_BYTES)


def read_invite(text: str) -> Invite:
    """An invite from its text, or from a file that holds it. Raises BadInvite."""
    text = text.strip()
    if not text.startswith(SCHEME):
        text = _from_file(Path(text).expanduser())
    parts = "".join(text.split()).removeprefix(SCHEME).split("/")
    if not text.startswith(SCHEME) or len(parts) != 4:
        raise BadInvite(f"an invite begins with {SCHEME} and has four parts")
    address, *encoded = parts
    authority, task, secret = map(_decode, encoded)
    return Invite(address, authority, task, secret)


def _from_file(file: Path) -> str:
    try:
        with file.open("rb") as source:
            return source.read(_FILE_LIMIT).decode("ascii").strip()
    except (OSError, ValueError):
        raise BadInvite(f"this is neither an invite ({SCHEME}…) nor a file that holds one") from None


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode("ascii").rstrip("=")


def _decode(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadInvite("a part of the invite is damaged") from None
