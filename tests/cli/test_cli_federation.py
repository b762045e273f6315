"""`assistant federation` from an invite to leaving, against a coordinator's front without a SuperLink."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flwr")

from assistant.federating.places import Places
from assistant.paths import Paths
from assistant.store import Store, Version
from federation.flower.bundle import FromDevice
from federation.flower.certificates import ensure_certificates
from federation.flower.front import Front, FrontServer
from federation.flower.invite import Invite, new_pass
from federation.flower.membership import Membership
from federation.task import Privacy, SignedTask
from tests.federation.conftest import make_task

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]

NOISY = {"privacy": Privacy(noise_multiplier=1.0)}


class Coordinator:
    """The front of one, and what enrolled there."""

    def __init__(self, folder: Path, signed: SignedTask, *, claims: bytes | None = None) -> None:
        certificates = ensure_certificates(folder, ["127.0.0.1"])
        self.enrolled: list[bytes] = []
        secret = new_pass()
        front = Front("127.0.0.1:1", certificates, secret, signed.to_bytes(), self.enrolled.append)
        self._server = FrontServer(front, certificates, "127.0.0.1", 0)
        self._server.start()
        digest = claims or signed.task.digest
        self.invite = Invite(f"127.0.0.1:{self._server.port}", certificates.fingerprint(), digest, secret)

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture(autouse=True)
def sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner allows it in the settings."""
    monkeypatch.setenv("ASSISTANT_SHARE", "1")


@pytest.fixture
def coordinate(tmp_path: Path) -> Iterator[Callable[..., Coordinator]]:
    started: list[Coordinator] = []

    def start(signed: SignedTask, **options: Any) -> Coordinator:
        started.append(Coordinator(tmp_path / f"tls-{len(started)}", signed, **options))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def member(coordinate: Callable[..., Coordinator], run: Run, paths: Paths) -> Membership:
    """This device has joined."""
    invite = coordinate(make_task(**NOISY)).invite
    assert run("federation", "join", invite.text(), "--yes")[0] == 0
    return Membership(Places(paths).joined)


def test_without_a_federation_every_command_says_so(run: Run, run_json: RunJson) -> None:
    assert run_json("federation", "status") == {"member": None, "host": None}
    for command in ("rounds", "log", "leave", "preview"):
        code, _, said = run("federation", command)
        assert code == 2
        assert "takes part in no federation" in said


def test_a_host_for_all_addresses_has_to_name_one(run: Run) -> None:
    code, _, said = run("federation", "host", "--listen", "0.0.0.0")
    assert code == 2
    assert "--known-as" in said


def test_joining_shows_the_task_and_needs_the_owners_word(
    run: Run, coordinate: Callable[..., Coordinator]
) -> None:
    coordinator = coordinate(make_task(**NOISY))
    code, _, said = run("federation", "join", coordinator.invite.text())
    assert code == 2
    assert "Your device helps with the tone of answers." in said
    assert coordinator.enrolled == []


def test_joining_asks_each_round_unless_told_otherwise(
    member: Membership, run: Run, run_json: RunJson, paths: Paths
) -> None:
    found = run_json("federation", "status")["member"]
    assert found["mode"] == "ask-each-round"
    assert (found["rounds"], found["sent_rounds"], found["epsilon_spent"]) == (0, 0, 0.0)
    assert found["task"]["numbers_sent_per_round"] == 16
    assert run("federation", "status")[0] == 0
    assert Places(paths).root.stat().st_mode & 0o777 == 0o700


def test_two_keys_are_all_that_a_coordinator_learns(
    coordinate: Callable[..., Coordinator], run_json: RunJson, run: Run
) -> None:
    coordinator = coordinate(make_task(**NOISY))
    code, out, _ = run("federation", "join", coordinator.invite.text(), "--yes", "--automatic", "--json")
    assert code == 0
    assert json.loads(out)["mode"] == "automatic"
    (body,) = coordinator.enrolled
    assert body[32:].startswith(b"-----BEGIN PUBLIC KEY-----")
    assert len(body) < 300


def test_without_noise_one_joins_only_on_purpose(run: Run, coordinate: Callable[..., Coordinator]) -> None:
    coordinator = coordinate(make_task())
    code, _, said = run("federation", "join", coordinator.invite.text(), "--yes")
    assert code == 2
    assert "--without-noise" in said
    assert coordinator.enrolled == []
    assert run("federation", "join", coordinator.invite.text(), "--yes", "--without-noise")[0] == 0


