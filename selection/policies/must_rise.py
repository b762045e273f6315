"""The rule of Qin et al. (DAC'24, arXiv 2311.12275) and its variants with a single score."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from selection.policies.base import Policy, Verdict
from selection.pool import Pool
from selection.records import Item, Scores

_LABELS = {"eoe": "variety", "dss": "topic words", "idd": "novelty"}


class MustRise(Policy):
    """A newcomer takes the place of a kept item only if each of `metrics` is strictly higher.

    If several kept items qualify, chance decides among them (section 3.2 of the paper). The dissimilarity of
    kept items is always to the present members of their domain. Each replacement raises the bar, so
    acceptance falls with time; the paper offers nothing against that. A turn that is alone in its
    domain has the highest novelty there is and therefore stays.
    """

    metrics: ClassVar[tuple[str, ...]]

    def displace(
        self, newcomer: Item, pool: Pool, *, topic: int, seen: int, rng: np.random.Generator
    ) -> Verdict:
        mine = self._mine(newcomer, pool)
        theirs = self._theirs(pool)
        above = [mine[metric] > theirs[metric] for metric in self.metrics]
        lower = np.flatnonzero(np.logical_and.reduce(above))
        if not len(lower):
            beaten = ", ".join(
                f"{_LABELS[metric]} {int(each.sum())}"
                for metric, each in zip(self.metrics, above, strict=True)
            )
            return Verdict(
                None,
                f"no kept turn is lower in {self._which()} ({self._in_words(mine)}); "
                f"of {len(pool)} kept turns it is above in {beaten}",
            )
        place = int(lower[rng.integers(len(lower))])
        among = "the only kept turn" if len(lower) == 1 else f"drawn among {len(lower)} kept turns"
        verb = "are above those" if len(self.metrics) > 1 else "is above that"
        loser = {metric: float(values[place]) for metric, values in theirs.items()}
        return Verdict(
            int(pool.ids[place]),
            f"{self._which()} ({self._in_words(mine)}) {verb} of turn {int(pool.ids[place])} "
            f"({self._in_words(loser)}), {among} for which this holds",
        )

    def standing(self, pool: Pool, *, seen: int) -> np.ndarray:
        """Minus the number of kept items that are higher in every metric."""
        theirs = self._theirs(pool)
        above = np.zeros(len(pool))
        for place in range(len(pool)):
            higher = [values > values[place] for values in theirs.values()]
            above[place] = np.logical_and.reduce(higher).sum()
        return -above

    def _mine(self, newcomer: Item, pool: Pool) -> dict[str, float]:
        values = {"eoe": newcomer.eoe, "dss": newcomer.dss}
        if "idd" in self.metrics:
            values["idd"] = pool.idd_of(newcomer)
        return {metric: values[metric] for metric in self.metrics}

    def _theirs(self, pool: Pool) -> dict[str, np.ndarray]:
        columns = {"eoe": lambda: pool.eoe, "dss": lambda: pool.dss, "idd": pool.idd}
        return {metric: columns[metric]() for metric in self.metrics}

    def _which(self) -> str:
        return "all three scores" if len(self.metrics) == 3 else _LABELS[self.metrics[0]]

    def _in_words(self, values: dict[str, float]) -> str:
        if len(values) == 3:
            return Scores(**values).in_words()
        return ", ".join(f"{_LABELS[metric]} {value:.4f}" for metric, value in values.items())


class Dac24(MustRise):
    """All three scores must rise: entropy of embedding, domain specific score, in-domain dissimilarity."""

    name = "dac24"
    metrics = ("eoe", "dss", "idd")


class EntropyOnly(MustRise):
    """Only the entropy of embedding must rise (Table 4 of the paper, column EOE)."""

    name = "eoe"
    metrics = ("eoe",)


class DomainScoreOnly(MustRise):
    """Only the domain specific score must rise (Table 4 of the paper, column DSS)."""

    name = "dss"
    metrics = ("dss",)


class DissimilarityOnly(MustRise):
    """Only the in-domain dissimilarity must rise (Table 4 of the paper, column IDD)."""

    name = "idd"
    metrics = ("idd",)
