"""What a device's owner allows to be told in all, and what rounds have used of it.

Every round a device took part in counts in full, as if the whole world knew that it did: sampling
amplification holds only against people who don't know, and the coordinator knows. The cost of a round is
fixed by its task before any data is read, so adding up Rényi costs is sound and the last round is refused
rather than cut short (a privacy filter; Lécuyer 2021, arXiv 2103.01379). Charging comes before sending: a
crash in between wastes budget and never overspends it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from federation.journal import Journal, Record
from federation.privacy.accountant import ORDERS, Gaussian, Mechanism, Skellam, epsilon, round_cost
from federation.privacy.errors import BudgetSpent, FileDamaged


class PrivacyBudget:
    """At most (`limit`, `delta`) over everything this device ever sent, in all tasks together.

    Kept in a journal, one line a round, so that a new release with a better account can recount it. Reading
    raises FileDamaged if the file is not one of these; nothing may be sent then.
    """

    def __init__(self, path: Path, *, limit: float, delta: float = 1e-5) -> None:
        if not limit > 0.0 or not 0.0 < delta < 1.0:
            raise ValueError("a budget needs a positive epsilon and a delta between 0 and 1")
        self.limit, self.delta = limit, delta
        self._journal = Journal(path)

    def spent(self) -> float:
        """ε used so far."""
        return epsilon(self._cost()[0], self.delta)

    def after(self, mechanism: Mechanism) -> float:
        """ε used if one more round is taken part in."""
        return epsilon(self._cost()[0] + round_cost(mechanism), self.delta)

    def rounds_left(self, mechanism: Mechanism) -> int:
        """How many rounds of this cost still fit."""
        cost, each = self._cost()[0], round_cost(mechanism)
        if not np.isfinite(each).any():
            return 0
        rounds = 0
        step = 1
        while epsilon(cost + (rounds + step) * each, self.delta) <= self.limit:
            rounds, step = rounds + step, 2 * step
        while step >= 1:
            if epsilon(cost + (rounds + step) * each, self.delta) <= self.limit:
                rounds += step
            step //= 2
        return rounds

    def charge(self, task: str, round_number: int, mechanism: Gaussian | Skellam) -> bool:
        """Put one round on the account; on the disk when this returns.

        False if that round was charged before: then only the very bytes made for it may be sent again,
        because fresh noise would be a second release. Raises BudgetSpent if the round does not fit; nothing
        is charged.
        """
        charged = True

        def build(_last: Record | None, _torn: bytes) -> list[Record]:
            nonlocal charged
            cost, known = self._cost()
            if (task, round_number) in known:
                charged = False
                return []
            total = epsilon(cost + round_cost(mechanism), self.delta)
            if total > self.limit:
                raise BudgetSpent(
                    f"round {round_number} would bring epsilon to {total:.2f}, and {self.limit:g} is allowed"
                )
            return [{"task": task, "round": round_number, **_written(mechanism)}]

        self._journal.append(build)
        return charged

    def _cost(self) -> tuple[np.ndarray, set[tuple[str, int]]]:
        cost, known = np.zeros(len(ORDERS)), set()
        same: dict[Mechanism, int] = {}
        try:
            for record in self._journal.records():
                mechanism = _read(record)
                same[mechanism] = same.get(mechanism, 0) + 1
                known.add((str(record["task"]), int(record["round"])))
        except (ValueError, KeyError, TypeError) as error:
            raise FileDamaged("the account of privacy spent cannot be read, so nothing is sent") from error
        for mechanism, times in same.items():
            cost += times * round_cost(mechanism)
        return cost, known


def _written(mechanism: Gaussian | Skellam) -> Record:
    if isinstance(mechanism, Gaussian):
        return {"noise": "gaussian", "multiplier": mechanism.multiplier}
    return {"noise": "skellam", "variance": mechanism.variance, "l1": mechanism.l1, "l2": mechanism.l2}


def _read(record: Record) -> Mechanism:
    if record["noise"] == "gaussian":
        return Gaussian(float(record["multiplier"]))
    if record["noise"] == "skellam":
        return Skellam(float(record["variance"]), float(record["l1"]), float(record["l2"]))
    raise ValueError("unknown noise")
