"""Peers without a server: whoever holds the same files holds the same adapter."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.aggregate import aggregate, contributions, reports_hash
from federation.keys import Signer
from federation.log import RoundLog
from federation.peers import Admission, Block, BlockTree, Members, Peer, measured
from federation.refusal import FederationError, Reason, Refused
from federation.shared_folder import SharedFolder
from federation.task import Privacy
from federation.wire import Report, RoundRecord
from tests.federation.conftest import COORDINATOR, Bowl, make_task, targets

TASK = make_task(min_clients=2)
SIGNERS = [Signer(bytes([number + 1]) * 32) for number in range(4)]
ADMISSIONS = [Admission.sign(TASK, COORDINATOR, signer.public).to_bytes() for signer in SIGNERS]


def report(number: int, log: RoundLog, round_: int) -> Report:
    return measured(TASK, log, SIGNERS[number], Bowl(targets(4)[number]), round_)


def tree(blocks: list[bytes] | None = None) -> BlockTree:
    """A tree of all members that took these blocks in this order."""
    grown = BlockTree(TASK, Members(signer.public for signer in SIGNERS))
    for block in blocks or []:
        grown.add(block)
    return grown


def grow(chain: list[bytes], *who: int, round_: int | None = None) -> list[bytes]:
    """The chain with one more round, closed from the reports of `who`."""
    grown = tree(chain)
    log = grown.log()
    number = log.next_round if round_ is None else round_
    return [*chain, grown.close([report(each, log, number) for each in who], SIGNERS[who[0]]).to_bytes()]


def core(grown: BlockTree) -> bytes:
    return grown.log().state().value.tobytes()


def forks(seed: int, count: int = 8) -> list[bytes]:
    """Blocks of a tree in which rounds were closed twice, from different reports."""
    chance = random.Random(seed)
    chains: list[list[bytes]] = [[]]
    for _ in range(count):
        chain = chance.choice(chains)
        chain = chain[: chance.randrange(len(chain) + 1)]
        chains.append(grow(chain, *chance.sample(range(4), chance.randint(2, 4))))
    return list(dict.fromkeys(block for chain in chains for block in chain))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 9), st.randoms(use_true_random=False), st.lists(st.binary(max_size=40), max_size=3))
def test_order_repetition_and_junk_change_nothing(
    seed: int, chance: random.Random, junk: list[bytes]
) -> None:
    blocks = FORKS[seed]
    expected = tree(blocks)
    delivered = [*blocks, *(chance.choice(blocks) for _ in range(4)), *junk]
    chance.shuffle(delivered)
    other = tree()
    for data in delivered:
        try:
            other.add(data)
        except Refused:
            assert data in junk
    assert (other.head, core(other), len(other), other.orphans) == (
        expected.head,
        core(expected),
        # Two members may close a round with the same reports: two files, but one block.
        len({Block.from_bytes(block).record.hash for block in blocks}),
        0,
    )


FORKS = [forks(seed) for seed in range(10)]


def test_the_chain_with_most_reports_is_picked() -> None:
    short = grow([], 0, 1, 2, 3)
    long = grow(grow([], 0, 1), 0, 1)
    assert tree([*short, *long]).log().next_round in (1, 2)
    longer = grow(long, 2, 3)
    assert tree([*short, *longer]).head == tree(longer).head
    heavier = grow(short, 0, 1, 2)
    assert tree([*longer, *heavier]).head == tree(heavier).head


def test_among_equals_the_lowest_hash_is_picked() -> None:
    one, other = grow([], 0, 1), grow([], 2, 3)
    heads = [tree(one).head, tree(other).head]
    assert tree([*one, *other]).head == min(heads)


def test_a_fork_is_healed_when_the_files_meet() -> None:
    """Two halves that did not see each other for a while."""
    first, second = Folder(), Folder()
    peers = [Peer(TASK, signer, maker(number)) for number, signer in enumerate(SIGNERS)]
    for _ in range(12):
        for peer, folder in zip(peers, (first, first, second, second), strict=True):
            folder.files += peer.step(folder.files)
    assert peers[0].tree.head != peers[2].tree.head
    assert len(peers[0].tree) > 1
    whole = Folder()
    whole.files = [*first.files, *second.files]
    for _ in range(12):
        for peer in peers:
            whole.files += peer.step(whole.files)
    # Whatever is still under way, the same files mean the same core.
    for peer in peers:
        peer.step(whole.files)
    assert len({peer.tree.head for peer in peers}) == 1
    assert len({core(peer.tree) for peer in peers}) == 1
    # They went on together: rounds with reports from both halves.
    assert max(block.record.clients for block in peers[0].tree.chain()) == 4


def test_no_peer_reports_twice_for_one_number() -> None:
    folder = Folder()
    peers = [Peer(TASK, signer, maker(number)) for number, signer in enumerate(SIGNERS)]
    for _ in range(30):
        for peer in peers:
            folder.files += peer.step(folder.files)
    seen: set[tuple[bytes, int]] = set()
    for data in folder.files:
        if data.startswith(b"AFED"):
            found = as_report(data)
            assert (found.device, found.round) not in seen
            seen.add((found.device, found.round))
    assert peers[0].tree.log().next_round > 3


def test_peers_learn_what_they_have_in_common() -> None:
    folder = Folder()
    peers = [Peer(TASK, signer, maker(number)) for number, signer in enumerate(SIGNERS)]
    while peers[0].tree.log().next_round < 25:
        for peer in peers:
            folder.files += peer.step(folder.files)
    wanted = np.mean(targets(4), axis=0)
    found = peers[0].tree.log().state().value
    assert np.linalg.norm(found - wanted) < 0.9 * np.linalg.norm(wanted)


@dataclass
class Folder:
    def __init__(self) -> None:
        self.files: list[bytes] = list(ADMISSIONS)


def maker(number: int):  # type: ignore[no-untyped-def]
    return lambda round_, log: report(number, log, round_)


def as_report(data: bytes) -> Report:
    from federation.wire import parse_as

    return parse_as(Report, data)


def refused(block: Block, reason: Reason) -> None:
    grown = tree()
    with pytest.raises(Refused) as problem:
        grown.add(block.to_bytes())
    assert problem.value.reason is reason
    assert (len(grown), grown.head) == (0, TASK.task.digest)


def test_a_block_that_adds_up_wrongly_is_refused() -> None:
    block = Block.from_bytes(grow([], 0, 1)[0])
    forged = replace(block.record, payload=bytes(len(block.record.payload))).signed(SIGNERS[0])
    refused(replace(block, record=forged), Reason.MALFORMED)


def test_a_block_of_a_stranger_is_refused() -> None:
    stranger = Signer(bytes([99]) * 32)
    block = Block.from_bytes(grow([], 0, 1)[0])
    refused(replace(block, record=block.record.signed(stranger)), Reason.SIGNATURE)
    log = RoundLog(TASK, need_signature=False)
    reports = [report(0, log, 0), measured(TASK, log, stranger, Bowl(targets(4)[0]), 0)]
    with pytest.raises(Refused) as problem:
        tree().close(reports, SIGNERS[0])
    assert problem.value.reason is Reason.STRANGER


def test_nobody_counts_twice_and_nobody_alone() -> None:
    log = RoundLog(TASK, need_signature=False)
    mine = report(0, log, 0)
    changed = replace(mine, payload=bytes(len(mine.payload))).signed(SIGNERS[0])
    for reports, reason in (([mine, changed], Reason.DUPLICATE), ([mine], Reason.WRONG_LENGTH)):
        with pytest.raises(Refused) as problem:
            tree().close(reports, SIGNERS[0])
        assert problem.value.reason is reason


def test_a_tampered_report_takes_its_block_along() -> None:
    block = Block.from_bytes(grow([], 0, 1)[0])
    one, other = block.reports
    forged = replace(one, payload=bytes(len(one.payload)))
    reports = tuple(sorted((forged, other), key=lambda each: each.hash))
    record = replace(
        block.record,
        reports=reports_hash(reports),
        payload=aggregate(contributions(reports), TASK.task.rule).tobytes(),
    ).signed(SIGNERS[0])
    refused(Block(record, reports), Reason.SIGNATURE)


def test_rounds_rise_along_a_chain() -> None:
    chain = grow([], 0, 1, round_=5)
    grown = tree(chain)
    log = grown.log()
    late = [report(each, log, 3) for each in (2, 3)]
    block = grown.close(late, SIGNERS[2])
    assert isinstance(block.record, RoundRecord)
    assert not grown.add(block.to_bytes())
    assert grown.head == tree(chain).head


def test_only_the_founder_admits() -> None:
    with pytest.raises(FederationError):
        Admission.sign(TASK, SIGNERS[0], SIGNERS[1].public)
    with pytest.raises(Refused):
        Admission.from_bytes(SIGNERS[1].public + bytes(64), TASK)


def test_who_is_admitted_later_counts_from_then_on() -> None:
    chain = grow(grow([], 0, 3), 0, 3)
    peer = Peer(TASK, SIGNERS[1], lambda round_, log: None)
    peer.step([*ADMISSIONS[:2], *chain])
    assert peer.tree.head == TASK.task.digest
    peer.step(ADMISSIONS)
    assert peer.tree.head == tree(chain).head


def test_masked_reports_need_a_coordinator() -> None:
    with pytest.raises(FederationError):
        BlockTree(make_task(privacy=Privacy(secure_aggregation=True)), Members(()))


def test_a_folder_is_read_once_and_passes_over_what_is_not_ours(tmp_path: Path) -> None:
    folder, other = SharedFolder(tmp_path), SharedFolder(tmp_path)
    file = folder.write(b"block")
    folder.write(b"block")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "link.peer").symlink_to(tmp_path / "notes.txt")
    (tmp_path / "empty.peer").touch()
    assert other.fresh() == [b"block"]
    assert (other.fresh(), folder.fresh()) == ([], [])
    # Synchronised in pieces: what was cut off is read again once it is whole.
    file.write_bytes(b"blo")
    late = SharedFolder(tmp_path)
    assert late.fresh() == [b"blo"]
    file.write_bytes(b"block")
    assert late.fresh() == [b"block"]
