"""A coordinator learns sums and nothing else, with drop-outs and in the face of lies."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.keys import Signer
from federation.privacy.secure_sum import (
    GroupCoordinator,
    GroupMember,
    Policy,
    Session,
    grouped,
    needed_threshold,
    noise_plan,
    shamir,
)
from federation.privacy.secure_sum.session import AGREEMENT, agreement, roster_digest, signed_message
from federation.refusal import Reason, Refused

COUNT = 16
FIRST = 40
SIGNERS = sorted((Signer(bytes([number + 1]) * 32) for number in range(10)), key=lambda each: each.public)


def session_of(size: int = 8, *, rounds: int = 2, threshold: int | None = None) -> Session:
    members = tuple(signer.public for signer in SIGNERS[:size])
    return Session(b"t" * 16, b"n" * 16, FIRST, rounds, COUNT, threshold or needed_threshold(size), members)


class Group:
    """Members and coordinator of one session, handing bytes to each other."""

    def __init__(self, size: int = 8, *, absent: Collection[int] = (), rounds: int = 2) -> None:
        self.session = session_of(size, rounds=rounds)
        self.members = {
            index: GroupMember(self.session, SIGNERS[index]) for index in range(size) if index not in absent
        }
        self.coordinator = GroupCoordinator(self.session)
        for member in self.members.values():
            self.coordinator.receive_keys(member.keys())
        keys = self.coordinator.key_messages()
        for member in self.members.values():
            self.coordinator.receive_shares(member.shares(keys))
        for member in self.members.values():
            member.accept(self.coordinator.share_messages())
        rng = np.random.Generator(np.random.Philox(3))
        self.reports = rng.integers(-32767, 32768, (size, COUNT)).astype(np.int16)

    def answers(self, round_: int, of: Collection[int]) -> dict[int, np.ndarray]:
        return {index: self.members[index].mask(round_, self.reports[index]) for index in of}

    def agree(self, round_: int, alive: Collection[int], asked: Collection[int]) -> None:
        for index in asked:
            self.coordinator.receive_agreement(self.members[index].agree(round_, tuple(alive)))

    def reveal(self, round_: int, asked: Collection[int]) -> None:
        for index in asked:
            self.coordinator.receive_revealed(
                self.members[index].reveal(round_, self.coordinator.agreements(round_))
            )

    def run(
        self, round_: int, answering: Collection[int], opening: Collection[int]
    ) -> tuple[np.ndarray, int]:
        alive = self.coordinator.close(round_, self.answers(round_, answering))
        self.agree(round_, alive, opening)
        self.reveal(round_, opening)
        return self.coordinator.total(round_)


def refused(reason: Reason, call: Callable[[], object]) -> None:
    with pytest.raises(Refused) as caught:
        call()
    assert caught.value.reason is reason


def test_the_sum_is_exact() -> None:
    group = Group()
    for round_ in (FIRST, FIRST + 1):
        total, clients = group.run(round_, range(8), range(8))
        assert clients == 8
        assert np.array_equal(total, group.reports.astype(np.int64).sum(axis=0))


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 10), st.data())
def test_the_sum_is_exact_whoever_drops_out_at_any_step(size: int, data: st.DataObject) -> None:
    needed = needed_threshold(size)

    def some(of: Collection[int]) -> list[int]:
        return sorted(data.draw(st.sets(st.sampled_from(sorted(of)), min_size=needed)))

    present = some(range(size))
    group = Group(size, absent=set(range(size)) - set(present), rounds=1)
    answering = some(present)
    total, clients = group.run(FIRST, answering, some(answering))
    assert clients == len(answering)
    assert np.array_equal(total, group.reports[answering].astype(np.int64).sum(axis=0))


def test_too_few_answers_make_the_round_void_and_the_next_one_still_works() -> None:
    group = Group(8)
    refused(Reason.OUT_OF_RANGE, lambda: group.coordinator.close(FIRST, group.answers(FIRST, range(5))))
    total, _ = group.run(FIRST + 1, range(6), range(6))
    assert np.array_equal(total, group.reports[:6].astype(np.int64).sum(axis=0))


def test_too_few_who_open_leave_the_sum_closed() -> None:
    group = Group(8)
    alive = group.coordinator.close(FIRST, group.answers(FIRST, range(8)))
    group.agree(FIRST, alive, range(8))
    group.reveal(FIRST, range(5))
    assert not group.coordinator.ready(FIRST)
    refused(Reason.UNSIGNED, lambda: group.coordinator.total(FIRST))


def test_masked_reports_look_random() -> None:
    group = Group(3, rounds=64)
    group.reports[:] = 0
    seen = np.concatenate([group.answers(FIRST + step, [0])[0] for step in range(64)])
    bits = np.unpackbits(seen.view(np.uint8))
    assert len(np.unique(seen)) == len(seen)
    assert abs(bits.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(bits))


def test_a_late_report_stays_masked_although_its_pairwise_masks_are_known() -> None:
    """What the second mask is for: the coordinator has the mask key of who was declared dead."""
    group = Group(8)
    late = group.answers(FIRST, [7])[7]
    group.run(FIRST, range(7), range(7))
    with_late = group.coordinator._sums[FIRST] + late
    group.coordinator._sums[FIRST] = with_late
    total, _ = group.coordinator.total(FIRST)
    assert not np.array_equal(total - group.reports[:7].astype(np.int64).sum(axis=0), group.reports[7])


def test_a_member_signs_one_list_of_survivors_a_round() -> None:
    group = Group(8)
    group.answers(FIRST, range(8))
    member = group.members[0]
    member.agree(FIRST, tuple(range(8)))
    member.agree(FIRST, tuple(range(8)))
    refused(Reason.CONFLICT, lambda: member.agree(FIRST, tuple(range(7))))


def test_a_coordinator_that_tells_some_that_a_member_dropped_out_gets_nothing() -> None:
    """With 8 members and a threshold of 6 two lists cannot both be signed by enough."""
    group = Group(8)
    group.answers(FIRST, range(8))
    true, lie = tuple(range(8)), tuple(range(7))
    told_truth = {index: group.members[index].agree(FIRST, true) for index in range(4, 8)}
    told_lie = {index: group.members[index].agree(FIRST, lie) for index in range(4)}
    everything = [*told_truth.values(), *told_lie.values()]
    for index in range(8):
        own = list((told_truth if index in told_truth else told_lie).values())
        refused(Reason.UNSIGNED, lambda own=own, index=index: group.members[index].reveal(FIRST, own))
        refused(Reason.CONFLICT, lambda index=index: group.members[index].reveal(FIRST, everything))


def test_signatures_cannot_be_repeated_forged_or_taken_from_elsewhere() -> None:
    group = Group(8)
    group.answers(FIRST, range(8))
    group.answers(FIRST + 1, range(8))
    alive = tuple(range(8))
    real = [group.members[index].agree(FIRST, alive) for index in range(5)]
    member = group.members[0]
    refused(Reason.UNSIGNED, lambda: member.reveal(FIRST, [*real, real[0]]))
    other_round = group.members[6].agree(FIRST + 1, alive)
    refused(Reason.CONFLICT, lambda: member.reveal(FIRST, [*real, other_round]))
    digest = roster_digest(group.session, list(enumerate(group.coordinator.key_messages())))
    forged = signed_message(AGREEMENT, group.session, 6, agreement(digest, FIRST, alive), SIGNERS[5])
    refused(Reason.SIGNATURE, lambda: member.reveal(FIRST, [*real, forged]))
    refused(Reason.CONFLICT, lambda: group.members[7].reveal(FIRST, real))


@pytest.mark.parametrize(
    ("alive", "reason"),
    [
        (range(1, 8), Reason.CONFLICT),
        (range(5), Reason.OUT_OF_RANGE),
        ([*range(8), 9], Reason.CONFLICT),
    ],
)
def test_a_list_that_cannot_be_true_is_not_signed(alive: Collection[int], reason: Reason) -> None:
    group = Group(8)
    group.answers(FIRST, [0])
    refused(reason, lambda: group.members[0].agree(FIRST, tuple(alive)))


def test_who_sent_nothing_signs_nothing() -> None:
    group = Group(8)
    refused(Reason.CONFLICT, lambda: group.members[0].agree(FIRST, tuple(range(8))))
    refused(Reason.CONFLICT, lambda: group.members[0].reveal(FIRST, []))


def test_a_round_is_masked_for_one_report_only() -> None:
    group = Group(3)
    first = group.answers(FIRST, [0])[0]
    assert np.array_equal(group.answers(FIRST, [0])[0], first)
    refused(Reason.CONFLICT, lambda: group.members[0].mask(FIRST, group.reports[1]))


@pytest.mark.parametrize(
    ("round_", "reason"), [(FIRST - 1, Reason.PAST_ROUND), (FIRST + 2, Reason.FUTURE_ROUND)]
)
def test_only_rounds_of_the_session_are_masked(round_: int, reason: Reason) -> None:
    group = Group(3)
    refused(reason, lambda: group.members[0].mask(round_, group.reports[0]))


def test_shares_of_one_round_open_no_other() -> None:
    group = Group(8)
    group.run(FIRST, range(7), range(7))
    key_now, _ = group.coordinator._keys[7].rounds[0]
    key_next, _ = group.coordinator._keys[7].rounds[1]
    assert key_now != key_next
    later = group.coordinator.close(FIRST + 1, group.answers(FIRST + 1, range(8)))
    group.agree(FIRST + 1, later, range(8))
    group.coordinator._revealed[FIRST + 1] = group.coordinator._revealed[FIRST]
    refused(Reason.CHECKSUM, lambda: group.coordinator.total(FIRST + 1))


@pytest.mark.parametrize("place", [40, 200, -70, -1])
def test_tampered_messages_are_refused(place: int) -> None:
    session = session_of(3)
    members = [GroupMember(session, SIGNERS[index]) for index in range(3)]
    keys = [member.keys() for member in members]
    bad = bytearray(keys[1])
    bad[place] ^= 1
    refused(Reason.SIGNATURE, lambda: members[0].shares([keys[0], bytes(bad), keys[2]]))
    shares = [member.shares(keys) for member in members]
    bad = bytearray(shares[1])
    bad[place] ^= 1
    refused(Reason.SIGNATURE, lambda: members[0].accept([shares[0], bytes(bad), shares[2]]))


def test_nobody_can_put_keys_in_between() -> None:
    session = session_of(3)
    members = [GroupMember(session, SIGNERS[index]) for index in range(3)]
    keys = [member.keys() for member in members]
    front = keys[1][:-64]
    forged = front + SIGNERS[9].sign(front)
    refused(Reason.SIGNATURE, lambda: members[0].shares([keys[0], forged, keys[2]]))
    # Two sets of keys signed by one member, each shown to somebody else: its envelopes don't open.
    other = GroupMember(session, SIGNERS[1]).keys()
    members[0].shares([keys[0], other, keys[2]])
    shares = [members[1].shares(keys), members[2].shares(keys)]
    refused(Reason.SIGNATURE, lambda: members[0].accept(shares))


def test_members_with_different_rosters_never_open_anything() -> None:
    session = session_of(8)
    members = [GroupMember(session, SIGNERS[index]) for index in range(8)]
    keys = [member.keys() for member in members]
    shares = [member.shares(keys) for member in members]
    for member in members[:7]:
        member.accept(shares[:7])
    members[7].accept(shares)
    reports = np.ones(COUNT, dtype=np.int16)
    for member in members:
        member.mask(FIRST, reports)
    agreements = [member.agree(FIRST, tuple(range(7))) for member in members[:7]]
    other = signed_message(AGREEMENT, session, 7, b"x" * 44, SIGNERS[7])
    refused(Reason.CONFLICT, lambda: members[0].reveal(FIRST, [*agreements, other]))


def test_wrong_shares_are_noticed_by_what_their_owner_published() -> None:
    group = Group(8)
    alive = group.coordinator.close(FIRST, group.answers(FIRST, range(7)))
    group.agree(FIRST, alive, range(7))
    group.members[0]._held[2][0] = (shamir.split(b"x" * 32, 1, 1)[0],) * 2
    group.reveal(FIRST, range(7))
    refused(Reason.CHECKSUM, lambda: group.coordinator.total(FIRST))


@pytest.mark.parametrize(
    "changes",
    [{"threshold": 5}, {"threshold": 9}, {"rounds": 0}, {"rounds": 65}, {"count": 1}, {"members": ()}],
)
def test_unsafe_sessions_are_refused(changes: dict[str, int]) -> None:
    values = {name: getattr(session_of(8), name) for name in Session.__slots__}
    refused(Reason.OUT_OF_RANGE, lambda: Session(**{**values, **changes}))


def test_a_session_is_its_bytes() -> None:
    session = session_of(8)
    assert Session.from_bytes(session.to_bytes()) == session
    for bad in (b"", session.to_bytes()[:-1], session.to_bytes() + b"x"):
        refused(Reason.MALFORMED, lambda bad=bad: Session.from_bytes(bad))
    doubled = session.to_bytes()[: -2 * 32] + session.members[-1] * 2
    refused(Reason.OUT_OF_RANGE, lambda: Session.from_bytes(doubled))


@given(st.binary(max_size=400))
def test_noise_on_the_line_is_refused_and_changes_nothing(data: bytes) -> None:
    coordinator = GroupCoordinator(session_of(3))
    for receive in (
        coordinator.receive_keys,
        coordinator.receive_shares,
        coordinator.receive_agreement,
        coordinator.receive_revealed,
    ):
        with pytest.raises(Refused):
            receive(data)
    assert coordinator.roster == frozenset()
    with pytest.raises(Refused):
        Session.from_bytes(data)


def test_a_device_can_insist_on_members_it_knows() -> None:
    session = session_of(5)
    known = frozenset(signer.public for signer in SIGNERS[:2])
    GroupMember(session, SIGNERS[4], Policy(known=known, known_needed=2))
    refused(Reason.STRANGER, lambda: GroupMember(session, SIGNERS[4], Policy(known=known, known_needed=3)))
    # Its own key is no company.
    refused(Reason.STRANGER, lambda: GroupMember(session, SIGNERS[0], Policy(known=known, known_needed=2)))
    refused(Reason.OUT_OF_RANGE, lambda: GroupMember(session, SIGNERS[0], Policy(smallest=6)))
    refused(Reason.STRANGER, lambda: GroupMember(session, SIGNERS[9]))


@given(st.binary(min_size=32, max_size=32), st.integers(1, 12), st.data())
def test_any_threshold_of_shares_rebuilds_a_secret_and_fewer_do_not(
    secret: bytes, count: int, data: st.DataObject
) -> None:
    threshold = data.draw(st.integers(1, count))
    shares = dict(enumerate(shamir.split(secret, count, threshold)))
    chosen = data.draw(st.sets(st.sampled_from(range(count)), min_size=threshold))
    assert shamir.rebuild({index: shares[index] for index in chosen}) == secret
    if threshold > 1:
        fewer = {index: shares[index] for index in sorted(chosen)[: threshold - 1]}
        try:
            assert shamir.rebuild(fewer) != secret
        except ValueError:
            pass


def test_the_field_is_one() -> None:
    """Fermat's test to a few bases: no inverse would be missing by chance."""
    assert all(pow(base, shamir.PRIME - 1, shamir.PRIME) == 1 for base in (2, 3, 5, 7, 11, 13, 17, 19, 23))


