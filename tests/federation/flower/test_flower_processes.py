"""The whole way with real processes, TLS and a SuperLink, while things go wrong."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

pytest.importorskip("flwr")

from federation.flower.certificates import ensure_certificates
from federation.flower.flower_api import ControlApi
from federation.flower.invite import read_invite
from federation.flower.membership import Membership
from federation.ledger import Ledger
from federation.log import RoundLog
from federation.wire import RoundRecord
from tests.federation.conftest import make_task
from tests.federation.flower.recorder import Recorder, record

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = 6
SECRETS = (b"Rosinante", b"my dog is called")


class Processes:
    """Everything that a test started, ended with it."""

    def __init__(self) -> None:
        self._all: list[subprocess.Popen[bytes]] = []

    def start(self, module: str, *arguments: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"tests.federation.flower.{module}", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
        self._all.append(process)
        return process

    def end(self) -> None:
        for process in self._all:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._all:
            try:
                process.wait(15.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5.0)


@pytest.fixture
def processes() -> Iterator[Processes]:
    started = Processes()
    yield started
    started.end()


def until(found: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that other processes do."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def finished(host: Path) -> int:
    try:
        return int(json.loads((host / "progress.json").read_text())["finished"])
    except (OSError, ValueError):
        return 0


def standing(device: Path) -> tuple[str, str]:
    """Head and core of a device."""
    try:
        told = json.loads((device / "core.json").read_text())
        return told["head"], told["core"]
    except (OSError, ValueError):
        return "", ""


def part(host: subprocess.Popen[bytes], name: str) -> psutil.Process:
    """A process below the host by a word of its command line."""
    (found,) = [
        each for each in psutil.Process(host.pid).children(recursive=True) if name in " ".join(each.cmdline())
    ]
    return found


@pytest.mark.timeout(150)
def test_a_federation_survives_what_happens_to_it(tmp_path: Path, processes: Processes) -> None:
    host, one, two, late = (tmp_path / name for name in ("host", "one", "two", "late"))
    coordinator = processes.start("host_process", host, ROUNDS)
    until(lambda: (host / "invite").exists())
    recorder, between = record(
        read_invite((host / "invite").read_text()).address, ensure_certificates(host / "tls", ["127.0.0.1"])
    )
    try:
        invite = dataclasses.replace(
            read_invite((host / "invite").read_text()), address=f"127.0.0.1:{between.port}"
        ).text()
        processes.start("device_process", one, invite, 0)
        second = processes.start("device_process", two, invite, 1)
        until(lambda: finished(host) >= 1)

        # A device dies; nobody waits for it for ever, and it comes back under its own name.
        second.send_signal(signal.SIGKILL)
        second.wait(5.0)
        processes.start("device_process", late, invite, 2)
        before = finished(host)
        until(lambda: finished(host) >= before + 1)
        processes.start("device_process", two, invite, 1)

        # The rounds die, then the SuperLink; no finished round is lost.
        part(coordinator, "flwr-serverapp").send_signal(signal.SIGKILL)
        until(lambda: finished(host) >= before + 2)
        head = RoundLog(make_task(min_clients=2), copied(host / "rounds.log", tmp_path)).head
        part(coordinator, "flower-superlink").send_signal(signal.SIGKILL)
        until(lambda: finished(host) == ROUNDS)

        log = RoundLog(make_task(min_clients=2), copied(host / "rounds.log", tmp_path))
        assert sum(isinstance(entry, RoundRecord) for entry in log) == ROUNDS
        assert log.since(head) is not None, "a finished round was lost"
        until(lambda: all(standing(each)[0] == log.head.hex() for each in (one, two, late)))
        assert {standing(each)[1] for each in (one, two, late)} == {log.state().value.tobytes().hex()}
        assert any(log.state().value)
        replies = push_code(coordinator, host, tmp_path)
        assert replies == ["refused by device policy"] * 3
        assert not list(tmp_path.glob("ran-*"))
    finally:
        between.stop()
    for each in (one, two, late):
        ledger = Ledger(each / "ledger")
        assert ledger.verify().holds
        assert Membership(each).is_joined
    check_wire(
        recorder, [entry.payload for each in (one, two, late) for entry in Ledger(each / "ledger").entries()]
    )


# A coordinator that turned bad: its app writes a file wherever a node runs it, and asks nodes to run it.
PROBE = """
import json, os, time
from pathlib import Path
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

FOLDER = Path({folder})
app, client = ServerApp(), ClientApp()

@client.train()
def train(message, context):
    (FOLDER / f"ran-{{os.getpid()}}").touch()
    return Message(RecordDict(), reply_to=message)

@app.main()
def main(grid, context):
    content = RecordDict({{"config": ConfigRecord({{"x": 1}})}})
    asked = set(grid.push_messages([Message(content, node, "train") for node in grid.get_node_ids()]))
    replies, end = [], time.time() + 30
    while asked and time.time() < end:
        for message in grid.pull_messages(list(asked)):
            asked.discard(message.metadata.reply_to_message_id)
            replies.append(message.error.reason if message.has_error() else "it ran")
        time.sleep(0.2)
    (FOLDER / "replies.new").write_text(json.dumps(replies))
    (FOLDER / "replies.new").rename(FOLDER / "replies")
"""
PROJECT = b"""
[project]
name = "probe"
version = "1.0.0"
dependencies = []
[tool.flwr.app]
publisher = "somebody"
[tool.flwr.app.components]
serverapp = "probe:app"
clientapp = "probe:client"
"""


def push_code(coordinator: subprocess.Popen[bytes], host: Path, folder: Path) -> list[str]:
    """Send code to all devices from within the coordinator's machine; what they answered."""
    arguments = part(coordinator, "flower-superlink").cmdline()
    address = f"127.0.0.1:{arguments[arguments.index('--port') + 1]}"
    control = ControlApi(address, (host / "tls" / "ca.pem").read_bytes())
    probe = PROBE.format(folder=repr(str(folder))).encode()
    control.start({"pyproject.toml": PROJECT, "probe.py": probe})
    control.close()
    until(lambda: (folder / "replies").exists())
    return list(json.loads((folder / "replies").read_text()))


def check_wire(recorder: Recorder, entered: list[bytes]) -> None:
    """What went over the line: small, known routes, every payload in a ledger, no word of a chat."""
    assert {seen.path for seen in recorder.seen} <= {
        f"/v1/fleet/{name}"
        for name in (
            "activate-node", "deactivate-node", "send-node-heartbeat", "pull-messages", "push-messages",
            "pull-object", "push-object", "confirm-message-received",
        )
    } | {f"/federation/v1/{name}" for name in ("authority", "task", "enrol")}  # fmt: skip
    # Flower's own wrapping of a report of 16 numbers is most of this.
    assert max(len(seen.request) for seen in recorder.seen) < 1200
    pushed = [seen.request for seen in recorder.seen if seen.path.endswith("push-object")]
    payloads = [request for request in pushed if b"AFB1" in request]
    assert payloads
    assert all(any(known in request for known in entered) for request in payloads)
    everything = b"".join(seen.request + seen.response + seen.headers for seen in recorder.seen)
    assert not [word for word in SECRETS if word in everything]
    assert ROOT.as_posix().encode() not in everything


def copied(file: Path, folder: Path) -> Path:
    """A log as it stands, without disturbing who writes it."""
    copy = folder / "copy.log"
    copy.write_bytes(file.read_bytes())
    return copy
