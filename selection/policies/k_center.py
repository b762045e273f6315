"""Points that cover the stream: a greedy streaming k-center over the embeddings."""

from __future__ import annotations

import numpy as np

from selection.policies.base import Policy, Verdict
from selection.pool import Pool
from selection.records import Item

# Cosines of float32 vectors closer than this are equal; a repeated text must not look like a new pair.
_ROUNDING = 1e-6


class KCenter(Policy):
    """Of the k kept points and the newcomer, the two closest become one.

    This is the incremental rule called center-greedy in Charikar, Chekuri, Feder, Motwani: "Incremental
    clustering and dynamic information retrieval" (STOC 1997), with cosine distance and the merged pair
    represented by one of its points. If the newcomer is in the closest pair, it is dropped; else the point of
    the pair whose next neighbour is nearer goes. Unlike the doubling algorithm of the same paper it has no
    constant factor guarantee, but it keeps all k places filled: distances between sentence embeddings are so
    much alike that a doubled radius covers nearly everything with a handful of points.
    """

    name = "k-center"

    def displace(
        self, newcomer: Item, pool: Pool, *, topic: int, seen: int, rng: np.random.Generator
    ) -> Verdict:
        to_newcomer = float((pool.vectors @ newcomer.embedding).max())
        cosines, places = pool.nearest()
        first = int(cosines.argmax())
        closest = float(cosines[first])
        if len(pool) < 2 or to_newcomer >= closest - _ROUNDING:
            return Verdict(
                None,
                f"a kept turn is as close to it (cosine {to_newcomer:.3f}) as any two kept turns are to each "
                f"other ({closest:.3f})",
            )
        second = int(places[first])
        place = first if self._next(pool, first, second) > self._next(pool, second, first) else second
        stays = second if place == first else first
        return Verdict(
            int(pool.ids[place]),
            f"turns {int(pool.ids[place])} and {int(pool.ids[stays])} are closest to each other (cosine "
            f"{closest:.3f}), while the newcomer is no closer than {to_newcomer:.3f} to any",
        )

    def standing(self, pool: Pool, *, seen: int) -> np.ndarray:
        """Distance to the nearest other point."""
        return 1.0 - pool.nearest()[0].astype(np.float64)

    def _next(self, pool: Pool, place: int, without: int) -> float:
        """Cosine of a point to its nearest other one, leaving one out."""
        cosines = pool.vectors @ pool.vectors[place]
        cosines[[place, without]] = -np.inf
        return float(cosines.max())
