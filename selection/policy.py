"""Who makes room for whom when the buffer is full. Sees scores and embeddings; knows no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from selection.records import BufferItem


@dataclass(frozen=True, slots=True)
class Verdict:
    """`displaced` is the turn that goes, None if the newcomer is dropped; `reason` says why, with numbers."""

    displaced: int | None
    reason: str


class Policy(Protocol):
    """A rule for a full buffer. It sees every turn once, in order, and keeps no state of its own."""

    @property
    def name(self) -> str: ...

    def displace(
        self, newcomer: BufferItem, held: Sequence[BufferItem], *, seen: int, rng: np.random.Generator
    ) -> Verdict:
        """Decide about one newcomer.

        Args:
            held: the full buffer, ordered by turn number.
            seen: how many turns were considered before this one.
            rng: the only source of chance; made anew for each newcomer from the seed and `seen`.
        """
        ...


@dataclass(frozen=True, slots=True)
class AllThreeHigher:
    """The rule of Qin et al. (DAC'24): all three scores must rise, chance decides among several.

    Each replacement raises the bar, so acceptance falls with time; the paper offers nothing against that. A
    turn that is alone in its domain has the highest novelty there is and therefore stays.
    """

    @property
    def name(self) -> str:
        return "dac24"

    def displace(
        self, newcomer: BufferItem, held: Sequence[BufferItem], *, seen: int, rng: np.random.Generator
    ) -> Verdict:
        mine = newcomer.scores
        lower = [item for item in held if mine.exceeds(item.scores)]
        if not lower:
            counts = {
                "variety": sum(mine.eoe > item.scores.eoe for item in held),
                "topic words": sum(mine.dss > item.scores.dss for item in held),
                "novelty": sum(mine.idd > item.scores.idd for item in held),
            }
            beaten = ", ".join(f"{name} {count}" for name, count in counts.items())
            return Verdict(
                None,
                f"no kept turn is lower in all three scores ({mine.in_words()}); "
                f"of {len(held)} kept turns it is above in {beaten}",
            )
        loser = lower[int(rng.integers(len(lower)))]
        among = "the only kept turn" if len(lower) == 1 else f"drawn among {len(lower)} kept turns"
        return Verdict(
            loser.turn_id,
            f"all three scores ({mine.in_words()}) are above those of turn {loser.turn_id} "
            f"({loser.scores.in_words()}), {among} for which this holds",
        )
