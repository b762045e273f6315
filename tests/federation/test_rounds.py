"""A round from request to record, and what devices learn from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from federation.device import Device, Measure
from federation.keys import Signer
from federation.log import RoundLog
from federation.refusal import FederationError, Reason, Refused
from federation.task import Privacy, Task
from federation.wire import Report, RoundRequest, parse_as
from tests.federation.conftest import COORDINATOR, DEADLINE, NOW, Bowl, Federation, targets

Federate = Callable[..., Federation]


def test_devices_learn_what_they_have_in_common(federate: Federate) -> None:
    federation = federate(4, rounds=150)
    for _ in range(150):
        federation.round()
    core = federation.coordinator.log.state().value
    wanted = np.mean(targets(4), axis=0)
    assert np.linalg.norm(core - wanted) < 0.2 * np.linalg.norm(wanted)


def test_all_devices_hold_the_same_core_to_the_bit(federate: Federate) -> None:
    federation = federate(3)
    for _ in range(5):
        federation.round()
    for device in federation.devices:
        device.log.extend(federation.coordinator.log.since(device.log.head) or [])
    cores = [device.core.tobytes() for device in federation.devices]
    assert set(cores) == {federation.coordinator.log.state().value.tobytes()}
    assert np.abs(federation.devices[0].core).sum() > 0


def test_a_report_of_64_directions_stays_within_256_bytes(federate: Federate) -> None:
    federation = federate(1, directions=64)
    request = federation.coordinator.open_round(DEADLINE)
    report = federation.devices[0].answer(request.to_bytes(), now=NOW)
    assert len(report) == 250
    assert len(request.to_bytes()) == 136


def test_a_report_holds_z_scores_whatever_the_losses(federate: Federate) -> None:
    federation = federate(2)
    request = federation.coordinator.open_round(DEADLINE).to_bytes()
    for device in federation.devices:
        report = parse_as(Report, device.answer(request, now=NOW))
        scores = report.scalars * federation.signed.task.step
        assert abs(np.linalg.norm(scores) - np.sqrt(15)) < 2e-3
        assert abs(scores.sum()) < 2e-3


def test_the_same_request_gets_the_same_bytes_again(federate: Federate) -> None:
    federation = federate(1)
    request = federation.coordinator.open_round(DEADLINE).to_bytes()
    device = federation.devices[0]
    assert device.answer(request, now=NOW) == device.answer(request, now=NOW)


def test_a_restarted_device_answers_no_round_twice(federate: Federate) -> None:
    """Two answers with fresh noise would tell more than one may."""
    federation = federate(1, min_clients=1)
    device = federation.devices[0]
    request = federation.coordinator.open_round(DEADLINE).to_bytes()
    answered = device.answer(request, now=NOW)
    signer = Signer(bytes([1]) * 32)
    again = Device(federation.signed, device.log, signer, Bowl(targets(1)[0] + 1), answered=answered)
    assert again.answer(request, now=NOW) == answered
    # A coordinator that lost its memory asks for the same number on another state.
    federation.coordinator.receive(answered, now=NOW)
    federation.coordinator.close_round()
    federation.coordinator.withdraw(0)
    again.log.extend(federation.coordinator.log.since(again.log.head) or [])
    head = federation.coordinator.log.head
    asked = RoundRequest(task=federation.signed.task.id, round=0, head=head, deadline=DEADLINE)
    with pytest.raises(Refused) as refused:
        again.answer(asked.signed(COORDINATOR).to_bytes(), now=NOW)
    assert refused.value.reason is Reason.PAST_ROUND


def test_a_late_or_outdated_request_is_refused(federate: Federate) -> None:
    federation = federate(2)
    device = federation.devices[0]
    request = federation.coordinator.open_round(DEADLINE).to_bytes()
    with pytest.raises(Refused) as late:
        device.answer(request, now=DEADLINE + 1)
    assert late.value.reason is Reason.LATE
    federation.round()
    with pytest.raises(Refused) as state:
        device.answer(federation.coordinator.open_round(DEADLINE).to_bytes(), now=NOW)
    assert state.value.reason is Reason.WRONG_STATE
    device.log.extend(federation.coordinator.log.since(device.log.head) or [])
    with pytest.raises(Refused) as past:
        device.answer(request, now=NOW)
    assert past.value.reason is Reason.PAST_ROUND


def test_a_round_without_quorum_leaves_no_trace(federate: Federate) -> None:
    federation = federate(3, min_clients=3)
    request = federation.coordinator.open_round(DEADLINE)
    head = federation.coordinator.log.head
    federation.coordinator.receive(federation.devices[0].answer(request.to_bytes(), now=NOW), now=NOW)
    assert federation.coordinator.close_round() is None
    assert federation.coordinator.log.head == head
    # Its number is used up: devices have answered it.
    assert federation.round().round == request.round + 1


def test_losses_that_are_no_numbers_are_never_sent(federate: Federate) -> None:
    federation = federate(1)
    signer = Signer(bytes([1]) * 32)
    broken = Device(
        federation.signed, RoundLog(federation.signed), signer, Bowl(np.full(64, np.nan, np.float32))
    )
    with pytest.raises(Refused) as refused:
        broken.answer(federation.coordinator.open_round(DEADLINE).to_bytes(), now=NOW)
    assert refused.value.reason is Reason.NOT_FINITE


def test_a_device_without_noise_joins_no_task_that_asks_for_it(federate: Federate) -> None:
    with pytest.raises(FederationError, match="noise"):
        federate(1, privacy=Privacy(noise_multiplier=1.0))
    with pytest.raises(FederationError, match="masks"):
        federate(1, privacy=Privacy(secure_aggregation=True))


def test_a_strong_device_sends_its_gradient_in_the_same_format(federate: Federate) -> None:
    """Changes · gradient are the losses to first order, so backprop fits the same reports."""

    def projected(target: np.ndarray) -> Measure:
        return lambda core, changes, round_: changes @ (2.0 * (core - target))

    federation = federate(measures=[projected(target) for target in targets(2)], rounds=150)
    for _ in range(150):
        federation.round()
    core = federation.coordinator.log.state().value
    wanted = np.mean(targets(2), axis=0)
    assert np.linalg.norm(core - wanted) < 0.2 * np.linalg.norm(wanted)


def test_the_task_survives_its_bytes(federate: Federate) -> None:
    task = federate(1).signed.task
    assert Task.from_bytes(task.to_bytes()) == task