def test_what_is_no_share_is_refused() -> None:
    for bad in ({}, {0: b"short"}, {0: b"\xff" * 33}):
        with pytest.raises(ValueError, match="share"):
            shamir.rebuild(bad)


@given(st.integers(3, 12), st.integers(0, 60))
def test_groups_are_a_partition_that_everyone_computes_alike(size: int, more: int) -> None:
    devices = [bytes([number]) * 32 for number in range(size + more)]
    groups = grouped(devices, size, b"record")
    assert sorted(member for group in groups for member in group) == sorted(devices)
    assert all(size <= len(group) < 2 * size for group in groups)
    assert groups == grouped(reversed(devices), size, b"record")
    if more > 20:
        assert groups != grouped(devices, size, b"another record")


def test_too_few_devices_make_no_group() -> None:
    refused(Reason.OUT_OF_RANGE, lambda: grouped([b"a" * 32] * 9, 8, b""))
    refused(Reason.OUT_OF_RANGE, lambda: grouped([bytes([n]) * 32 for n in range(9)], 2, b""))


def test_the_smallest_sum_that_opens_carries_the_whole_noise() -> None:
    plan = noise_plan(2.0, 10, colluders=2)
    assert plan.sharers == needed_threshold(10) - 2 == 5
    assert plan.share**2 * 5 == pytest.approx(4.0)
