"""A device's membership in one federation: a folder with its keys, the task, and the log it follows.

    task.signed  authority.pem  coordinator  device.seed  node.key  node.id  rounds.log  ledger  consent.json

`coordinator` holds HOST:PORT and is written last, so a folder without it is no membership.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from federation.consent import ConsentFile
from federation.flower.certificates import write_private
from federation.flower.node import RememberedId
from federation.keys import Signer
from federation.ledger import Ledger
from federation.log import RoundLog
from federation.peers import chain_in
from federation.shared_folder import SharedFolder
from federation.task import SignedTask

# In place of HOST:PORT for a federation without a coordinator.
FOLDER_PREFIX = "folder:"


@dataclass(frozen=True, slots=True)
class Membership:
    """Opens nothing by itself. The methods read files and raise OSError or Refused when one is damaged."""

    folder: Path

    @property
    def is_joined(self) -> bool:
        return self.coordinator_file.exists()

    @property
    def address(self) -> str:
        """HOST:PORT of the coordinator, or the shared folder behind FOLDER_PREFIX."""
        return self.coordinator_file.read_text(encoding="utf-8")

    @property
    def shared_folder(self) -> Path | None:
        """Where peers meet; None with a coordinator."""
        address = self.address
        return Path(address.removeprefix(FOLDER_PREFIX)) if address.startswith(FOLDER_PREFIX) else None

    @property
    def authority(self) -> bytes:
        """The certificate (PEM) that the coordinator's has to be signed with."""
        return (self.folder / "authority.pem").read_bytes()

    @property
    def node_key(self) -> Path:
        return self.folder / "node.key"

    @property
    def log_file(self) -> Path:
        return self.folder / "rounds.log"

    @property
    def budget_file(self) -> Path:
        return self.folder / "privacy"

    @property
    def standing_file(self) -> Path:
        """What the node last told about itself, for `status` in another process."""
        return self.folder / "node.json"

    def signed_task(self) -> SignedTask:
        return SignedTask.from_bytes((self.folder / "task.signed").read_bytes())

    def signer(self) -> Signer:
        """This device's key in this federation; made once, and never used in another."""
        file = self.folder / "device.seed"
        if not file.exists():
            write_private(file, Signer.generate().seed)
        return Signer(file.read_bytes())

    def log(self) -> RoundLog:
        """For the one process that follows the federation; others use `peek`."""
        return RoundLog(self.signed_task(), self.log_file)

    def peek(self) -> RoundLog:
        """The log as it stands, in memory: nothing that others write is touched."""
        shared = self.shared_folder
        if shared is not None:
            return chain_in(self.signed_task(), SharedFolder(shared).fresh() if shared.is_dir() else [])
        log = RoundLog(self.signed_task())
        if self.log_file.exists():
            copy = self.folder / "rounds.peek"
            shutil.copyfile(self.log_file, copy)
            try:
                log = RoundLog(self.signed_task(), copy)
            finally:
                copy.unlink()
        return log

    def ledger(self) -> Ledger:
        return Ledger(self.folder / "ledger")

    def consent(self) -> ConsentFile:
        return ConsentFile(self.folder / "consent.json")

    def remembered(self) -> RememberedId:
        return RememberedId(self.folder / "node.id")

    @property
    def coordinator_file(self) -> Path:
        return self.folder / "coordinator"
