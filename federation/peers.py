"""A federation without a coordinator: signed rounds in a folder that some tool synchronises.

Everybody may close a round: a **block** is a record together with the signed reports that it adds up, so that
whoever holds the block can check all of it. Blocks form a tree, because two peers may close the same round
with different reports. The rule that picks one chain looks at the set of valid blocks alone:

    the chain whose records hold the most reports in all; among equals, the one with the lowest last hash.

So everybody with the same files has the same adapter, whatever the order in which they came, and however
often. What is not valid is left aside with a reason and changes nothing. Trust is in the founder, who says
who is a member, and in members only as far as the task's rule withstands hostile reports.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from federation.aggregate import aggregate, contributions, reports_hash
from federation.device import Device, Measure, Noise, Spend
from federation.keys import KEY_BYTES, SIGNATURE_BYTES, Signer, device_id, verified
from federation.log import RoundLog
from federation.refusal import FederationError, Reason, Refused
from federation.scores import longest, quantise
from federation.task import SignedTask
from federation.wire import (
    LARGEST_MESSAGE,
    STATE_BYTES,
    Encoding,
    Report,
    RoundRecord,
    parse_as,
)

MAGIC = b"APB1"
_LENGTH = struct.Struct("<I")
_MEMBER = b"member\0"
# More devices than this belong behind a coordinator.
MOST_REPORTS = 1000
LARGEST_BLOCK = len(MAGIC) + (MOST_REPORTS + 1) * (_LENGTH.size + LARGEST_MESSAGE)
# Blocks whose parent has not come yet.
MOST_ORPHANS = 10_000


@dataclass(frozen=True, slots=True)
class Block:
    """A record and the reports that went into it, ordered by hash so that equal content is equal bytes."""

    record: RoundRecord
    reports: tuple[Report, ...]

    def to_bytes(self) -> bytes:
        parts = [self.record.to_bytes(), *(report.to_bytes() for report in self.reports)]
        return MAGIC + b"".join(_LENGTH.pack(len(part)) + part for part in parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Block:
        """Checks the layout only. Raises Refused."""
        if len(data) > LARGEST_BLOCK:
            raise Refused(Reason.OVERSIZED, f"a block of {len(data)} bytes")
        if not data.startswith(MAGIC):
            raise Refused(Reason.MALFORMED, "no block of this protocol")
        parts, place = [], len(MAGIC)
        while place < len(data):
            if len(data) - place < _LENGTH.size:
                raise Refused(Reason.MALFORMED, "a block ends within a part")
            (length,) = _LENGTH.unpack_from(data, place)
            place += _LENGTH.size
            if length > len(data) - place:
                raise Refused(Reason.MALFORMED, "a block ends within a part")
            parts.append(data[place : place + length])
            place += length
        if not parts:
            raise Refused(Reason.MALFORMED, "an empty block")
        record = parse_as(RoundRecord, parts[0])
        block = cls(record, _ordered(parse_as(Report, part) for part in parts[1:]))
        if block.to_bytes() != data:
            raise Refused(Reason.MALFORMED, "the reports of a block are not in order")
        return block


@dataclass(frozen=True, slots=True)
class Admission:
    """The founder's word that this key is a member's: 32 bytes and a signature over task id and key."""

    key: bytes
    signature: bytes

    @classmethod
    def sign(cls, signed: SignedTask, founder: Signer, key: bytes) -> Admission:
        """Raises FederationError when `founder` is not the one named in the task."""
        if founder.public != signed.public:
            raise FederationError("only the key named in the task can admit members")
        return cls(key, founder.sign(_MEMBER + signed.task.id + key))

    def to_bytes(self) -> bytes:
        return self.key + self.signature

    @classmethod
    def from_bytes(cls, data: bytes, signed: SignedTask) -> Admission:
        """Raises Refused unless the founder of this task signed it."""
        if len(data) != KEY_BYTES + SIGNATURE_BYTES:
            raise Refused(Reason.MALFORMED, "no admission")
        found = cls(data[:KEY_BYTES], data[KEY_BYTES:])
        if not verified(signed.public, _MEMBER + signed.task.id + found.key, found.signature):
            raise Refused(Reason.SIGNATURE, "an admission that the founder did not sign")
        return found


class Members:
    """Who may report and close rounds, by short device id."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        """`keys` are Ed25519 public keys."""
        self._keys = {device_id(key): key for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, device: bytes) -> bool:
        return device in self._keys

    def key(self, device: bytes) -> bytes:
        """Raises Refused (stranger)."""
        if device not in self._keys:
            raise Refused(Reason.STRANGER, "a device that the founder did not admit")
        return self._keys[device]

    def signed_by_one(self, record: RoundRecord) -> bool:
        """Whether any member signed the record; who closed a round does not matter."""
        return any(verified(key, record.unsigned_bytes(), record.signature) for key in self._keys.values())


@dataclass(slots=True)
class _Node:
    block: Block
    weight: int


class BlockTree:
    """All valid blocks of a task, and the chain that the rule picks. Order and repetition do not matter."""

    def __init__(self, signed: SignedTask, members: Members) -> None:
        """Raises FederationError for a task with secure aggregation, which needs somebody to unmask."""
        if signed.task.privacy.secure_aggregation:
            raise FederationError("peers check reports one by one, so they cannot be masked")
        self._signed = signed
        self._task = signed.task
        self._task_id = signed.task.id
        self._members = members
        self._longest = longest(self._task.directions, self._task.step, self._task.privacy.noise_multiplier)
        self._root = self._task.digest
        # Hash and signature of reports that were found genuine: checking one costs as much as all the rest.
        self._genuine: set[tuple[bytes, bytes]] = set()
        self._log = RoundLog(signed, need_signature=False)
        self._nodes: dict[bytes, _Node] = {}
        self._orphans: dict[bytes, dict[bytes, Block]] = {}
        self._best = self._root

    @property
    def head(self) -> bytes:
        """32 bytes: hash of the last record of the picked chain, or the task's digest."""
        return self._best

    @property
    def orphans(self) -> int:
        return sum(map(len, self._orphans.values()))

    def __len__(self) -> int:
        return len(self._nodes)

    def add(self, data: bytes) -> bool:
        """Take one block; False when it was there already, or waits for the one before it. Raises Refused."""
        block = Block.from_bytes(data)
        name = block.record.hash
        if name in self._nodes:
            return False
        self._check(block)
        previous = block.record.previous
        if previous != self._root and previous not in self._nodes:
            if self.orphans >= MOST_ORPHANS:
                raise Refused(Reason.BROKEN_CHAIN, "too many blocks wait for others")
            self._orphans.setdefault(previous, {})[name] = block
            return False
        self._attach(block)
        return name in self._nodes

    def chain(self) -> list[Block]:
        """The picked chain, from the first block."""
        found, at = [], self._best
        while at != self._root:
            block = self._nodes[at].block
            found.append(block)
            at = block.record.previous
        return found[::-1]

    def log(self) -> RoundLog:
        """The picked chain as a log in memory; `log().state()` replays it. Another one after a fork."""
        if self._log.head == self._best:
            return self._log
        chain = self.chain()
        if all(block.record.hash != self._log.head for block in chain) and len(self._log):
            self._log = RoundLog(self._signed, need_signature=False)
        for block in chain:
            self._log.append(block.record)
        return self._log

    @property
    def highest_round(self) -> int:
        """The highest round number of any block, -1 without one. Numbers are not used again after a fork."""
        return max((node.block.record.round for node in self._nodes.values()), default=-1)

    def check_report(self, report: Report, head: bytes) -> None:
        """Whether a report was measured on `head`, by a member, and can be an honest one. Raises Refused."""
        if report.task != self._task_id:
            raise Refused(Reason.WRONG_TASK, "a report of another task")
        key = self._members.key(report.device)
        if (report.hash, report.signature) not in self._genuine:
            report.check_signature(key)
            self._genuine.add((report.hash, report.signature))
        if report.state != head[:STATE_BYTES]:
            raise Refused(Reason.WRONG_STATE, "measured on another state")
        if report.encoding is not Encoding.CLEAR:
            raise Refused(Reason.MALFORMED, "a masked report among peers")
        if len(report.scalars) != self._task.directions:
            raise Refused(Reason.WRONG_LENGTH, f"a report of {len(report.scalars)} numbers")
        if float((report.scalars.astype(float) ** 2).sum()) ** 0.5 > self._longest:
            raise Refused(Reason.OUT_OF_RANGE, "longer than z-scores can be")

    def close(self, reports: Iterable[Report], signer: Signer) -> Block:
        """A block on the present head from reports of one round. Raises Refused when it is not valid."""
        ordered = _ordered(reports)
        if not ordered:
            raise Refused(Reason.WRONG_LENGTH, "a block needs reports")
        record = RoundRecord(
            task=self._task_id,
            round=ordered[0].round,
            previous=self._best,
            reports=reports_hash(ordered),
            clients=len(ordered),
            payload=aggregate(contributions(ordered), self._task.rule).tobytes(),
        ).signed(signer)
        block = Block(record, ordered)
        self._check(block)
        return block

    def _check(self, block: Block) -> None:
        """Everything but whether the block before it is here."""
        record, reports = block.record, block.reports
        if record.task != self._task_id:
            raise Refused(Reason.WRONG_TASK, "a block of another task")
        if not max(1, self._task.min_clients) <= len(reports) <= MOST_REPORTS:
            raise Refused(Reason.WRONG_LENGTH, f"a block of {len(reports)} reports")
        if len({report.device for report in reports}) != len(reports):
            raise Refused(Reason.DUPLICATE, "two reports of one device in a block")
        if any(report.round != record.round for report in reports):
            raise Refused(Reason.WRONG_STATE, "a block with reports of another round")
        if record.hold:
            raise Refused(Reason.MALFORMED, "peers hold no rounds")
        if not self._members.signed_by_one(record):
            raise Refused(Reason.SIGNATURE, "a block that no member signed")
        for report in reports:
            self.check_report(report, record.previous)
        added = aggregate(contributions(reports), self._task.rule).tobytes()
        if (record.clients, record.reports) != (len(reports), reports_hash(reports)):
            raise Refused(Reason.MALFORMED, "a block whose record names other reports")
        if record.payload != added:
            raise Refused(Reason.MALFORMED, "a block that adds up wrongly")

    def _attach(self, block: Block) -> None:
        """Put a block into the tree, and whatever waited for it."""
        waiting = [block]
        while waiting:
            each = waiting.pop()
            record = each.record
            parent = self._nodes.get(record.previous)
            if parent is not None and record.round <= parent.block.record.round:
                # A fault of its own, whenever it comes; what waits for it waits for ever.
                continue
            weight = record.clients + (0 if parent is None else parent.weight)
            self._nodes[record.hash] = _Node(each, weight)
            if self._rank(record.hash) < self._rank(self._best):
                self._best = record.hash
            waiting += self._orphans.pop(record.hash, {}).values()

    def _rank(self, name: bytes) -> tuple[int, bytes]:
        """The rule: the lowest rank is picked."""
        weight = 0 if name == self._root else self._nodes[name].weight
        return (-weight, name)


