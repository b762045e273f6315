"""What a policy is: the rule for who makes room for whom. Sees numbers; knows no text and no database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from selection.pool import Pool
from selection.records import NO_TOPIC, Item


@dataclass(frozen=True, slots=True)
class Verdict:
    """`displaced` is the turn that goes, None if the newcomer is dropped; `reason` says why, with numbers."""

    displaced: int | None
    reason: str


class Policy(ABC):
    """A rule for a stream that passes once. It sees every item once, in order, and never a text.

    What it remembers beyond the pool is bounded by the pool's capacity, holds numbers only, and comes back
    through `memory` and `recall`; anything else it keeps must follow from the pool.
    """

    name: ClassVar[str]

    def arrive(self, newcomer: Item, pool: Pool, *, seen: int) -> int:
        """Called once for each item before anything is decided; returns its topic.

        Args:
            seen: how many items were considered, this one included.
        """
        return NO_TOPIC

    @abstractmethod
    def displace(
        self, newcomer: Item, pool: Pool, *, topic: int, seen: int, rng: np.random.Generator
    ) -> Verdict:
        """Decide about an item when the pool is full.

        Args:
            topic: what `arrive` returned for it.
            rng: the only source of chance, the same for the same seed and `seen`.
        """

    @abstractmethod
    def standing(self, pool: Pool, *, seen: int) -> np.ndarray:
        """How firmly each held item has its place, float64 [n]; only the order counts, the lowest goes first.

        `displace` may decide otherwise for a newcomer of which this knows nothing.
        """

    def memory(self) -> dict[str, Any]:
        """What must outlive a restart, as JSON numbers, lists and objects."""
        return {}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Go on with what `memory` gave; an empty one means from the start."""
        return None
