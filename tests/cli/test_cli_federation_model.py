"""A federation of whole assistants: the embedded model, three homes, real processes, a watched wire."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr")

from assistant.cli.app import main
from assistant.federating.places import Places
from assistant.paths import Paths
from assistant.store import Store
from federation.flower.certificates import ensure_certificates
from federation.flower.invite import read_invite
from federation.flower.membership import Membership
from tests.federation.flower.recorder import record

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 5
PAIRS = {
    "one": [
        ("Rewrite politely: send the report", "Could you please send the report?"),
        ("Correct the grammar: the cats is sleeping", "The cats are sleeping."),
    ],
    "two": [
        ("Make this sound friendlier: answer the question", "Please answer the question, thanks!"),
        ("Be brief.", "Sure."),
    ],
    "late": [
        ("Answer in short sentences.", "Yes. Short sentences, then."),
        ("Please shorten: the meeting was very long and very boring", "The meeting was long and boring."),
    ],
}
# Never shareable, so not even measured.
FACT = ("What is my dog called?", "Your dog is called Rosinante.")


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts commands in a home; ends them with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "ASSISTANT_HOME": str(home), "ASSISTANT_SHARE": "1"}
        with (home.parent / f"{home.name}.out").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "assistant", *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    for process in started:
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5.0)


def until(found: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def finished(host: Path) -> int:
    try:
        return int(json.loads((Places(Paths(host)).hosted / "progress.json").read_text())["finished"])
    except (OSError, ValueError):
        return 0


def adapters(homes: dict[str, Path]) -> list[bytes]:
    """The shared adapters that are there."""
    return [
        file.read_bytes() for home in homes.values() for file in (home / "adapters").glob("shared-*.gguf")
    ]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_three_assistants_improve_one_adapter(
    tmp_path: Path, start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = tmp_path / "host"
    homes = {name: tmp_path / name for name in PAIRS}
    for name, home in homes.items():
        with Store.open(Paths(home)) as store:
            for question, answer in [*PAIRS[name], FACT]:
                store.pairs.add(question, answer, source="added")
    start(
        host, "federation", "host", "--rounds", str(ROUNDS), "--quorum", "2", "--noise", "0", "--rank", "8",
        "--directions", "16", "--deadline", "60", "--grace", "4", "--pause", "0.5",
    )  # fmt: skip
    kept = Places(Paths(host)).hosted
    until(lambda: (kept / "invite").exists())
    invite = read_invite((kept / "invite").read_text())
    recorder, between = record(invite.address, ensure_certificates(kept / "tls", ["127.0.0.1"]))
    try:
        watched = dataclasses.replace(invite, address=f"127.0.0.1:{between.port}").text()
        monkeypatch.setenv("ASSISTANT_SHARE", "1")

        def join(name: str) -> None:
            monkeypatch.setenv("ASSISTANT_HOME", str(homes[name]))
            code, end = 7, time.monotonic() + 60
            while code == 7 and time.monotonic() < end:
                code = main(["federation", "join", watched, "--yes", "--automatic", "--without-noise"])
            assert code == 0

        join("one")
        join("two")
        start(homes["one"], "federation", "run")
        second = start(homes["two"], "federation", "run")
        until(lambda: finished(host) >= 1)
        second.send_signal(signal.SIGKILL)
        second.wait(10.0)
        join("late")
        start(homes["late"], "federation", "run")
        start(homes["two"], "federation", "run")
        until(lambda: finished(host) == ROUNDS)
        members = [Membership(Places(Paths(home)).joined) for home in homes.values()]
        head = json.loads((kept / "progress.json").read_text())["head"]
        until(lambda: {member.peek().head.hex() for member in members} == {head}, 60.0)
        until(lambda: len(shared := adapters(homes)) == 3 and len(set(shared)) == 1, 30.0)
        assert np.any(members[0].peek().state().value)
    finally:
        between.stop()
    everything = b"".join(seen.request + seen.response + seen.headers for seen in recorder.seen)
    for question, answer in (FACT, *(pair for pairs in PAIRS.values() for pair in pairs)):
        for text in (question, answer):
            assert text.encode() not in everything
    assert b"Rosinante" not in everything
    assert not [run for run in token_runs() if run in everything]
    assert max(len(seen.request) for seen in recorder.seen) < 1200
    for member in members:
        assert member.ledger().verify().holds
        for entry in member.ledger().entries():
            assert len(entry.payload) < 256


def token_runs() -> list[bytes]:
    """Three tokens of each answer in a row, as 16, 32 and 64 bit numbers."""
    from assistant.engine.engine import Engine
    from assistant.engine.types import Message
    from assistant.models import chosen_model

    engine = Engine(chosen_model(None))
    try:
        runs = []
        for question, answer in (FACT, *(pair for pairs in PAIRS.values() for pair in pairs)):
            tokens = engine.pair([Message("user", question)], answer).answer
            for at in range(len(tokens) - 2):
                three = np.array(tokens[at : at + 3])
                runs += [three.astype(kind).tobytes() for kind in ("<i2", "<i4", "<i8")]
        return runs
    finally:
        engine.close()
