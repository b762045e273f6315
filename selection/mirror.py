"""The rows and their copy in memory, kept alike. Knows the tables and the selector; decides nothing.

Rows are the truth. A change is made in memory first, because that is where decisions are made, and then
written as the difference in one transaction; if that fails, memory is read again from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from selection.policies.base import Policy
from selection.records import NO_TOPIC, BufferItem, Candidate, Decision, Item, Scores
from selection.selector import Selector
from selection.tables import Tables

Allowed = Callable[[Collection[int]], Collection[int]]
"""Given turns, those of them that exist and may be learned from."""


class Mirror:
    """What is held, as a selector to decide with and as items to show.

    Attributes:
        number: the highest decision number ever given.
        swept: turns that were dropped in bulk, without a decision of their own on record.
        mark: the highest turn number a sweep has come to.
    """

    def __init__(
        self, tables: Tables, policy: Policy, *, capacity: int, seed: int, allowed: Allowed | None
    ) -> None:
        self.selector = Selector(policy, capacity=capacity, seed=seed)
        self.number = 0
        self.swept = 0
        self.mark = 0
        self._tables = tables
        self._allowed = allowed
        self._rows: dict[int, BufferItem] = {}
        self._fresh: dict[int, BufferItem] = {}
        self._version: int | None = None
        self._edition = 0

    def refresh(self) -> list[BufferItem]:
        """Read the rows again if they are not known yet or another connection wrote to the file.

        Returns:
            Items that are in the tables, but may not be kept any more; they are not in memory either.
        """
        version = self._tables.version()
        if version == self._version:
            return []
        if self._version is not None and self._unchanged():
            self._version = version
            return []
        self._rows = {item.turn_id: item for item in self._tables.items()}
        self._fresh.clear()
        allowed = self._permitted()
        state = self._tables.state()
        self._edition = state.get("edition", 0)
        self.number = self._tables.last_number()
        self.swept = state.get("swept", 0)
        self.mark = state.get("mark", 0)
        # What another policy remembered, and the topics it made, mean nothing to this one.
        same = state.get("policy") == self.selector.policy.name
        self.selector.restore(
            (
                (row.item(), row.since, row.topic if same else NO_TOPIC)
                for row in self._rows.values()
                if row.turn_id in allowed
            ),
            # A file of an older release did not count what it saw; its decisions come closest.
            seen=state.get("seen", self.number),
            memory=state.get("memory", {}) if same else {},
        )
        self._version = version
        return [row for row in self._rows.values() if row.turn_id not in allowed]

    def forget_copy(self) -> None:
        """Have the next `refresh` read everything."""
        self._version = None

    def hold(self, item: Item, candidate: Candidate, idd: float, topic: int, text_limit: int) -> None:
        """Note the text of an item that the selector has just taken in."""
        self._fresh[item.turn_id] = BufferItem(
            item.turn_id,
            candidate.text[:text_limit],
            item.domain,
            Scores(item.eoe, item.dss, idd),
            item.embedding.copy(),
            candidate.embedder,
            item.tokens,
            topic,
            self.selector.seen,
            item.learnability,
            moment(),
        )

    def substitute(self, items: Iterable[BufferItem]) -> None:
        """Replace everything held by these, which are then written by the next `save`."""
        self._fresh = {item.turn_id: item for item in items}
        self.selector.restore(
            ((item.item(), item.since, item.topic) for item in self._fresh.values()),
            seen=self.selector.seen,
            memory=self.selector.policy.memory(),
        )

    def save(self, decisions: Collection[Decision], *, skip: int | None = None) -> None:
        """Write decisions and what changed in memory since the last time, all or nothing."""
        pool = self.selector.pool
        topics = dict(zip(pool.ids.tolist(), pool.topics.tolist(), strict=True))
        gone = [turn_id for turn_id in self._rows if turn_id not in topics]
        fresh = [replace(item, topic=topics[turn]) for turn, item in self._fresh.items() if turn in topics]
        moved = {
            turn_id: topic
            for turn_id, topic in topics.items()
            if turn_id not in self._fresh and self._rows[turn_id].topic != topic
        }
        self._tables.create()
        try:
            with self._tables.db.atomic():
                # A write first: a transaction that starts by reading can't go on if another one writes.
                self._tables.put_state(self._state())
                self._tables.add_decisions(decisions)
                self._tables.drop_items(gone)
                self._tables.put_items(fresh)
                self._tables.put_topics(moved.items())
                if skip is not None:
                    self._tables.skip(skip)
        except BaseException:
            self.forget_copy()
            raise
        for turn_id in gone:
            del self._rows[turn_id]
        self._rows |= {item.turn_id: item for item in fresh}
        self._rows |= {turn_id: replace(self._rows[turn_id], topic=topic) for turn_id, topic in moved.items()}
        self._fresh.clear()
        self._edition += 1
        self.number = max([self.number, *(each.number for each in decisions)])

    def items(self) -> list[BufferItem]:
        """What is held with its present scores and topics, ordered by turn number."""
        pool = self.selector.pool
        return [
            self._now(turn_id, idd, topic)
            for turn_id, idd, topic in zip(
                pool.ids.tolist(), pool.idd().tolist(), pool.topics.tolist(), strict=True
            )
        ]

    def item(self, turn_id: int) -> BufferItem | None:
        pool = self.selector.pool
        if turn_id not in pool:
            return None
        place = int(pool.ids.searchsorted(turn_id))
        return self._now(turn_id, float(pool.idd()[place]), int(pool.topics[place]))

    def embedder(self) -> tuple[str, int] | None:
        """Name and dimensions of what made the kept embeddings; None when nothing is held."""
        for item in self.selector.pool:
            row = self._fresh.get(item.turn_id) or self._rows[item.turn_id]
            return row.embedder, len(item.embedding)
        return None

    def set_learnability(self, values: Mapping[int, float | None]) -> None:
        """Note it for the turns that are held, for the next `save` to write."""
        for turn_id, value in values.items():
            if turn_id in self.selector.pool:
                self.selector.pool.set_learnability(turn_id, value)
                self._fresh[turn_id] = replace(self._rows[turn_id], learnability=value)

    def _now(self, turn_id: int, idd: float, topic: int) -> BufferItem:
        row = self._rows[turn_id]
        return replace(row, topic=topic, scores=replace(row.scores, idd=idd))

    def _unchanged(self) -> bool:
        """Whether what was written elsewhere, usually a chat, leaves everything here as it was."""
        return (
            self._tables.state().get("edition", 0) == self._edition
            and self._tables.turn_ids() == sorted(self._rows)
            and self._permitted() == set(self.selector.pool.ids.tolist())
        )

    def _permitted(self) -> set[int]:
        """Those of the rows that may be held."""
        permitted = set(self._rows if self._allowed is None else self._allowed(list(self._rows)))
        return permitted - self._tables.skipped(self._rows)

    def _state(self) -> dict[str, Any]:
        return {
            "policy": self.selector.policy.name,
            "memory": self.selector.policy.memory(),
            "seen": self.selector.seen,
            "swept": self.swept,
            "mark": self.mark,
            "edition": self._edition + 1,
        }


def moment() -> str:
    """The present as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
