"""Nothing that arrives can change the state or crash a side; each refusal has its reason."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from federation.coordinator import Coordinator
from federation.device import Device
from federation.keys import Signer
from federation.log import RoundLog
from federation.refusal import FederationError, Reason, Refused
from federation.task import LARGEST_MANIFEST, SignedTask, Task
from federation.wire import Checkpoint, Encoding, Report, parse
from tests.federation.conftest import COORDINATOR, DEADLINE, NOW, Bowl, Federation, make_task

Federate = Callable[..., Federation]
DEVICE = Signer(bytes([1]) * 32)
FUZZ = settings(max_examples=150, deadline=None, derandomize=True, database=None)
SIGNED = make_task()


def opened() -> Coordinator:
    """A coordinator with one device and an open round."""
    coordinator = Coordinator(SIGNED, COORDINATOR, RoundLog(SIGNED))
    coordinator.admit(DEVICE.public)
    coordinator.open_round(DEADLINE)
    return coordinator


def report(coordinator: Coordinator, signer: Signer = DEVICE, **changes: object) -> bytes:
    """A report that would be accepted, but for `changes`."""
    request = coordinator.request
    assert request is not None
    values: dict[str, object] = {
        "task": request.task,
        "round": request.round,
        "state": request.head[:8],
        "device": DEVICE.device_id,
        "encoding": Encoding.CLEAR,
        "payload": np.array([3900, -3900] * 8, dtype="<i2").tobytes(),
    }
    return Report(**{**values, **changes}).signed(signer).to_bytes()  # type: ignore[arg-type]


def resealed(data: bytes) -> bytes:
    """The same bytes with a checksum and a signature that fit."""
    front = data[:-68]
    front += struct.pack("<I", zlib.crc32(front))
    return front + DEVICE.sign(front)


def test_the_honest_report_is_accepted() -> None:
    coordinator = opened()
    assert coordinator.receive(report(coordinator), now=NOW) is None
    assert coordinator.received == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": bytes(16)}, Reason.WRONG_TASK),
        ({"round": 7}, Reason.FUTURE_ROUND),
        ({"state": bytes(8)}, Reason.WRONG_STATE),
        ({"device": bytes(16)}, Reason.STRANGER),
        ({"payload": bytes(30)}, Reason.WRONG_LENGTH),
        ({"payload": bytes(34)}, Reason.WRONG_LENGTH),
        ({"encoding": Encoding.MASKED, "payload": bytes(64)}, Reason.MALFORMED),
        ({"payload": np.full(16, 32767, dtype="<i2").tobytes()}, Reason.OUT_OF_RANGE),
        ({"signer": Signer(bytes(32))}, Reason.SIGNATURE),
    ],
)
def test_each_thing_that_is_wrong_has_its_reason(changes: dict[str, object], reason: Reason) -> None:
    coordinator = opened()
    refusal = coordinator.receive(report(coordinator, **changes), now=NOW)  # type: ignore[arg-type]
    assert refusal is not None and refusal.reason is reason
    assert coordinator.received == 0
    assert coordinator.refusals.counts == {reason: 1}


def test_more_reasons() -> None:
    coordinator = opened()
    honest = report(coordinator)

    def reason(data: bytes, now: float = NOW) -> Reason | None:
        refusal = coordinator.receive(data, now=now)
        return None if refusal is None else refusal.reason

    assert reason(honest[:-64] + bytes(64)) is Reason.UNSIGNED
    assert reason(honest + bytes(60_000)) is Reason.OVERSIZED
    assert reason(honest[:4] + b"\x02" + honest[5:]) is Reason.VERSION
    assert reason(honest[:60] + b"!" + honest[61:]) is Reason.CHECKSUM
    assert reason(b"") is Reason.MALFORMED
    assert reason(honest, now=DEADLINE + 1) is Reason.LATE
    assert reason(honest) is None
    assert reason(honest) is Reason.DUPLICATE
    assert reason(report(coordinator, payload=bytes(32))) is Reason.CONFLICT
    coordinator.open_round(DEADLINE)
    assert reason(honest) is Reason.PAST_ROUND
    coordinator.open_round(DEADLINE, invited=[])
    assert reason(report(coordinator)) is Reason.STRANGER
    coordinator.dismiss(DEVICE.device_id)
    assert reason(report(coordinator)) is Reason.STRANGER
    assert coordinator.received == 0
    assert len(coordinator.refusals.latest) == sum(coordinator.refusals.counts.values()) == 11


@FUZZ
@given(st.binary(max_size=400))
@example(b"AFED\x01")
def test_no_bytes_at_all_are_taken_for_a_report(data: bytes) -> None:
    coordinator = opened()
    head = coordinator.log.head
    assert coordinator.receive(data, now=NOW) is not None
    assert (coordinator.received, coordinator.log.head) == (0, head)


@FUZZ
@given(st.integers(0, 153), st.integers(1, 255), st.booleans())
def test_a_changed_byte_never_counts_as_another_devices_report(place: int, flip: int, reseal: bool) -> None:
    coordinator = opened()
    data = bytearray(report(coordinator))
    data[place] ^= flip
    changed = resealed(bytes(data)) if reseal else bytes(data)
    refusal = coordinator.receive(changed, now=NOW)
    # Only the device itself can seal; then its own numbers may differ, as long as they are in range.
    own_numbers = place >= 54
    assert (refusal is None) <= (reseal and own_numbers)


@FUZZ
@given(st.binary(max_size=200), st.sampled_from([1, 2, 3, 4, 5, 9]), st.integers(0, 3))
def test_well_sealed_nonsense_is_refused_or_read_back_exactly(body: bytes, kind: int, form: int) -> None:
    front = struct.pack("<4sBBBB16sI", b"AFED", 1, kind, form, 0, SIGNED.task.id, 3) + body
    front += struct.pack("<I", zlib.crc32(front))
    data = front + COORDINATOR.sign(front)
    try:
        message = parse(data)
    except Refused:
        return
    assert message.to_bytes() == data
    log = RoundLog(SIGNED)
    with pytest.raises(Refused):
        log.extend([data])
    assert len(log) == 0


@FUZZ
@given(st.binary(max_size=300), st.integers(0, 3000), st.integers(1, 255))
def test_a_task_file_is_exact_or_refused(tail: bytes, place: int, flip: int) -> None:
    whole = SIGNED.to_bytes()
    assert SignedTask.from_bytes(whole) == SIGNED
    data = bytearray(whole)
    data[place % len(data)] ^= flip
    for changed in (bytes(data), whole + tail + b"\n", whole[: place % len(whole)], tail):
        with pytest.raises(FederationError):
            SignedTask.from_bytes(changed)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000,
        b'{"version":1}',
        b"null",
        b"1e999",
        b'{"version":2}',
        b" " * (LARGEST_MANIFEST + 1),
        SIGNED.task.to_bytes().replace(b'"perturbation":0.05', b'"perturbation":NaN'),
        SIGNED.task.to_bytes().replace(b'"directions":16', b'"directions":1' + b"0" * 5000),
        SIGNED.task.to_bytes().replace(b'"directions":16', b'"directions":true'),
        SIGNED.task.to_bytes().replace(b'"name":"style"', b'"name":"a","name":"style"'),
        SIGNED.task.to_bytes().replace(b'"name":"style"', b'"name":["style"]'),
        SIGNED.task.to_bytes().replace(b'"tensors":["', b'"tensors":"').replace(b'.weight"]', b'.weight"'),
    ],
)
def test_odd_manifests_are_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        Task.from_bytes(body)


def test_a_checkpoint_with_numbers_that_are_none_is_refused(federate: Federate) -> None:
    federation = federate(2)
    federation.round()
    good = federation.coordinator.checkpoint()
    bad = bytearray(good.numbers)
    bad[:4] = struct.pack("<f", float("nan"))
    log = RoundLog(SIGNED)
    for numbers, reason in ((bytes(bad), Reason.NOT_FINITE), (good.numbers[:-4], Reason.WRONG_LENGTH)):
        checkpoint = Checkpoint(
            task=good.task, round=good.round, head=good.head, moves=good.moves, numbers=numbers
        )
        with pytest.raises(Refused) as refused:
            log.adopt(checkpoint.signed(COORDINATOR))
        assert refused.value.reason is reason
    assert log.base is None


@FUZZ
@given(st.binary(max_size=200), st.integers(0, 135), st.integers(1, 255))
def test_a_device_answers_nothing_but_its_coordinators_request(data: bytes, place: int, flip: int) -> None:
    coordinator = opened()
    device = Device(SIGNED, RoundLog(SIGNED), DEVICE, Bowl(np.ones(64, np.float32)))
    assert coordinator.request is not None
    changed = bytearray(coordinator.request.to_bytes())
    changed[place] ^= flip
    for each in (data, bytes(changed)):
        with pytest.raises(Refused):
            device.answer(each, now=NOW)
    assert not device.core.any()
