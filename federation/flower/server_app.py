"""The rounds as Flower's ServerApp, a process of its own that SuperExec starts.

What Flower stores and starts is a bundle of two small files that name this module; the code is the installed
one. The bundle's configuration says which folder the coordinator's state is in.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import traceback
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from flwr.app import Context, Message
from flwr.serverapp import Grid, ServerApp

from federation.flower.certificates import write_private
from federation.flower.envelope import ROUND, pack, unpack
from federation.flower.errors import Malformed
from federation.flower.host import say_alive
from federation.flower.rounds import Rounds, Rule, serve
from federation.flower.steward import CoreSteward, StewardFiles, report_progress
from federation.schedule import VarianceControl

PROGRESS = "progress.json"
ERROR = "rounds.error"
_RULE = "rule.json"
_PROJECT = """\
[project]
name = "rounds"
version = "1.0.0"
dependencies = []

[tool.flwr.app]
publisher = "assistant"

[tool.flwr.app.components]
serverapp = "rounds:app"
clientapp = "rounds:none"

[tool.flwr.app.config]
folder = {folder}
"""
# Flower's check of a bundle wants a plain assignment. Devices run no ClientApp.
_MODULE = b"from federation.flower import server_app as _installed\n\napp = _installed.app\nnone = None\n"

app = ServerApp()


def app_files(folder: Path, rule: Rule) -> dict[str, bytes]:
    """The bundle for `Host`; also leaves the rule in `folder`."""
    (folder / _RULE).write_text(json.dumps(asdict(rule)), encoding="ascii")
    # A JSON string is a TOML string.
    project = _PROJECT.format(folder=json.dumps(str(folder.resolve())))
    return {"pyproject.toml": project.encode(), "rounds.py": _MODULE}


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run rounds until the process is ended; the log is synced to the disk at the end of each round."""
    folder = Path(str(context.run_config["folder"]))
    try:
        with _only_one(folder):
            _run(grid, folder)
    except Exception:
        # SuperExec throws away what a ServerApp prints. A traceback names code, never values.
        write_private(folder / ERROR, traceback.format_exc().encode())
        raise


def _run(grid: Grid, folder: Path) -> None:
    say_alive(folder)
    rule = Rule(**json.loads((folder / _RULE).read_text(encoding="ascii")))
    steward = CoreSteward(StewardFiles(folder), hold=VarianceControl().hold if rule.hold else False)
    exchange = GridExchange(grid)
    rounds = Rounds(exchange, steward, rule, np.random.Generator(np.random.Philox()))
    told: tuple[object, ...] = ()

    def tell() -> None:
        nonlocal told
        now = (steward.finished, rounds.is_open, exchange.online, steward.received)
        if now != told:
            report_progress(folder / PROGRESS, steward, online=exchange.online, is_open=rounds.is_open)
            told = now

    serve(rounds, rule, stopped=lambda: False, on_step=tell)


class GridExchange:
    """`rounds.Exchange` over Flower's public Grid."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._asked: dict[str, int] = {}
        self.online = 0

    def nodes(self) -> Collection[int]:
        found = list(self._grid.get_node_ids())
        self.online = len(found)
        return found

    def send(self, node: int, payload: bytes, ttl_s: float) -> None:
        message = Message(pack(payload), node, ROUND, ttl=ttl_s)
        for message_id in self._grid.push_messages([message]):
            if message_id:
                self._asked[message_id] = node

    def receive(self) -> list[tuple[int, bytes | None]]:
        if not self._asked:
            return []
        answers: list[tuple[int, bytes | None]] = []
        for message in self._grid.pull_messages(list(self._asked)):
            node = self._asked.pop(message.metadata.reply_to_message_id, None)
            if node is not None:
                answers.append((node, _payload(message)))
        return answers

    def forget(self) -> None:
        self._asked.clear()


def _payload(message: Message) -> bytes | None:
    if message.has_error():
        return None
    try:
        return unpack(message.content)
    except Malformed:
        return None


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Two processes must not write one log; a dead one's lock is gone with it."""
    lock = os.open(folder / "rounds.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
