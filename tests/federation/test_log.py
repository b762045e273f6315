"""The log of rounds: append-only, chained, whole after a crash, compactable, and rounds can be withdrawn."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from federation.coordinator import Coordinator
from federation.keys import Signer
from federation.log import RoundLog
from federation.refusal import Reason, Refused
from federation.replay import Follower
from federation.state import State
from federation.task import Sampling
from federation.wire import RoundRecord
from tests.federation.conftest import COORDINATOR, Federation, make_task

Federate = Callable[..., Federation]


def played(federate: Federate, path: Path, rounds: int = 6) -> tuple[Federation, RoundLog]:
    """A federation after some rounds, and a copy of its log in a file."""
    federation = federate(2)
    for _ in range(rounds):
        federation.round()
    log = RoundLog(federation.signed, path)
    log.extend(entry.to_bytes() for entry in federation.coordinator.log)
    return federation, log


def test_a_log_reads_back_to_the_same_state(federate: Federate, tmp_path: Path) -> None:
    federation, log = played(federate, tmp_path / "rounds")
    again = RoundLog(federation.signed, tmp_path / "rounds")
    assert (again.head, again.next_round, len(again)) == (log.head, 6, 6)
    assert again.state().digest == federation.coordinator.log.state().digest
    assert stat.S_IMODE((tmp_path / "rounds").stat().st_mode) == 0o600


def test_a_frame_cut_off_by_a_crash_is_dropped(federate: Federate, tmp_path: Path) -> None:
    path = tmp_path / "rounds"
    federation, log = played(federate, path)
    whole = path.read_bytes()
    last = list(log)[-1]
    for cut in (1, 100, len(last.to_bytes()) + 3):
        path.write_bytes(whole[:-cut])
        again = RoundLog(federation.signed, path)
        assert len(again) == 5
        assert again.append(last)
        assert path.read_bytes() == whole


def test_a_full_disk_leaves_no_half_frame(
    federate: Federate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rounds"
    federation, log = played(federate, path)
    before = path.read_bytes()
    record = federation.round()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("federation.log.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            log.append(record)
    assert path.read_bytes() == before
    assert log.append(record)
    assert RoundLog(federation.signed, path).head == record.hash


def test_any_other_damage_refuses_the_file(federate: Federate, tmp_path: Path) -> None:
    path = tmp_path / "rounds"
    federation, _ = played(federate, path)
    whole = bytearray(path.read_bytes())
    for place in (40, 200, 300):
        damaged = whole.copy()
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(Refused):
            RoundLog(federation.signed, path)
    path.write_bytes(whole)
    with pytest.raises(Refused) as other:
        RoundLog(make_task(name="another"), path)
    assert other.value.reason is Reason.WRONG_TASK


def test_entries_must_follow_each_other_and_be_signed(federate: Federate, tmp_path: Path) -> None:
    federation, _ = played(federate, tmp_path / "rounds", 3)
    first, second, third = federation.coordinator.log
    log = RoundLog(federation.signed)
    with pytest.raises(Refused) as gap:
        log.append(second)
    assert gap.value.reason is Reason.BROKEN_CHAIN
    with pytest.raises(Refused) as unsigned:
        log.append(type(first)(**{**_fields(first), "signature": bytes(64)}))
    assert unsigned.value.reason is Reason.UNSIGNED
    stranger = Signer(bytes(32))
    with pytest.raises(Refused) as forged:
        log.append(first.signed(stranger))
    assert forged.value.reason is Reason.SIGNATURE
    assert len(log) == 0
    assert log.append(first) and not log.append(first)
    assert log.extend(each.to_bytes() for each in (first, second, third)) == 2


def test_a_late_joiner_needs_a_checkpoint_and_what_came_after(federate: Federate, tmp_path: Path) -> None:
    federation = federate(2)
    for _ in range(4):
        federation.round()
    checkpoint = federation.coordinator.checkpoint()
    for _ in range(3):
        federation.round()
    late = RoundLog(federation.signed, tmp_path / "late")
    late.adopt(checkpoint)
    assert late.extend(federation.coordinator.log.since(checkpoint.head) or []) == 3
    assert late.state().value.tobytes() == federation.coordinator.log.state().value.tobytes()
    again = RoundLog(federation.signed, tmp_path / "late")
    assert again.state().digest == late.state().digest
    assert again.next_round == 7


def test_compacting_keeps_the_state_and_shortens_the_file(federate: Federate, tmp_path: Path) -> None:
    path = tmp_path / "rounds"
    federation, log = played(federate, path)
    before = log.state().digest
    log.adopt(federation.coordinator.checkpoint())
    assert len(log) == 0
    assert RoundLog(federation.signed, path).state().digest == before
    assert not list(tmp_path.glob("*.partial"))


def test_a_checkpoint_carries_what_discriminative_sampling_needs(federate: Federate) -> None:
    federation = federate(2, sampling=Sampling("discriminative"))
    for _ in range(3):
        federation.round()
    late = RoundLog(federation.signed)
    late.adopt(federation.coordinator.checkpoint())
    for _ in range(3):
        late.append(federation.round())
    assert late.state().digest == federation.coordinator.log.state().digest


def test_a_withdrawn_round_is_as_if_it_had_not_been(federate: Federate) -> None:
    federation = federate(2)
    for _ in range(5):
        federation.round()
    log = federation.coordinator.log
    follower = Follower(log)
    with_it = follower.state().value.copy()
    federation.coordinator.withdraw(2)
    without = State(federation.signed.task)
    for entry in list(log)[:5]:
        assert isinstance(entry, RoundRecord)
        if entry.round != 2:
            without.apply(entry)
    assert follower.state().digest == log.state().digest == without.digest
    assert not (follower.state().value == with_it).all()
    with pytest.raises(Refused) as twice:
        federation.coordinator.withdraw(2)
    assert twice.value.reason is Reason.WRONG_STATE
    assert federation.round().round == 5


def test_a_withdrawal_reaches_back_no_further_than_the_checkpoint(federate: Federate) -> None:
    federation = federate(2)
    for _ in range(3):
        federation.round()
    checkpoint = federation.coordinator.checkpoint()
    federation.coordinator.withdraw(1)
    late = RoundLog(federation.signed)
    late.adopt(checkpoint)
    with pytest.raises(Refused) as refused:
        late.extend(federation.coordinator.log.since(checkpoint.head) or [])
    assert refused.value.reason is Reason.WRONG_STATE
    with pytest.raises(Refused):
        federation.coordinator.log.adopt(checkpoint)
    assert federation.coordinator.log.base is None
    late.adopt(federation.coordinator.checkpoint())
    assert late.state().digest == federation.coordinator.log.state().digest


def test_a_restarted_coordinator_goes_on(federate: Federate, tmp_path: Path) -> None:
    federation, _ = played(federate, tmp_path / "rounds")
    log = RoundLog(federation.signed, tmp_path / "rounds")
    federation.coordinator = Coordinator(federation.signed, COORDINATOR, log, first_round=9)
    for number in range(2):
        federation.coordinator.admit(Signer(bytes([number + 1]) * 32).public)
    assert federation.round().round == 9


def _fields(record: RoundRecord) -> dict[str, object]:
    return {
        name: getattr(record, name) for name in ("task", "round", "previous", "reports", "clients", "payload")
    }
