"""One device as a process of its own, with a convex stand-in for the owner's pairs.

python -m tests.federation.flower.device_process FOLDER INVITE NUMBER
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from federation.consent import Limits, Mode
from federation.device import Device
from federation.flower.certificates import load_key, write_private
from federation.flower.envelope import ROUND
from federation.flower.flower_api import FleetApi
from federation.flower.gate import Gate, answered
from federation.flower.invite import read_invite
from federation.flower.join import join, look_at
from federation.flower.membership import Membership
from federation.flower.node import Node, Pace
from federation.flower.participant import Participant
from tests.federation.conftest import Bowl, targets

PACE = Pace(first=0.05, growth=1.3, longest=0.5, lease=30.0, give_up=120.0)


def main(folder: Path, invite: str, number: int) -> None:
    member = Membership(folder)
    if not member.is_joined:
        member = join(look_at(read_invite(invite)), folder)
        consent = member.consent()
        limits = Limits(rounds_per_day=1000, bytes_per_day=10**7, epsilon=float("inf"))
        consent.save(consent.load().given(Mode.AUTOMATIC).__class__(Mode.AUTOMATIC, limits))
    signed, log = member.signed_task(), member.log()
    target = targets(8, signed.task.d)[number]
    task = signed.task.id.hex()
    device = Device(signed, log, member.signer(), Bowl(target), answered=answered(member.ledger(), task))

    def tell() -> None:
        core = device.core.tobytes().hex()
        write_private(folder / "core.json", json.dumps({"head": log.head.hex(), "core": core}).encode())

    tell()
    participant = Participant(log, device, on_round=tell)
    gate = Gate(member.consent(), member.ledger(), log, epsilon_after=lambda: float("inf"))
    fleet = FleetApi(member.address, member.authority, load_key(member.node_key))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    # A test that was ended leaves no process behind.
    threading.Timer(110.0, stop.set).start()
    node = Node(fleet, {ROUND: participant.handle}, gate, member.remembered(), pace=PACE)  # type: ignore[arg-type]
    node.run(stop)
    fleet.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    # Not waiting for the timer.
    sys.stdout.flush()
    import os

    os._exit(0)
