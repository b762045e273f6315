"""Whole rounds of the protocol under secure aggregation and with noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from federation.coordinator import Coordinator
from federation.device import Device
from federation.keys import Signer
from federation.log import RoundLog
from federation.privacy.budget import PrivacyBudget
from federation.privacy.errors import BudgetSpent
from federation.privacy.noise import Grid, NoisePlan, ReportNoise
from federation.privacy.secure_sum import (
    GroupCoordinator,
    GroupMember,
    Session,
    grouped,
    needed_threshold,
    noise_plan,
)
from federation.privacy.secure_sum.rounds import GroupedSums
from federation.refusal import Refused
from federation.task import Privacy, Rule, range_for
from tests.federation.conftest import COORDINATOR, DEADLINE, NOW, Bowl, make_task, targets

ROUNDS = 3


@dataclass
class InMemory:
    """Members that answer at once, except those that are down."""

    members: dict[bytes, GroupMember]
    down: set[bytes] = field(default_factory=set)

    def agree(self, member: bytes, round_: int, alive: tuple[int, ...]) -> bytes | None:
        return None if member in self.down else self.members[member].agree(round_, alive)

    def reveal(self, member: bytes, round_: int, agreements: list[bytes]) -> bytes | None:
        return None if member in self.down else self.members[member].reveal(round_, agreements)


@dataclass
class Secure:
    coordinator: Coordinator
    devices: dict[bytes, Device]
    sums: GroupedSums
    exchange: InMemory

    def round(self, silent: frozenset[bytes] = frozenset()) -> np.ndarray:
        request = self.coordinator.open_round(DEADLINE).to_bytes()
        for public, device in self.devices.items():
            device.log.extend(self.coordinator.log.since(device.log.head) or [])
            if public not in silent:
                assert self.coordinator.receive(device.answer(request, now=NOW), now=NOW) is None
        record = self.coordinator.close_round(unmask=self.sums.unmask)
        assert record is not None
        return record.aggregate


def secure(count: int, size: int, *, multiplier: float = 0.0, rule: Rule | None = None) -> Secure:
    privacy = Privacy(noise_multiplier=multiplier, secure_aggregation=True, group_size=size)
    signed = make_task(
        privacy=privacy,
        rule=rule or Rule(),
        scalar_range=range_for(16, multiplier),
        min_clients=needed_threshold(size),
    )
    coordinator = Coordinator(signed, COORDINATOR, RoundLog(signed))
    signers = [Signer(bytes([number + 1]) * 32) for number in range(count)]
    members: dict[bytes, GroupMember] = {}
    groups = []
    for number, keys in enumerate(grouped([signer.public for signer in signers], size, signed.task.digest)):
        session = Session(
            signed.task.id, bytes([number]) * 16, 0, ROUNDS, 16, needed_threshold(len(keys)), keys
        )
        group = GroupCoordinator(session)
        own = {signer.public: GroupMember(session, signer) for signer in signers if signer.public in keys}
        for member in own.values():
            group.receive_keys(member.keys())
        for member in own.values():
            group.receive_shares(member.shares(group.key_messages()))
        for member in own.values():
            member.accept(group.share_messages())
        members |= own
        groups.append(group)
    noise = ReportNoise(Grid(16, signed.task.step), noise_plan(multiplier, size)) if multiplier else None
    devices = {}
    for signer, target in zip(signers, targets(count, signed.task.d), strict=True):
        coordinator.admit(signer.public)
        mask = members[signer.public].mask
        devices[signer.public] = Device(
            signed, RoundLog(signed), signer, Bowl(target), noise=noise, mask=mask
        )
    exchange = InMemory(members)
    return Secure(coordinator, devices, GroupedSums(groups, exchange), exchange)


def test_under_masks_a_round_gives_the_numbers_it_gives_in_the_clear() -> None:
    federation = secure(8, 4)
    step = federation.coordinator.log.state().task.step
    in_the_clear = sum(np.rint(device.scores(0) / step) for device in federation.devices.values())
    assert np.array_equal(federation.round(), np.floor(256 * in_the_clear / 8 + 0.5).astype(np.int32))


def test_rounds_go_on_when_members_drop_out_before_and_after_sending() -> None:
    federation = secure(10, 10)
    federation.round()
    publics = list(federation.devices)
    federation.exchange.down = {publics[0]}
    before = federation.coordinator.log.next_round
    federation.round(silent=frozenset(publics[7:9]))
    assert federation.coordinator.log.next_round == before + 1


def test_a_group_with_too_few_answers_is_left_out() -> None:
    federation = secure(12, 4)
    first = federation.sums._groups[0].session.members
    federation.round(silent=frozenset(first[:2]))
    entry = federation.coordinator.log.record(0)
    assert entry.clients == 8
    assert sum(federation.sums.refusals.counts.values()) == 1


def test_a_robust_rule_across_groups_holds_against_a_group_with_an_attacker() -> None:
    honest, attacked = (secure(20, 4, rule=Rule("median")) for _ in range(2))
    for public, device in attacked.devices.items():
        if public in attacked.sums._groups[2].session.members:
            device._measure = lambda core, changes, round_: -1e3 * changes.sum(axis=1)
    expected, got = honest.round().astype(float), attacked.round().astype(float)
    cosine = expected @ got / np.linalg.norm(expected) / np.linalg.norm(got)
    assert cosine > 0.8


def test_sums_carry_the_planned_noise() -> None:
    multiplier = 2.0
    means = []
    for federation in (secure(8, 8), secure(8, 8, multiplier=multiplier)):
        means.append(federation.round() * federation.coordinator.log.state().task.step / 256)
    # All eight were there, so the sum carries 8/6 of the whole variance; the record holds the mean.
    expected = multiplier * math.sqrt(15 * 8 / needed_threshold(8)) / 8
    assert 0.4 * expected < means[1].std() < 1.7 * expected + np.abs(means[0]).max()


def test_a_device_stops_when_its_budget_is_spent(tmp_path: Path) -> None:
    plan, grid = NoisePlan(1.2), Grid(16, range_for(16, 1.2) / 32767)
    budget = PrivacyBudget(tmp_path / "privacy.jsonl", limit=8.0)
    cost = grid.mechanism(plan)
    allowed = budget.rounds_left(cost)
    assert 1 <= allowed <= 10
    for round_ in range(allowed):
        budget.charge("task", round_, cost)
    with pytest.raises(BudgetSpent):
        budget.charge("task", allowed, cost)


def test_reports_before_the_exchange_of_keys_are_impossible() -> None:
    keys = tuple(sorted(Signer(bytes([n]) * 32).public for n in range(1, 4)))
    member = GroupMember(Session(b"t" * 16, b"n" * 16, 0, 1, 16, 3, keys), Signer(bytes([1]) * 32))
    with pytest.raises(Refused, match="exchanged"):
        member.mask(0, np.zeros(16, dtype=np.int16))
