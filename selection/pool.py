"""The kept items as columns of numbers, in memory. Knows no policy and no database.

Items are in the order of their turn numbers, whatever order they came in: every number derived here depends
only on what is held, so a pool that was rebuilt after a restart gives the very same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from selection.records import NO_TOPIC, Item
from selection.scores import in_domain_dissimilarity

_DTYPES: dict[str, type] = {
    "ids": np.int64,
    "eoe": np.float64,
    "dss": np.float64,
    "meanings": np.float64,
    "learnability": np.float64,
    "since": np.int64,
    "topics": np.int64,
}
_BLOCK = 1024
_VERSIONS = count(1)


class Pool:
    """At most `capacity` items, or as many as it was given when it was rebuilt.

    Memory is one float32 [dim] vector and a few numbers for each place, taken when it is first used.

    Attributes:
        version: another number after every change, and in every pool; what was derived under one that is not
            the present one is stale.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.capacity = capacity
        self.version = next(_VERSIONS)
        self._items: list[Item] = []
        self._columns: dict[str, np.ndarray] = {
            name: np.empty(0, dtype=dtype) for name, dtype in _DTYPES.items()
        }
        self._vectors = np.empty((0, 0), dtype=np.float32)
        self._sums: dict[str, tuple[np.ndarray, int]] = {}
        self._idd: tuple[int, np.ndarray] | None = None
        self._nearest: tuple[int, np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __contains__(self, turn_id: int) -> bool:
        return self._find(turn_id)[1]

    @property
    def full(self) -> bool:
        return len(self._items) >= self.capacity

    @property
    def ids(self) -> np.ndarray:
        """Turn numbers, int64 [n], rising."""
        return self._columns["ids"][: len(self)]

    @property
    def vectors(self) -> np.ndarray:
        """Embeddings, float32 [n, dim]."""
        return self._vectors[: len(self)]

    @property
    def eoe(self) -> np.ndarray:
        return self._columns["eoe"][: len(self)]

    @property
    def dss(self) -> np.ndarray:
        return self._columns["dss"][: len(self)]

    @property
    def meanings(self) -> np.ndarray:
        """Spectral entropy in nats, float64 [n]."""
        return self._columns["meanings"][: len(self)]

    @property
    def learnability(self) -> np.ndarray:
        """float64 [n], NaN where nobody has said."""
        return self._columns["learnability"][: len(self)]

    @property
    def since(self) -> np.ndarray:
        """How many items had been considered when each was kept, int64 [n]."""
        return self._columns["since"][: len(self)]

    @property
    def topics(self) -> np.ndarray:
        """Cluster of each item, int64 [n], NO_TOPIC where there is none."""
        return self._columns["topics"][: len(self)]

    def add(self, item: Item, *, since: int = 0, topic: int = NO_TOPIC) -> None:
        """Raises ValueError if the item is held already or its embedding has another length."""
        place, held = self._find(item.turn_id)
        if held:
            raise ValueError(f"turn {item.turn_id} is held already")
        n = len(self)
        self._make_room(len(item.embedding))
        row = {
            "ids": item.turn_id,
            "eoe": item.eoe,
            "dss": item.dss,
            "meanings": item.meanings,
            "learnability": np.nan if item.learnability is None else item.learnability,
            "since": since,
            "topics": topic,
        }
        for name, column in self._columns.items():
            column[place + 1 : n + 1] = column[place:n]
            column[place] = row[name]
        self._vectors[place + 1 : n + 1] = self._vectors[place:n]
        self._vectors[place] = item.embedding
        self._items.insert(place, item)
        self._changed(item.domain)

    def remove(self, turn_id: int) -> Item:
        """Raises KeyError if the item is not held."""
        place, held = self._find(turn_id)
        if not held:
            raise KeyError(turn_id)
        n = len(self)
        for column in (*self._columns.values(), self._vectors):
            column[place : n - 1] = column[place + 1 : n]
        item = self._items.pop(place)
        self._changed(item.domain)
        return item

    def relabel(self, former: int, topic: int) -> None:
        """Move every item of one topic to another."""
        self.topics[self.topics == former] = topic
        self.version = next(_VERSIONS)

    def label(self, place: int, topic: int) -> None:
        """Set the topic of the item at a position."""
        self.topics[place] = topic
        self.version = next(_VERSIONS)

    def set_learnability(self, turn_id: int, value: float | None) -> None:
        """Raises KeyError if the item is not held."""
        place, held = self._find(turn_id)
        if not held:
            raise KeyError(turn_id)
        self._items[place] = replace(self._items[place], learnability=value)
        self.learnability[place] = np.nan if value is None else value
        self.version = next(_VERSIONS)

    def idd(self) -> np.ndarray:
        """In-domain dissimilarity of each item to the others of its domain, float64 [n]; see `scores`."""
        if self._idd is None or self._idd[0] != self.version:
            idd = np.empty(len(self))
            domains = np.array([item.domain for item in self._items])
            for domain in dict.fromkeys(domains.tolist()):
                places = np.flatnonzero(domains == domain)
                total, members = self._domain_sum(domain)
                vectors = self.vectors[places]
                idd[places] = in_domain_dissimilarity(vectors, total - vectors, members - 1)
            self._idd = (self.version, idd)
        return self._idd[1]

    def idd_of(self, newcomer: Item) -> float:
        """In-domain dissimilarity of an item that is not held; 1.0 if its domain is new."""
        return float(in_domain_dissimilarity(newcomer.embedding, *self._domain_sum(newcomer.domain)))

    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """For each item the highest cosine to another one, float32 [n], and that one's position, int64 [n].

        A lone item has cosine 0 to position 0.
        """
        if self._nearest is None or self._nearest[0] != self.version:
            n = len(self)
            cosines, places = np.zeros(n, dtype=np.float32), np.zeros(n, dtype=np.int64)
            for start in range(0, n if n > 1 else 0, _BLOCK):
                rows = np.arange(start, min(start + _BLOCK, n))
                block = self.vectors[rows] @ self.vectors.T
                block[rows - start, rows] = -np.inf
                places[rows] = block.argmax(axis=1)
                cosines[rows] = block[rows - start, places[rows]]
            self._nearest = (self.version, cosines, places)
        return self._nearest[1], self._nearest[2]

    def _domain_sum(self, domain: str) -> tuple[np.ndarray, int]:
        if domain not in self._sums:
            members = [place for place, item in enumerate(self._items) if item.domain == domain]
            if not members:
                # Not stored, or a stream of ever new domains would fill the memory.
                return np.zeros(1), 0
            self._sums[domain] = (self.vectors[members].sum(axis=0, dtype=np.float64), len(members))
        return self._sums[domain]

    def _changed(self, domain: str) -> None:
        self.version = next(_VERSIONS)
        self._sums.pop(domain, None)

    def _find(self, turn_id: int) -> tuple[int, bool]:
        place = int(self.ids.searchsorted(turn_id))
        return place, place < len(self) and int(self.ids[place]) == turn_id

    def _make_room(self, dim: int) -> None:
        """Room for one more, growing by doubling, so that a large capacity costs nothing while unused."""
        n = len(self)
        if n and dim != self._vectors.shape[1]:
            raise ValueError(f"the kept embeddings have {self._vectors.shape[1]} dimensions, not {dim}")
        if n < len(self._vectors) and dim == self._vectors.shape[1]:
            return
        size = max(16, min(2 * n, self.capacity), n + 1)
        vectors = np.empty((size, dim), dtype=np.float32)
        if n:
            vectors[:n] = self.vectors
        self._vectors = vectors
        for name, column in self._columns.items():
            grown = np.empty(size, dtype=column.dtype)
            grown[:n] = column[:n]
            self._columns[name] = grown
