"""What can be asked of the buffer: what is held, how it stands, and why. Changes nothing.

`buffer.py` adds the changes. A command that only looks, perhaps while another process chats, needs no more
than this.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selection import index
from selection.mirror import Allowed, Mirror
from selection.policies import Policy, make_policy
from selection.records import NO_TOPIC, BufferItem, Decision, Explanation
from selection.tables import Tables

if TYPE_CHECKING:
    from sqlite_utils import Database


class BufferView:
    """The kept turns, for looking.

    Methods may be called from any thread, and read the rows again when another connection has changed them.

    Args:
        db: where the tables live; missing ones read as empty, so a read-only file is fine.
        index_path: the FAISS cache file; may be missing.
        policy: the rule for a full buffer, for this buffer alone; by default `DEFAULT_POLICY`. Another one
            than before takes over what is held.
        seed: decides what the policy leaves to chance.
        allowed: given turns, those that may be held; asked whenever the file was changed by someone else.
            Others are as good as gone.
    """

    def __init__(
        self,
        db: Database,
        index_path: Path,
        *,
        capacity: int = 128,
        seed: int = 0,
        policy: Policy | None = None,
        allowed: Allowed | None = None,
    ) -> None:
        self.capacity = capacity
        self._tables = Tables(db)
        self._index_path = index_path
        self._index: tuple[int, Any] | None = None
        self._lock = threading.RLock()
        self._mirror = Mirror(
            self._tables, policy or make_policy(), capacity=capacity, seed=seed, allowed=allowed
        )

    @property
    def policy(self) -> str:
        return self._mirror.selector.policy.name

    @property
    def mark(self) -> int:
        """The highest turn number a sweep has come to; 0 before the first."""
        with self._lock:
            self._refresh()
            return self._mirror.mark

    def decided(self, turn_ids: Collection[int]) -> set[int]:
        """Those of the turns that were considered one by one, or taken out on request."""
        with self._lock:
            return self._tables.decided(turn_ids)

    def items(self) -> list[BufferItem]:
        """Kept turns with their current scores, ordered by turn number."""
        with self._lock:
            self._refresh()
            return self._mirror.items()

    def ranked(self) -> list[tuple[int, BufferItem]]:
        """Kept turns with their ranks, best first; 1 is the last that would have to go."""
        with self._lock:
            self._refresh()
            ranks = self._mirror.selector.ranks()
            items = [(ranks[item.turn_id], item) for item in self._mirror.items()]
            return sorted(items, key=lambda ranked: (ranked[0], ranked[1].turn_id))

    def why(self, turn_id: int) -> list[Decision]:
        """Everything decided about a turn, oldest first, including when and for which turn it had to go."""
        with self._lock:
            return self._tables.decisions(turn_id)

    def explain(self, turn_id: int) -> Explanation:
        """How a turn stands: its scores now, its rank, how it came in, and the decisions on record."""
        with self._lock:
            self._refresh()
            pool = self._mirror.selector.pool
            item = self._mirror.item(turn_id)
            decisions = tuple(self._tables.decisions(turn_id))
            peers = int((pool.topics == item.topic).sum()) if item and item.topic != NO_TOPIC else None
            came = [each for each in decisions if each.turn_id == turn_id and each.action == "replace"]
            return Explanation(
                turn_id,
                self.policy,
                item,
                replaced=came[-1].replaced if item and came else None,
                rank=self._mirror.selector.ranks()[turn_id] if item else None,
                held=len(pool),
                topic_size=peers,
                swept=turn_id <= self._mirror.mark and not decisions,
                decisions=decisions,
            )

    def is_skipped(self, turn_id: int) -> bool:
        with self._lock:
            return turn_id in self._tables.skipped([turn_id])

    def nearest(self, embedding: np.ndarray, k: int) -> list[tuple[int, float]]:
        """The k kept turns most like a unit vector, as (turn, cosine), best first."""
        with self._lock:
            self._refresh()
            held = len(self._mirror.selector.pool)
            if not held or k < 1:
                return []
            query = np.ascontiguousarray(embedding, dtype=np.float32)[None, :]
            cosines, turns = self._loaded_index().search(query, min(k, held))
            return [(int(turn), float(cosine)) for cosine, turn in zip(cosines[0], turns[0], strict=True)]

    def counts(self) -> dict[str, int]:
        """Numbers for a status line: held, capacity, and how many decisions of each kind were made."""
        with self._lock:
            self._refresh()
            actions = self._tables.counts()
            made = {action: actions.get(action, 0) for action in ("keep", "replace", "drop", "remove")}
            made["drop"] += self._mirror.swept
            return {"held": len(self._mirror.selector.pool), "capacity": self.capacity, **made}

    def embedders(self) -> set[str]:
        """Names of the models that made the kept embeddings; more than one never happens."""
        return {item.embedder for item in self.items()}

    def _loaded_index(self) -> Any:
        pool = self._mirror.selector.pool
        if self._index is None or self._index[0] != pool.version:
            held = self._mirror.items()
            loaded = index.load(self._index_path, index.fingerprint(held)) or index.build(held)
            self._index = (pool.version, loaded)
        return self._index[1]

    def _refresh(self) -> None:
        """Bring memory up to date with the rows."""
        self._mirror.refresh()
