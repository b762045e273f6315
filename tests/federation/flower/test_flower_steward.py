"""Rounds, steward, participants and the gate together, with payloads handed over in one process."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from federation.consent import Consent, ConsentFile, Limits, Mode
from federation.device import Device
from federation.flower.bundle import FromDevice, ToDevice
from federation.flower.certificates import ensure_key, public_pem, write_private
from federation.flower.errors import Malformed
from federation.flower.gate import Gate, answered
from federation.flower.participant import NothingToMeasure, Participant
from federation.flower.rounds import Rounds, Rule
from federation.flower.routes import enrolment
from federation.flower.steward import CoreSteward, Members, StewardFiles
from federation.keys import Signer
from federation.ledger import Ledger
from federation.log import RoundLog
from federation.refusal import Reason
from tests.federation.conftest import COORDINATOR, Bowl, make_task, targets

TASK = make_task(min_clients=2)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Home:
    """One device: its log, its participant, whether it is there."""

    number: int
    signer: Signer
    log: RoundLog
    here: bool = True

    def __post_init__(self) -> None:
        self.device = Device(TASK, self.log, self.signer, Bowl(targets(8)[self.number]))
        self.participant = Participant(self.log, self.device, now=lambda: 1000.0)


@dataclass
class Neighbours:
    """Hands payloads over at once; who is away never answers."""

    homes: dict[int, Home]
    answers: list[tuple[int, bytes | None]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def nodes(self) -> list[int]:
        return [number for number, home in self.homes.items() if home.here]

    def send(self, node: int, payload: bytes, ttl_s: float) -> None:
        if self.homes[node].here:
            answer = self.homes[node].participant.handle(payload)
            self.sizes.append(len(answer))
            self.answers.append((node, answer))

    def receive(self) -> list[tuple[int, bytes | None]]:
        answers, self.answers = self.answers, []
        return answers

    def forget(self) -> None:
        self.answers = []


@pytest.fixture
def files(tmp_path: Path) -> StewardFiles:
    files = StewardFiles(tmp_path / "host")
    files.folder.mkdir()
    write_private(files.seed, COORDINATOR.seed)
    write_private(files.task, TASK.to_bytes())
    return files


@pytest.fixture
def join(files: StewardFiles, tmp_path: Path) -> Callable[[int], Home]:
    """Lets a device in."""

    def make(number: int) -> Home:
        signer = Signer(bytes([number + 1]) * 32)
        node = public_pem(ensure_key(tmp_path / f"node-{number}.key"))
        assert Members(files.members).admit(enrolment(signer.public, node)) == node
        return Home(number, signer, RoundLog(TASK))

    return make


def steward(files: StewardFiles) -> CoreSteward:
    return CoreSteward(files, now=lambda: 1000.0)


def play(neighbours: Neighbours, coordinator: CoreSteward, rounds: int) -> None:
    """Steps until the rounds are finished and everybody has heard of it."""
    clock = iter(range(10**6))
    rule = Rule(rounds, quorum=2, deadline=60.0, grace=5.0, pause=0.0)
    rng = np.random.Generator(np.random.Philox(3))
    running = Rounds(neighbours, coordinator, rule, rng, clock=lambda: float(next(clock)), now=lambda: 1000.0)
    for _ in range(40 * rounds):
        running.step()
    assert coordinator.finished >= rounds


def test_everybody_ends_with_the_same_core(files: StewardFiles, join: Callable[[int], Home]) -> None:
    neighbours = Neighbours({number: join(number) for number in range(3)})
    play(neighbours, steward(files), 4)
    neighbours.homes[1].here = False
    play(neighbours, coordinator := steward(files), 6)
    neighbours.homes[1].here = True
    neighbours.homes[3] = join(3)
    play(neighbours, coordinator := steward(files), 8)
    cores = {home.device.core.tobytes() for home in neighbours.homes.values()}
    assert cores == {RoundLog(TASK, files.log).state().value.tobytes()}
    assert {home.log.head for home in neighbours.homes.values()} == {coordinator.head}
    # All that is ever sent: where one stands, and 16 numbers in an envelope.
    assert max(neighbours.sizes) < 256


def test_a_crash_loses_no_finished_round_and_uses_no_number_twice(
    files: StewardFiles, join: Callable[[int], Home]
) -> None:
    neighbours = Neighbours({number: join(number) for number in range(2)})
    play(neighbours, steward(files), 2)
    crashed = steward(files)
    crashed.open(2000)
    neighbours.send(0, crashed.payload(neighbours.homes[0].log.head), 1.0)
    # Killed here: the request was out, one device has answered it.
    again = steward(files)
    assert (again.finished, again.head) == (2, crashed.head)
    play(neighbours, again, 3)
    rounds = [entry.round for entry in RoundLog(TASK, files.log)]
    assert rounds == [0, 1, 3]


def test_who_missed_very_much_catches_up_in_pieces(
    files: StewardFiles, join: Callable[[int], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbours = Neighbours({number: join(number) for number in range(2)})
    play(neighbours, steward(files), 6)
    monkeypatch.setattr("federation.flower.steward._RECORDS_BYTES", 700)
    neighbours.homes[2] = join(2)
    play(neighbours, coordinator := steward(files), 7)
    assert neighbours.homes[2].log.head == coordinator.head


def test_a_state_is_measured_again_while_devices_disagree(
    files: StewardFiles, join: Callable[[int], Home]
) -> None:
    neighbours = Neighbours({number: join(number) for number in range(2)})
    play(neighbours, CoreSteward(files, hold=lambda parts: len(parts) == 2, now=lambda: 1000.0), 2)
    assert not any(neighbours.homes[0].device.core)
    play(neighbours, steward(files), 3)
    assert any(neighbours.homes[0].device.core)


def test_a_stranger_and_junk_change_nothing(files: StewardFiles, join: Callable[[int], Home]) -> None:
    homes = [join(0), join(1)]
    coordinator = steward(files)
    coordinator.open(2000)
    stranger = Home(5, Signer(bytes([77]) * 32), RoundLog(TASK))
    answer = stranger.participant.handle(coordinator.payload(stranger.log.head))
    assert coordinator.take(answer) == (TASK.task.digest, False)
    assert coordinator.refusals == {Reason.STRANGER: 1}
    with pytest.raises(Malformed):
        coordinator.take(b"junk")
    assert coordinator.take(homes[0].participant.handle(coordinator.payload(None)))[1]
    assert coordinator.received == 1


def test_a_device_that_is_lied_to_says_where_it_stands(join: Callable[[int], Home]) -> None:
    home = join(0)
    for payload in (ToDevice((b"no record",), b"no request"), ToDevice(checkpoint=b"no checkpoint")):
        assert FromDevice.from_bytes(home.participant.handle(payload.to_bytes())) == FromDevice(
            TASK.task.digest
        )
    assert home.participant.refusals.counts[Reason.MALFORMED] >= 2


def test_a_device_without_pairs_takes_no_part(files: StewardFiles, join: Callable[[int], Home]) -> None:
    home = join(0)

    def nothing(core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        raise NothingToMeasure

    device = Device(TASK, home.log, home.signer, nothing)
    coordinator = steward(files)
    coordinator.open(2000)
    answer = Participant(home.log, device, now=lambda: 1000.0).handle(coordinator.payload(None))
    assert FromDevice.from_bytes(answer) == FromDevice(TASK.task.digest)


def test_enrolments_that_are_not_two_keys_are_refused(files: StewardFiles) -> None:
    members = Members(files.members)
    assert [members.admit(junk) for junk in (b"", bytes(40), bytes(32) + b"-----BEGIN PUBLIC KEY-----")] == [
        None
    ] * 3
    assert members.all() == []


class Gated:
    """A device behind its gate."""

    def __init__(self, folder: Path, home: Home) -> None:
        self.home = home
        self.consent = ConsentFile(folder / "consent.json")
        self.ledger = Ledger(folder / "ledger")
        self.asked: list[bytes] = []
        self.says = True
        self.epsilon = 1.0

        def ask(report: bytes, verdict: object) -> bool:
            self.asked.append(report)
            return self.says

        self.gate = Gate(
            self.consent, self.ledger, home.log, epsilon_after=lambda: self.epsilon, ask=ask, now=lambda: NOW
        )

    def choose(self, mode: Mode, **limits: float) -> None:
        self.consent.save(Consent(mode, Limits(**limits)))  # type: ignore[arg-type]


@pytest.fixture
def gated(tmp_path: Path, join: Callable[[int], Home]) -> Gated:
    folder = tmp_path / "device"
    folder.mkdir()
    return Gated(folder, join(0))


@pytest.fixture
def report(files: StewardFiles, gated: Gated) -> bytes:
    """What the device would send in the first round."""
    coordinator = steward(files)
    coordinator.open(2000)
    return gated.home.participant.handle(coordinator.payload(None))


def test_without_opting_in_nothing_leaves(gated: Gated, report: bytes) -> None:
    assert not gated.gate.may_connect()
    assert not gated.gate.may_send(report)
    assert list(gated.ledger.entries()) == []


def test_what_leaves_is_in_the_ledger_first(gated: Gated, report: bytes) -> None:
    gated.choose(Mode.AUTOMATIC)
    assert gated.gate.may_connect()
    assert gated.gate.may_send(report)
    (entry,) = gated.ledger.entries()
    assert (entry.payload, entry.round, entry.task) == (report, 0, TASK.task.id.hex())
    assert answered(gated.ledger, TASK.task.id.hex()) == FromDevice.from_bytes(report).report


@pytest.mark.parametrize("word", [True, False])
def test_the_owner_is_asked_about_the_very_report(gated: Gated, report: bytes, word: bool) -> None:
    gated.choose(Mode.ASK)
    gated.says = word
    assert gated.gate.may_send(report) is word
    assert gated.asked == [FromDevice.from_bytes(report).report]
    assert len(list(gated.ledger.entries())) == int(word)


@pytest.mark.parametrize("limits", [{"rounds_per_day": 0}, {"bytes_per_day": 10}, {"epsilon": 0.5}])
def test_limits_hold_in_every_mode(gated: Gated, report: bytes, limits: dict[str, float]) -> None:
    for mode in (Mode.AUTOMATIC, Mode.ASK):
        gated.choose(mode, **limits)
        assert not gated.gate.may_send(report)
    assert gated.asked == []


def test_a_report_without_noise_needs_a_limit_that_says_so(gated: Gated, report: bytes) -> None:
    gated.epsilon = math.inf
    gated.choose(Mode.AUTOMATIC)
    assert not gated.gate.may_send(report)
    gated.choose(Mode.AUTOMATIC, epsilon=math.inf)
    assert gated.gate.may_send(report)


def test_a_ledger_that_cannot_be_written_lets_nothing_out(gated: Gated, report: bytes) -> None:
    gated.choose(Mode.AUTOMATIC)
    gated.ledger.path.write_text(json.dumps({"not": "an entry"}) + "\n")
    assert not gated.gate.may_send(report)
    assert not gated.gate.may_send(b"junk")
