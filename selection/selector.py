"""One pass over a stream with a bounded pool and a policy, in memory. Knows no database and no text.

    selector = Selector(make_policy("diverse"), capacity=128, seed=7)
    for item in stream:
        selector.offer(item)
    kept = list(selector.pool)

The buffer on disk is this plus tables; experiments use it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from selection.policies.base import Policy
from selection.pool import Pool
from selection.records import NO_TOPIC, Action, Item


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of an item that was offered; `displaced` is the turn that had to go for it."""

    action: Action
    displaced: int | None
    reason: str
    topic: int = NO_TOPIC


class Selector:
    """Decides about each item once, as it comes by.

    The decision about an item depends on the pool, the policy's memory, the seed and the number of items
    before it, and on nothing else: equal streams give equal decisions, and `restore` goes on where another
    selector stopped. Not safe for several threads.

    Args:
        policy: belongs to this selector alone; it may remember what it has seen.
        seed: the only source of chance.
    """

    def __init__(self, policy: Policy, *, capacity: int = 128, seed: int = 0) -> None:
        if seed < 0:
            raise ValueError(f"seed must not be negative, got {seed}")
        self.policy = policy
        self.pool = Pool(capacity)
        self.seen = 0
        self._bits = np.random.Philox(key=seed)
        self._start: Any = self._bits.state
        self._rng = np.random.Generator(self._bits)

    def offer(self, item: Item) -> Choice:
        """Keep, exchange or drop an item. Raises ValueError if it is held already."""
        if item.turn_id in self.pool:
            raise ValueError(f"turn {item.turn_id} is held already")
        self.seen += 1
        topic = self.policy.arrive(item, self.pool, seen=self.seen)
        if not self.pool.full:
            reason = f"{len(self.pool)} of {self.pool.capacity} places were taken, so there was room"
            self.pool.add(item, since=self.seen, topic=topic)
            return Choice("keep", None, reason, topic)
        verdict = self.policy.displace(
            item, self.pool, topic=topic, seen=self.seen, rng=self._generator(self.seen)
        )
        if verdict.displaced is None:
            return Choice("drop", None, verdict.reason, topic)
        self.pool.remove(verdict.displaced)
        self.pool.add(item, since=self.seen, topic=topic)
        return Choice("replace", verdict.displaced, verdict.reason, topic)

    def remove(self, turn_id: int) -> Item | None:
        """Take an item out, leaving a free place; None if it was not held."""
        return self.pool.remove(turn_id) if turn_id in self.pool else None

    def shrink(self) -> list[int]:
        """Make the pool fit a capacity that was lowered; returns the turns that had to go, weakest first."""
        excess = len(self.pool) - self.pool.capacity
        if excess <= 0:
            return []
        standing = self.policy.standing(self.pool, seen=self.seen)
        # Of equals the one that was kept first goes first.
        weakest = np.lexsort((self.pool.ids, self.pool.since, standing))[:excess]
        gone = self.pool.ids[weakest].tolist()
        for turn_id in gone:
            self.pool.remove(turn_id)
        return gone

    def ranks(self) -> dict[int, int]:
        """Place of each held turn: 1 is the last that would have to go, equals share a rank."""
        standing = self.policy.standing(self.pool, seen=self.seen)
        above = len(standing) - np.sort(standing).searchsorted(standing, side="right")
        return dict(zip(self.pool.ids.tolist(), (above + 1).tolist(), strict=True))

    def restore(self, held: Iterable[tuple[Item, int, int]], *, seen: int, memory: Mapping[str, Any]) -> None:
        """Take the place of a selector with these (item, since, topic), this count and policy memory."""
        self.pool = Pool(self.pool.capacity)
        for item, since, topic in held:
            self.pool.add(item, since=since, topic=topic)
        self.seen = seen
        self.policy.recall(memory)

    def _generator(self, number: int) -> np.random.Generator:
        """Random numbers for one decision.

        Philox with the decision's number in the counter's second word, so that no two decisions share
        random numbers. Setting the state is five times faster than making a generator.
        """
        self._start["state"]["counter"] = np.array([0, number, 0, 0], dtype=np.uint64)
        self._bits.state = self._start
        return self._rng
