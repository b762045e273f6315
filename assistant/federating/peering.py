"""Taking part without a coordinator: through a folder that some tool synchronises between the members."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from assistant.engine.engine import Engine
from assistant.errors import UsageError
from assistant.federating.measuring import OwnersPairs, Shareable
from assistant.federating.places import Places
from assistant.federating.shared_version import SharedVersion
from assistant.federating.taking_part import Ask, OnEvent, Pending, Private, quietly_updated
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store
from assistant.versions import VersionControl
from federation.consent import Consent
from federation.flower.bundle import FromDevice
from federation.flower.certificates import write_private
from federation.flower.gate import Gate, answered
from federation.flower.membership import FOLDER_PREFIX, Membership
from federation.flower.participant import NothingToMeasure
from federation.keys import KEY_BYTES, Signer
from federation.log import RoundLog
from federation.peers import Admission, Peer, measured
from federation.refusal import Refused
from federation.replay import Follower
from federation.shared_folder import SharedFolder
from federation.task import SignedTask
from federation.wire import Report, parse_as

TASK_FILE = "federation.task"
_WISH = ".wish"
_LOOK_S = 2.0


def found(folder: Path, signed: SignedTask) -> None:
    """Put a task into a shared folder. Raises UsageError when another one is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / TASK_FILE
    if file.exists() and file.read_bytes() != signed.to_bytes():
        raise UsageError("There is another federation in this folder.")
    file.write_bytes(signed.to_bytes())


def task_in(folder: Path) -> SignedTask:
    """The task of a shared folder. Raises UsageError for none, Refused for a damaged one."""
    file = folder / TASK_FILE
    if not file.is_file():
        raise UsageError("There is no federation in this folder.")
    return SignedTask.from_bytes(file.read_bytes())


def join_folder(paths: Paths, folder: Path, signed: SignedTask, consent: Consent) -> bytes:
    """Become a member who waits to be admitted; returns this device's public key (32 bytes)."""
    places = Places(paths)
    places.ensure()
    places.joined.mkdir(exist_ok=True, mode=0o700)
    member = Membership(places.joined)
    write_private(places.joined / "task.signed", signed.to_bytes())
    key = member.signer().public
    member.consent().save(consent)
    write_private(member.coordinator_file, f"{FOLDER_PREFIX}{folder.resolve()}".encode())
    (folder / f"{key.hex()}{_WISH}").write_bytes(key)
    return key


def wishes(folder: Path, signed: SignedTask) -> list[bytes]:
    """Public keys that wait to be admitted."""
    asked = [file.read_bytes()[: KEY_BYTES + 1] for file in sorted(folder.glob(f"*{_WISH}"))]
    admitted = set()
    for data in SharedFolder(folder).fresh():
        try:
            admitted.add(Admission.from_bytes(data, signed).key)
        except Refused:
            continue
    return [key for key in asked if len(key) == KEY_BYTES and key not in admitted]


def admit(folder: Path, signed: SignedTask, founder: Signer, keys: list[bytes]) -> None:
    """Let these devices in. Raises FederationError when this machine did not found the federation."""
    shared = SharedFolder(folder)
    for key in keys:
        shared.write(Admission.sign(signed, founder, key).to_bytes())


class PeerPart:
    """Like `TakingPart`, over a shared folder."""

    def __init__(
        self,
        member: Membership,
        store: Store,
        engine: Engine,
        settings: Settings,
        paths: Paths,
        *,
        shareable: Shareable,
        ask: Ask = lambda report, verdict: False,
        on_event: OnEvent = lambda what, why: None,
        pending: Pending | None = None,
    ) -> None:
        """Raises UsageError, FederationError and Refused when the federation can't be followed here."""
        folder = member.shared_folder
        if folder is None or not folder.is_dir():
            raise UsageError(f"The shared folder {folder} is not there.", hint="Connect it and try again.")
        self._folder = SharedFolder(folder)
        self._member = member
        self._signed = member.signed_task()
        self._signer = member.signer()
        self._on_event = on_event
        self.task = self._signed.task
        self.pairs = OwnersPairs(store, engine, settings, paths, self.task, shareable, self._signer.device_id)
        self._private = Private(self.task, member)
        last = answered(member.ledger(), self.task.id.hex())
        self._peer = Peer(
            self._signed,
            self._signer,
            self._report,
            last_round=-1 if last is None else parse_as(Report, last).round,
        )
        self._gate = Gate(
            member.consent(),
            member.ledger(),
            self._peer.tree.log(),
            epsilon_after=self._private.epsilon_after,
            ask=ask,
        )
        self._shared = SharedVersion(
            store, paths, VersionControl(store, engine, paths), self.pairs.weights.architecture
        )
        self._declined: set[tuple[int, bytes]] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.pending = pending
        self.ended = ""

    @property
    def log(self) -> RoundLog:
        return self._peer.tree.log()

    @property
    def rounds(self) -> int:
        return len(self.log)

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Take part in the background."""
        self._thread = threading.Thread(target=self._go, name="federation-peers", daemon=True)
        self._thread.start()

    def epsilon_after(self) -> float:
        """What is spent in all with the report at hand; inf without noise."""
        return self._private.epsilon_after()

    def close(self, wait_s: float = 5.0) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(wait_s)

    def step(self) -> None:
        """One look at the folder. Raises OSError when it is gone."""
        if not self._gate.may_connect():
            return
        before = self._peer.tree.head
        for data in self._peer.step(self._folder.fresh()):
            self._folder.write(data)
        if self._peer.tree.head != before:
            core = Follower(self.log).state().value.copy()
            quietly_updated(
                lambda: self._shared.update(self.task, self.log, self.pairs.subspace(), core), self._on_event
            )

    def _go(self) -> None:
        while not self._stop.is_set():
            try:
                self.step()
            except Exception as problem:  # the folder may be gone for a while; the chat must not suffer
                self._on_event("failed", type(problem).__name__)
            self._stop.wait(_LOOK_S)
        self.ended = "owner"

    def _report(self, number: int, log: RoundLog) -> Report | None:
        if (number, log.head) in self._declined:
            return None
        try:
            report = measured(
                self._signed, log, self._signer, self._measured, number, self._private.noise, self.pairs.spend
            )
        except (NothingToMeasure, Refused):
            report = None
        payload = None if report is None else FromDevice(log.head, report.to_bytes()).to_bytes()
        if payload is None or not self._gate.may_send(payload):
            self._declined.add((number, log.head))
            self._on_event("declined", "")
            return None
        self._on_event("answered", "")
        return report

    def _measured(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        losses = self.pairs(core, changes, round_)
        self._private.round = round_
        return losses
