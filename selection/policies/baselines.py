"""What any selection must beat: chance, and the latest."""

from __future__ import annotations

import numpy as np

from selection.policies.base import Policy, Verdict
from selection.pool import Pool
from selection.records import Item


class Reservoir(Policy):
    """Each item of the stream is kept with the same probability (Vitter 1985, Algorithm R).

    The i-th item draws one of i places and is dropped if that place is outside the pool. Places that became
    free because a turn was taken out are given to whoever comes next.
    """

    name = "random"

    def displace(
        self, newcomer: Item, pool: Pool, *, topic: int, seen: int, rng: np.random.Generator
    ) -> Verdict:
        place = int(rng.integers(seen))
        if place >= len(pool):
            return Verdict(None, f"it drew place {place + 1} of {seen}, and there are {len(pool)}")
        return Verdict(int(pool.ids[place]), f"it drew place {place + 1} of {seen}")

    def standing(self, pool: Pool, *, seen: int) -> np.ndarray:
        return np.zeros(len(pool))


class Fifo(Policy):
    """The latest items are kept; the one that was kept first goes."""

    name = "fifo"

    def displace(
        self, newcomer: Item, pool: Pool, *, topic: int, seen: int, rng: np.random.Generator
    ) -> Verdict:
        # argmin takes the first of equals, which is the lowest turn number.
        place = int(pool.since.argmin())
        return Verdict(int(pool.ids[place]), f"of {len(pool)} kept turns it is the one that was kept first")

    def standing(self, pool: Pool, *, seen: int) -> np.ndarray:
        return pool.since.astype(np.float64)
