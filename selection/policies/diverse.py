"""Selection without word lists: rich in meaning, new, spread over topics, and never settled for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selection.policies.base import Policy, Verdict
from selection.policies.topics import Topics
from selection.pool import Pool
from selection.records import Item


class Diverse(Policy):
    """Topics have shares of the places; within a topic the item that is worth least goes.

    A newcomer whose topic has room takes a place from the topic that most exceeds its share. Otherwise it
    competes with its own topic, and may itself be the one that is worth least.

    What an item is worth is the mean of its ranks among the kept items and the newcomer, so that scores of
    different spread count alike:

    * meanings: spectral entropy of its token embeddings in nats (log of the effective rank of Roy and
      Vetterli, "The effective rank", EUSIPCO 2007);
    * novelty: 1 - the highest cosine to another item. Of two wordings of the same thing both are low, and
      the one with less meaning goes;
    * learnability, where whoever tunes has said it (items of which nothing is known get the middle).

    Worth halves every `half_life` items, so the bar does not rise for ever as under "all scores must rise",
    and new interests get in. A topic that is new always gets a place, because quotas give each topic one.

    Args:
        half_life: items after which a kept item's worth, and a topic's claim to places, has halved.
        similarity: cosine from which an item belongs to a topic, see `Topics`.
        topics: at most this share of the places are topics of their own.
    """

    name = "diverse"

    def __init__(self, *, half_life: float = 4096.0, similarity: float = 0.25, topics: float = 0.25) -> None:
        self._topics = Topics(similarity=similarity, half_life=half_life)
        self._half_life = half_life
        self._topic_share = topics

    def arrive(self, newcomer: Item, pool: Pool, *, seen: int) -> int:
        return self._topics.assign(newcomer.embedding, pool, limit=self._limit(pool))

    def displace(
        self, newcomer: Item, pool: Pool, *, topic: int, seen: int, rng: np.random.Generator
    ) -> Verdict:
        shares = self._topics.shares(pool, topic)
        excess = shares.counts / shares.quotas
        own = int(shares.labels.searchsorted(topic))
        # Quotas sum to the capacity and there is one item more, so where one topic has room another has not.
        had_room = shares.counts[own] <= shares.quotas[own]
        fullest = int(excess.argmax()) if had_room else own
        members = np.flatnonzero(pool.topics == shares.labels[fullest])
        worth = self._worth(pool, seen, newcomer)
        place = int(members[worth[:-1][members].argmin()]) if len(members) else -1
        share = (
            f"topic {int(shares.labels[fullest])} has {int(shares.counts[fullest])} turns with this one "
            if fullest == own
            else f"topic {topic} had room, while topic {int(shares.labels[fullest])} has "
            f"{int(shares.counts[fullest])} turns "
        ) + f"for a share of {shares.quotas[fullest]:.1f}"
        mine = f"meanings {newcomer.meanings:.2f} nats, worth {worth[-1]:.3f}"
        if fullest == own and (place < 0 or worth[-1] <= worth[place]):
            return Verdict(None, f"{share}, and it is worth least of them ({mine})")
        return Verdict(
            int(pool.ids[place]),
            f"{share}, and turn {int(pool.ids[place])} is worth least of them (meanings "
            f"{pool.meanings[place]:.2f} nats, {seen - int(pool.since[place])} turns old, worth "
            f"{worth[place]:.3f}; the newcomer: {mine})",
        )

    def standing(self, pool: Pool, *, seen: int) -> np.ndarray:
        """Worth, lowered where the topic exceeds its share."""
        if not len(pool):
            return np.zeros(0)
        shares = self._topics.shares(pool)
        excess = (shares.counts / shares.quotas)[shares.labels.searchsorted(pool.topics)]
        return self._worth(pool, seen) / np.maximum(1.0, excess)

    def memory(self) -> dict[str, Any]:
        return self._topics.memory()

    def recall(self, memory: Mapping[str, Any]) -> None:
        self._topics.recall(memory)

    def _worth(self, pool: Pool, seen: int, newcomer: Item | None = None) -> np.ndarray:
        """float64 [n], or [n + 1] with the newcomer last. What is novel is judged with the newcomer there."""
        novelty = 1.0 - pool.nearest()[0].astype(np.float64)
        meanings, learnability, since = pool.meanings, pool.learnability, pool.since
        if newcomer is not None:
            distance = 1.0 - (pool.vectors @ newcomer.embedding).astype(np.float64)
            novelty = np.append(np.minimum(novelty, distance), distance.min(initial=1.0))
            meanings = np.append(meanings, newcomer.meanings)
            known = np.nan if newcomer.learnability is None else newcomer.learnability
            learnability = np.append(learnability, known)
            since = np.append(since, seen)
        parts = [_share_below(meanings), _share_below(novelty)]
        if not np.isnan(learnability).all():
            parts.append(_share_below(learnability))
        return np.mean(parts, axis=0) * 0.5 ** ((seen - since) / self._half_life)

    def _limit(self, pool: Pool) -> int:
        return max(1, int(self._topic_share * pool.capacity))


def _share_below(values: np.ndarray) -> np.ndarray:
    """Share of the other values that each one exceeds, in [0, 1]; 0.5 for NaN."""
    known = np.sort(values[~np.isnan(values)])
    shares = known.searchsorted(values) / max(1, len(known) - 1)
    return np.where(np.isnan(values), 0.5, shares)