def _ordered(reports: Iterable[Report]) -> tuple[Report, ...]:
    return tuple(sorted(reports, key=lambda report: report.hash))


def chain_in(signed: SignedTask, files: Iterable[bytes]) -> RoundLog:
    """The picked chain of a folder's files, in any order; what is not valid is passed over."""
    keys, blocks = [], []
    for data in files:
        try:
            if data.startswith(MAGIC):
                blocks.append(data)
            elif len(data) == KEY_BYTES + SIGNATURE_BYTES:
                keys.append(Admission.from_bytes(data, signed).key)
        except Refused:
            continue
    tree = BlockTree(signed, Members(keys))
    for data in blocks:
        with contextlib.suppress(Refused):
            tree.add(data)
    return tree.log()


# (round, log) → this device's report on the log's head; None without consent, or with nothing to measure.
MakeReport = Callable[[int, RoundLog], Report | None]


def measured(
    signed: SignedTask,
    log: RoundLog,
    signer: Signer,
    measure: Measure,
    round_: int,
    noise: Noise | None = None,
    spend: Spend | None = None,
) -> Report:
    """A report on the head of `log`, unsigned by a coordinator's request. Raises FederationError, Refused."""
    task = signed.task
    scores = Device(signed, log, signer, measure, noise=noise, spend=spend).scores(round_)
    return Report(
        task=task.id,
        round=round_,
        state=log.head[:STATE_BYTES],
        device=signer.device_id,
        encoding=Encoding.CLEAR,
        payload=quantise(scores if noise is None else noise(scores), task.step).tobytes(),
    ).signed(signer)


