"""One coordinator as a process of its own, for a task without a model.

    python -m tests.federation.flower.host_process FOLDER ROUNDS

Writes its invite to FOLDER/invite once devices can come; run again, it goes on where its log ends.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from federation.flower.certificates import write_private
from federation.flower.host import Host, HostFiles
from federation.flower.rounds import Rule
from federation.flower.server_app import app_files
from federation.flower.steward import Members, StewardFiles
from tests.federation.conftest import COORDINATOR, make_task


def main(folder: Path, rounds: int) -> None:
    files = StewardFiles(folder)
    signed = make_task(min_clients=2)
    write_private(files.seed, COORDINATOR.seed)
    write_private(files.task, signed.to_bytes())
    rule = Rule(rounds, quorum=2, deadline=20.0, grace=2.0, pause=0.3, poll=0.05, longest_poll=0.3)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    # A test that was ended leaves no process behind.
    threading.Timer(150.0, stop.set).start()

    def tell(what: str) -> None:
        if what == "rounds":
            write_private(folder / "invite", host.invite.text().encode())

    host = Host(
        HostFiles(folder),
        app_files(folder, rule),
        signed.to_bytes(),
        signed.task.digest,
        register=Members(files.members).admit,
        on_event=tell,
    )
    host.run(stop)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
    import os

    os._exit(0)
