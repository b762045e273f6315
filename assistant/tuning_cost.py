"""What the next run of learning will cost, told from the last one. Pure arithmetic on reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.store.records import Pair, Version

# Grows with what is learned; the other stages cost the same for one pair as for many.
_PER_PAIR = ("features", "tune", "gate", "lessons")
# Computed once per model and kept.
_ONCE = ("guards",)
_PER_NEW_PAIR = ("synthesise", "confirm")


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds by stage, scaled from the run that made `version_id`; `fresh` of the `pairs` are new."""

    version_id: str
    pairs: int
    fresh: int
    seconds: Mapping[str, float]

    @property
    def total_s(self) -> float:
        return sum(self.seconds.values())

    def sentence(self) -> str:
        """For the owner: about how long, and from what this is known."""
        total = self.total_s
        told = f"{total:.0f} s" if total < 90 else f"{total / 60:.0f} min"
        pairs = "1 pair" if self.pairs == 1 else f"{self.pairs} pairs"
        name = self.version_id
        return f"The next tuning learns {pairs} ({self.fresh} new): about {told}, as {name} took."


def estimate(versions: Sequence[Version], pairs: Sequence[Pair], method: str) -> Estimate | None:
    """The cost of learning `pairs` (all active ones), or None when no run with this method was measured."""
    for version in reversed(versions):
        seconds = version.report.get("seconds")
        if version.method == method and isinstance(seconds, Mapping) and version.pair_ids:
            fresh = len(new_pairs(versions, pairs))
            share = len(pairs) / len(version.pair_ids)
            before = _seen([other for other in versions if other.id < version.id])
            had_fresh = max(1, sum(1 for pair_id in version.pair_ids if pair_id not in before))
            return Estimate(
                version.id,
                len(pairs),
                fresh,
                {
                    stage: float(cost) * _factor(stage, share, fresh / had_fresh)
                    for stage, cost in seconds.items()
                },
            )
    return None


def new_pairs(versions: Sequence[Version], pairs: Sequence[Pair]) -> set[int]:
    """Those of the pairs that no version was trained on, whatever came of it."""
    return {pair.id for pair in pairs} - _seen(versions)


def _seen(versions: Sequence[Version]) -> set[int]:
    return {pair_id for version in versions for pair_id in version.pair_ids}


def _factor(stage: str, share: float, fresh_share: float) -> float:
    if stage in _ONCE:
        return 0.0
    if stage in _PER_NEW_PAIR:
        return fresh_share
    return share if stage in _PER_PAIR else 1.0