class Peer:
    """One member's view of a shared folder: takes in what others wrote, reports, closes rounds.

    `step` is called again and again with all files that are there; it returns the files to add. It never
    reports twice for one round number, and never for a number that is not above the last one.
    """

    def __init__(
        self,
        signed: SignedTask,
        signer: Signer,
        make_report: MakeReport,
        *,
        last_round: int = -1,
        patience: int = 3,
    ) -> None:
        """`last_round`: the highest round this device ever reported for, from its ledger.

        patience: steps to wait for more reports once there are enough; not everybody closes at once then.
        """
        self._signed = signed
        self._signer = signer
        self._make_report = make_report
        self._last_round = last_round
        self._patience = patience
        self._waited = 0
        self._seen: set[bytes] = set()
        self._admissions: set[bytes] = set()
        # By the state they were measured on.
        self._reports: dict[bytes, dict[bytes, Report]] = {}
        self._blocks: list[bytes] = []
        self.refused: list[Refused] = []
        self.tree = BlockTree(signed, Members(()))

    def step(self, files: Iterable[bytes]) -> list[bytes]:
        """Everything in the folder as bytes, in any order → what this peer adds to it."""
        fresh = [data for data in files if data not in self._seen]
        self._seen.update(fresh)
        for data in fresh:
            try:
                self._take(data)
            except Refused as problem:
                self.refused.append(problem)
        self._waited = 0 if fresh else self._waited + 1
        return self._report() + self._close()

    def _take(self, data: bytes) -> None:
        if data.startswith(MAGIC):
            self._blocks.append(data)
            self.tree.add(data)
        elif len(data) == KEY_BYTES + SIGNATURE_BYTES:
            admission = Admission.from_bytes(data, self._signed)
            self._admissions.add(admission.key)
            self._regrow()
        else:
            report = parse_as(Report, data)
            self._reports.setdefault(report.state, {})[report.hash] = report

    def _regrow(self) -> None:
        """A new member: blocks that were refused for its sake may be valid now."""
        self.tree = BlockTree(self._signed, Members(self._admissions))
        for data in self._blocks:
            try:
                self.tree.add(data)
            except Refused as problem:
                self.refused.append(problem)

    def _report(self) -> list[bytes]:
        head = self.tree.head
        log = self.tree.log()
        numbers = [report.round for report in self._valid(head)]
        # The number others use for this state, or the next that nobody used anywhere.
        number = max(numbers, default=max(self.tree.highest_round, log.next_round - 1, self._last_round) + 1)
        if number <= self._last_round or self._signer.device_id not in Members(self._admissions):
            return []
        report = self._make_report(number, log)
        if report is None:
            return []
        self._last_round = number
        data = report.to_bytes()
        self._seen.add(data)
        self._take(data)
        self._waited = 0
        return [data]

    def _close(self) -> list[bytes]:
        valid = self._valid(self.tree.head)
        if not valid:
            return []
        number = max(report.round for report in valid)
        # One report a device: whoever signed two for one number has none.
        by_device: dict[bytes, list[Report]] = {}
        for report in valid:
            if report.round == number:
                by_device.setdefault(report.device, []).append(report)
        single = [reports[0] for reports in by_device.values() if len(reports) == 1]
        everybody = len(single) == len(self._admissions)
        if len(single) < max(1, self._signed.task.min_clients):
            return []
        if not everybody and self._waited < self._patience:
            return []
        try:
            data = self.tree.close(single, self._signer).to_bytes()
        except Refused as problem:
            self.refused.append(problem)
            return []
        self._seen.add(data)
        self._take(data)
        return [data]

    def _valid(self, head: bytes) -> list[Report]:
        found = []
        for report in self._reports.get(head[:STATE_BYTES], {}).values():
            try:
                self.tree.check_report(report, head)
            except Refused:
                continue
            found.append(report)
        return found
