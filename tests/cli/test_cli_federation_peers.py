"""A federation in a shared folder, from founding to leaving; the pairs are a convex stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assistant.federating.peering import PeerPart, found
from assistant.federating.places import Places
from assistant.paths import Paths
from assistant.settings import Settings
from federation.flower.certificates import write_private
from federation.flower.membership import Membership
from federation.flower.steward import StewardFiles
from tests.federation.conftest import COORDINATOR, Bowl, make_task, targets

Run = Callable[..., tuple[int, str, str]]
TASK = make_task(min_clients=2)


@pytest.fixture
def folder(tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shared folder with a federation that this machine founded."""
    monkeypatch.setenv("ASSISTANT_SHARE", "1")
    files = StewardFiles(Places(paths).hosted)
    Places(paths).ensure()
    write_private(files.seed, COORDINATOR.seed)
    write_private(files.task, TASK.to_bytes())
    found(tmp_path / "shared", TASK)
    return tmp_path / "shared"


@pytest.fixture
def founder(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setenv("ASSISTANT_HOME", str(paths.home))


@pytest.fixture
def join(
    folder: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], tuple[Membership, str]]:
    """Joins from a home of its own; returns the membership and the key that waits."""

    def go(number: int) -> tuple[Membership, str]:
        home = tmp_path / f"home-{number}"
        monkeypatch.setenv("ASSISTANT_HOME", str(home))
        code, out, _ = run(
            "federation", "join", str(folder), "--yes", "--automatic", "--without-noise", "--json"
        )
        assert code == 0
        return Membership(Places(Paths(home)).joined), json.loads(out)["key"]

    return go


class Stub:
    """Stands for the owner's pairs and the model."""

    weights = SimpleNamespace(architecture="none")
    spend = None

    def __init__(self, number: int) -> None:
        self._bowl = Bowl(targets(4)[number])

    def __call__(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        return self._bowl(core, changes, round_)

    def subspace(self) -> None:
        return None


@pytest.fixture
def take_part(monkeypatch: pytest.MonkeyPatch) -> Callable[[Membership, int], PeerPart]:
    written: list[Any] = []
    monkeypatch.setattr(
        "assistant.federating.peering.SharedVersion",
        lambda *_: SimpleNamespace(update=lambda *arguments: written.append(arguments)),
    )
    monkeypatch.setattr("assistant.federating.peering.VersionControl", lambda *_: None)

    def make(member: Membership, number: int) -> PeerPart:
        monkeypatch.setattr("assistant.federating.peering.OwnersPairs", lambda *_: Stub(number))
        nothing: Any = None
        return PeerPart(member, nothing, nothing, Settings(), nothing, shareable=lambda pairs: [])

    return make


def test_two_members_learn_through_a_folder(
    folder: Path,
    join: Callable[[int], tuple[Membership, str]],
    founder: Callable[[], None],
    take_part: Callable[[Membership, int], PeerPart],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    members, keys = zip(*(join(number) for number in range(2)), strict=True)
    parts = [take_part(member, number) for number, member in enumerate(members)]
    for part in parts:
        part.step()
    assert parts[0].rounds == 0
    founder()
    code, out, _ = run("federation", "admit", str(folder))
    assert (code, sorted(out.split())) == (0, sorted(keys))
    assert run("federation", "admit", str(folder), *keys)[0] == 0
    assert run("federation", "admit", str(folder))[2] == "Nobody waits.\n"
    for _ in range(12):
        for part in parts:
            part.step()
    # Whoever looked last is ahead by what it wrote itself.
    assert parts[0].rounds >= 3
    assert parts[1].log.since(parts[0].log.head) is not None
    assert members[0].peek().head == members[1].peek().head == parts[1].log.head
    assert members[0].peek().state().value.tobytes() == parts[1].log.state().value.tobytes()
    for member in members:
        assert member.ledger().verify().holds
        assert list(member.ledger().entries())
    # The same commands as with a coordinator.
    monkeypatch.setenv("ASSISTANT_HOME", str(tmp_path / "home-0"))
    assert json.loads(run("federation", "status", "--json")[1])["member"]["rounds"] == parts[1].rounds
    assert len(json.loads(run("federation", "rounds", "--json")[1])) == parts[1].rounds
    assert run("federation", "leave", "--yes")[0] == 0


def test_a_new_start_reports_for_no_number_again(
    folder: Path,
    join: Callable[[int], tuple[Membership, str]],
    founder: Callable[[], None],
    take_part: Callable[[Membership, int], PeerPart],
    run: Run,
) -> None:
    member, key = join(0)
    founder()
    assert run("federation", "admit", str(folder), key)[0] == 0
    take_part(member, 0).step()
    before = sorted(file.name for file in folder.iterdir())
    again = take_part(member, 0)
    again.step()
    again.step()
    assert sorted(file.name for file in folder.iterdir()) == before


def test_without_consent_nothing_is_written(
    folder: Path,
    join: Callable[[int], tuple[Membership, str]],
    founder: Callable[[], None],
    take_part: Callable[[Membership, int], PeerPart],
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    member, key = join(0)
    assert run("federation", "consent", "pause")[0] == 0
    founder()
    assert run("federation", "admit", str(folder), key)[0] == 0
    before = sorted(file.name for file in folder.iterdir())
    take_part(member, 0).step()
    assert sorted(file.name for file in folder.iterdir()) == before


def test_only_the_founder_admits(
    folder: Path, join: Callable[[int], tuple[Membership, str]], run: Run
) -> None:
    _, key = join(0)
    code, _, said = run("federation", "admit", str(folder), key)
    assert code == 2
    assert "coordinates no federation" in said


def test_a_folder_without_a_federation_is_said(folder: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "empty").mkdir()
    code, _, said = run("federation", "join", str(tmp_path / "empty"), "--yes")
    assert code == 2
    assert "no federation in this folder" in said
