"""When the owner may be asked about a reply. Pure: no screen, no database, and the clock is passed in.

A question is put only at a pause: a reply is finished, nothing is half typed, and no key was pressed for
`pause_s` seconds; never in a private chat. What may be asked is bounded per session of the program and per
calendar day of the owner.

The rate halves with every second dismissal in a row, down to an eighth, and is whole again with the first
question that is answered (fine, bad or corrected), also in the review. "Never about this" and a question that
was only ignored change nothing. At rate 1/n the budget of one session covers n sessions, and that of
one day n days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from assistant.annotation.value import Candidate, Ranked, rank

HALVE_AFTER = 2
LOWEST_RATE = 1 / 8
ANSWERED = ("fine", "bad", "corrected")


@dataclass(frozen=True, slots=True)
class Budget:
    """What the owner allows. Zero questions per session or per day is none at all."""

    per_session: int = 1
    per_day: int = 3
    pause_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Moment:
    """How things stand on the screen. `is_private`: not saved, or not to be learned from."""

    idle_s: float
    is_private: bool
    is_busy: bool
    is_typing: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the past, put at an aware `moment` in a `session`; None where the owner came to judge."""

    moment: datetime
    session: int | None
    outcome: str


class AskPolicy:
    """Decides whether a question may be put now, and about which reply."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget

    @property
    def is_on(self) -> bool:
        """Whether the owner wants to be asked at all."""
        return self.budget.per_session > 0 and self.budget.per_day > 0

    def is_pause(self, moment: Moment) -> bool:
        """Whether a question would neither interrupt nor intrude."""
        if not self.is_on or moment.is_private or moment.is_busy or moment.is_typing:
            return False
        return moment.idle_s >= self.budget.pause_s

    def left_today(self, past: Sequence[Asked], now: datetime) -> int:
        """Questions that may still be put until midnight; `now` is aware, in the owner's time zone."""
        if not self.is_on:
            return 0
        first_day = now.date() - timedelta(days=_span(past) - 1)
        # A moment in the future (the clock was set back) counts as well: rather too few than too many.
        put = sum(asked.moment.astimezone(now.tzinfo).date() >= first_day for asked in past if asked.session)
        return max(0, self.budget.per_day - put)

    def left_in_session(self, past: Sequence[Asked], session: int) -> int:
        """Questions that may still be put in this session, whose number is the highest so far."""
        first_session = session - _span(past) + 1
        put = sum(asked.session >= first_session for asked in past if asked.session)
        return max(0, self.budget.per_session - put)

    def may_ask(self, moment: Moment, past: Sequence[Asked], *, now: datetime, session: int) -> bool:
        """Whether this is the moment, and within the budget; `past` is oldest first."""
        if not self.is_pause(moment):
            return False
        return self.left_today(past, now) > 0 and self.left_in_session(past, session) > 0

    def choose(self, candidates: Sequence[Candidate], judged: Sequence[np.ndarray]) -> Ranked | None:
        """The reply most worth asking about, or None when no judgement would teach anything new."""
        return next(iter(rank(candidates, judged, limit=1)), None)


def current_rate(past: Sequence[Asked]) -> float:
    """How often to ask compared with the budget, after these outcomes, oldest first."""
    rate, in_a_row = 1.0, 0
    for asked in past:
        if asked.outcome in ANSWERED:
            rate, in_a_row = 1.0, 0
        elif asked.outcome == "dismissed":
            in_a_row += 1
            if in_a_row % HALVE_AFTER == 0:
                rate = max(LOWEST_RATE, rate / 2)
    return rate


def _span(past: Sequence[Asked]) -> int:
    """How many days or sessions share one budget."""
    return round(1 / current_rate(past))