def test_an_invite_that_leads_elsewhere_is_refused(
    run: Run, coordinate: Callable[..., Coordinator], tmp_path: Path
) -> None:
    other_task = coordinate(make_task(**NOISY), claims=bytes(32))
    code, _, said = run("federation", "join", other_task.invite.text(), "--yes")
    assert (code, other_task.enrolled) == (2, [])
    assert "another task" in said
    assert run("federation", "join", "no invite", "--yes")[0] == 2


def test_a_coordinator_that_is_away_is_a_network_problem(
    run: Run, coordinate: Callable[..., Coordinator]
) -> None:
    coordinator = coordinate(make_task(**NOISY))
    coordinator.stop()
    assert run("federation", "join", coordinator.invite.text(), "--yes")[0] == 7


def test_one_federation_at_a_time(
    member: Membership, run: Run, coordinate: Callable[..., Coordinator]
) -> None:
    other = coordinate(make_task(name="another", **NOISY))
    code, _, said = run("federation", "join", other.invite.text(), "--yes")
    assert code == 2
    assert "leave" in said


@pytest.mark.parametrize(
    ("word", "mode"),
    [("off", "off"), ("pause", "paused"), ("automatic", "automatic"), ("ask", "ask-each-round")],
)
def test_consent_is_one_word_and_counts_at_once(
    member: Membership, run_json: RunJson, run: Run, word: str, mode: str
) -> None:
    code, out, _ = run("federation", "consent", word, "--json")
    assert (code, json.loads(out)) == (0, {"mode": mode})
    assert str(member.consent().load().mode) == mode
    assert run("federation", "consent", "perhaps")[0] == 2


def test_taking_part_needs_consent(member: Membership, run: Run) -> None:
    run("federation", "consent", "off")
    code, _, said = run("federation", "run")
    assert code == 6
    assert "not agreed" in said


def test_nothing_is_sent_while_the_setting_is_off(
    run: Run, coordinate: Callable[..., Coordinator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSISTANT_SHARE")
    coordinator = coordinate(make_task(**NOISY))
    code, _, said = run("federation", "join", coordinator.invite.text(), "--yes")
    assert (code, coordinator.enrolled) == (6, [])
    assert "share" in said


def test_the_ledger_is_shown_and_checked(member: Membership, run: Run, run_json: RunJson) -> None:
    assert run("federation", "log") == (0, "", "Nothing was sent yet.\n")
    payload = FromDevice(bytes(32)).to_bytes()
    for number in range(2):
        member.ledger().record(
            payload, task="ab", round_number=number, consent="automatic", now=datetime.now(UTC)
        )
    found = run_json("federation", "log", "--verify")
    assert [entry["payload"] for entry in found["entries"]] == [payload.hex()] * 2
    assert found["verified"]["broken"] is None
    text = member.ledger().path.read_text()
    member.ledger().path.write_text(text.replace('"round":0', '"round":7'))
    code, _, said = run("federation", "log", "--verify")
    assert code == 8
    assert "entry 1" in said


def test_leaving_takes_the_shared_part_away_and_keeps_the_ledger(
    member: Membership, run: Run, paths: Paths
) -> None:
    member.ledger().record(b"sent", task="ab", round_number=0, consent="automatic", now=datetime.now(UTC))
    with Store.open(paths) as store:
        for number, kind in enumerate(("personal", "shared"), 1):
            (paths.adapters / f"{kind}.gguf").write_bytes(b"adapter")
            store.versions.add(
                Version(f"v000{number}", None, kind, "active", 1.0, "federation", "base", f"{kind}.gguf")
            )
    assert run("federation", "leave")[0] == 2
    assert run("federation", "leave", "--yes")[0] == 0
    with Store.open(paths, write=False) as store:
        assert [(version.kind, version.state) for version in store.versions.list()] == [
            ("personal", "active")
        ]
    assert [file.name for file in paths.adapters.iterdir()] == ["personal.gguf"]
    assert not member.is_joined
    (kept,) = Places(paths).left.iterdir()
    assert (kept / "ledger").exists()
    assert run("federation", "leave", "--yes")[0] == 2
