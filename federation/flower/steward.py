"""The protocol's coordinator behind the rounds: what devices are sent, what becomes of their answers.

Everything lies in one folder: the signed task, the coordinator's key, the members' keys, the log of rounds,
and the number of the next round. A crash at any moment loses at most the open round; its number is not used
again.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from federation.aggregate import Unmask
from federation.coordinator import Coordinator, Hold
from federation.flower.bundle import PART_BYTES, PAYLOAD_LIMIT, FromDevice, ToDevice
from federation.flower.certificates import write_private
from federation.flower.errors import Malformed
from federation.keys import KEY_BYTES, Signer
from federation.log import RoundLog
from federation.refusal import FederationError, Reason
from federation.task import SignedTask
from federation.wire import RoundRecord

# Records in one payload; whoever misses more is sent them in several.
_RECORDS_BYTES = PAYLOAD_LIMIT // 2


@dataclass(frozen=True, slots=True)
class StewardFiles:
    """What a coordinator keeps of one task, in a folder that exists and is private."""

    folder: Path

    @property
    def task(self) -> Path:
        return self.folder / "task.signed"

    @property
    def seed(self) -> Path:
        return self.folder / "coordinator.seed"

    @property
    def members(self) -> Path:
        return self.folder / "members"

    @property
    def log(self) -> Path:
        return self.folder / "rounds.log"

    @property
    def next_round(self) -> Path:
        return self.folder / "next-round"

    def signed_task(self) -> SignedTask:
        """Raises Refused for a damaged file, OSError for none."""
        return SignedTask.from_bytes(self.task.read_bytes())

    def signer(self) -> Signer:
        """The coordinator's key; made once."""
        if not self.seed.exists():
            write_private(self.seed, Signer.generate().seed)
        return Signer(self.seed.read_bytes())


class Members:
    """The public keys of the devices that were let in: a file of 64 hex digits a line."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> list[bytes]:
        """Ed25519 public keys, in the order of joining."""
        if not self._file.exists():
            return []
        return [bytes.fromhex(line) for line in self._file.read_text(encoding="ascii").split()]

    def admit(self, body: bytes) -> bytes | None:
        """Read an enrolment (`enrolment`), keep the device's key, return the node's (PEM); None for junk."""
        device, node = body[:KEY_BYTES], body[KEY_BYTES:]
        try:
            key = load_pem_public_key(node)
        except (ValueError, UnsupportedAlgorithm):
            return None
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            return None
        known = self.all()
        if device not in known:
            text = "".join(f"{each.hex()}\n" for each in [*known, device])
            write_private(self._file, text.encode("ascii"))
        return node


class CoreSteward:
    """`rounds.Steward` over `federation.coordinator`. `unmask` is needed with secure aggregation."""

    def __init__(
        self,
        files: StewardFiles,
        *,
        unmask: Unmask | None = None,
        hold: Hold | bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raises Refused and FederationError when a file is damaged or does not fit the others."""
        self._files = files
        self._members = Members(files.members)
        self._unmask = unmask
        self._hold = hold
        self._now = now
        signed = files.signed_task()
        self._log = RoundLog(signed, files.log)
        self._genesis = signed.task.digest
        self._coordinator = Coordinator(signed, files.signer(), self._log, first_round=self._reserved())
        self._request: bytes | None = None
        self._admitted: set[bytes] = set()
        self._finished = sum(isinstance(entry, RoundRecord) for entry in self._log)

    @property
    def head(self) -> bytes:
        return self._log.head

    @property
    def finished(self) -> int:
        return self._finished

    @property
    def received(self) -> int:
        """Reports of the open round that count."""
        return self._coordinator.received

    @property
    def refusals(self) -> Counter[Reason]:
        """How many answers were refused, by reason."""
        return self._coordinator.refusals.counts

    def open(self, deadline: int) -> None:
        for key in self._members.all():
            if key not in self._admitted:
                self._coordinator.admit(key)
                self._admitted.add(key)
        request = self._coordinator.open_round(deadline)
        # Before anybody hears of this number: it must not be asked for again on another state.
        write_private(self._files.next_round, str(request.round + 1).encode("ascii"))
        self._request = request.to_bytes()

    def payload(self, head: bytes | None) -> bytes:
        if head is None:
            return ToDevice(request=self._request).to_bytes()
        records = self._log.since(head)
        if records is None:
            # It follows another chain; it will say so, or start over.
            records = self._log.since(self._genesis) or []
        fitting: list[bytes] = []
        length = 0
        for record in records:
            length += len(record) + PART_BYTES
            if length > _RECORDS_BYTES:
                return ToDevice(tuple(fitting)).to_bytes()
            fitting.append(record)
        return ToDevice(tuple(fitting), self._request).to_bytes()

    def take(self, payload: bytes) -> tuple[bytes, bool]:
        answer = FromDevice.from_bytes(payload)
        if answer.report is None:
            return answer.head, False
        refusal = self._coordinator.receive(answer.report, now=self._now())
        return answer.head, refusal is None

    def close(self) -> bool:
        self._request = None
        try:
            record = self._coordinator.close_round(unmask=self._unmask, hold=self._hold)
        except FederationError as problem:
            raise Malformed(str(problem)) from problem
        self._finished += record is not None
        return record is not None

    def _reserved(self) -> int:
        try:
            return int(self._files.next_round.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0


def report_progress(file: Path, steward: CoreSteward, *, online: int, is_open: bool) -> None:
    """Leave word for `assistant federation status` on the host."""
    found = {
        "finished": steward.finished,
        "open": is_open,
        "online": online,
        "received": steward.received,
        "head": steward.head.hex(),
        "refused": {str(reason): count for reason, count in steward.refusals.items()},
    }
    write_private(file, json.dumps(found).encode("ascii"))
