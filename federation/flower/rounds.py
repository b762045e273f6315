"""The coordinator's rounds: ask everybody who is there, wait for a quorum, close, tell the result.

Knows neither Flower nor what a round computes: an `Exchange` carries payloads, a `Steward` makes and reads
them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from federation.flower.errors import CarrierError


class Exchange(Protocol):
    """How payloads get to nodes and back. All methods may raise CarrierError."""

    def nodes(self) -> Collection[int]:
        """Who is there now."""
        ...

    def send(self, node: int, payload: bytes, ttl_s: float) -> None: ...

    def receive(self) -> list[tuple[int, bytes | None]]:
        """What has come back since; None where a node refused."""
        ...

    def forget(self) -> None:
        """Whatever has not come back is not waited for any more; late answers are dropped."""
        ...


class Steward(Protocol):
    """What a round is about. A round that was closed survives any crash after `close` has returned."""

    @property
    def head(self) -> bytes:
        """Names the state that everybody should reach: the hash of the last record."""
        ...

    @property
    def finished(self) -> int:
        """How many rounds were closed so far."""
        ...

    def open(self, deadline: int) -> None:
        """Begin the next round, or again the one that was given up; `deadline` in seconds since 1970."""
        ...

    def payload(self, head: bytes | None) -> bytes:
        """For a node at `head` (None: unknown): what it missed, and the request if a round is open."""
        ...

    def take(self, payload: bytes) -> tuple[bytes, bool]:
        """Read an answer: the node's head, and whether its report counts. Raises CarrierError."""
        ...

    def close(self) -> bool:
        """End the round; True when it made a record, False when it has to be asked again."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """When a round ends. Seconds.

    A round opens when `quorum` nodes are there. It closes when all who were asked have answered, `grace`
    after the quorum was reached, or at `deadline`; with fewer reports than the quorum it is asked again.
    `pause` is between rounds. `rounds` is how many are wanted in all. `sample` nodes are asked per round,
    drawn anew each time; 0 asks all. With `hold` a state is measured again while devices disagree about it.
    """

    rounds: int
    quorum: int = 2
    deadline: float = 120.0
    grace: float = 20.0
    pause: float = 1.0
    poll: float = 0.1
    longest_poll: float = 1.0
    sample: int = 0
    hold: bool = False


# A node that is behind is told what it missed at most so often in one round.
_CATCH_UPS = 64


class Rounds:
    """Call `step` again and again; each call looks at what came in, and never waits."""

    def __init__(
        self,
        exchange: Exchange,
        steward: Steward,
        rule: Rule,
        rng: np.random.Generator,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._exchange = exchange
        self._steward = steward
        self._rule = rule
        self._rng = rng
        self._clock = clock
        self._now = now
        # Where each node said that it stands.
        self.heads: dict[int, bytes] = {}
        self._asked: dict[int, int] = {}
        self._settled: set[int] = set()
        self._reports = 0
        self._opened: float | None = None
        self._reached: float | None = None
        self._not_before = 0.0
        self._told: tuple[bytes, set[int]] = (b"", set())

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    @property
    def is_done(self) -> bool:
        return self._steward.finished >= self._rule.rounds

    def step(self) -> bool:
        """One look; True when something happened. Raises CarrierError."""
        nodes = set(self._exchange.nodes())
        happened = self._read()
        if self._opened is None:
            return self._between(nodes) or happened
        if not self._rule.sample:
            self._ask(nodes - self._asked.keys())
        moment = self._clock()
        if self._reports >= self._rule.quorum and self._reached is None:
            self._reached = moment
        everybody = self._settled >= self._asked.keys() and self._reached is not None
        graced = self._reached is not None and moment - self._reached >= self._rule.grace
        if everybody or graced or moment - self._opened >= self._rule.deadline:
            self._close()
            return True
        return happened

    def _between(self, nodes: set[int]) -> bool:
        """No round is open: begin one, or tell those who are behind."""
        if not self.is_done and len(nodes) >= self._rule.quorum and self._clock() >= self._not_before:
            self._opened, self._reached, self._reports = self._clock(), None, 0
            self._asked, self._settled = {}, set()
            self._exchange.forget()
            self._steward.open(int(self._now() + self._rule.deadline))
            self._ask(self._drawn(nodes))
            return True
        head, told = self._told
        if head != self._steward.head:
            head, told = self._told = (self._steward.head, set())
        # While rounds go on, the next request brings what was missed.
        behind = {node for node in nodes - told if self.heads.get(node) != head}
        if not behind or not (self.is_done or len(nodes) < self._rule.quorum):
            return False
        for node in behind:
            told.add(node)
            self._send(node)
        return True

    def _drawn(self, nodes: set[int]) -> list[int]:
        """Who is asked in this round; never fewer than the quorum."""
        wanted = max(self._rule.sample, self._rule.quorum)
        if not self._rule.sample or wanted >= len(nodes):
            return sorted(nodes)
        chosen = self._rng.choice(len(nodes), wanted, replace=False)
        ordered = sorted(nodes)
        return [ordered[place] for place in chosen]

    def _ask(self, nodes: Collection[int]) -> None:
        for node in sorted(nodes):
            self._asked[node] = 0
            self._send(node)

    def _send(self, node: int) -> None:
        self._exchange.send(node, self._steward.payload(self.heads.get(node)), self._rule.deadline)

    def _read(self) -> bool:
        answers = self._exchange.receive()
        for node, payload in answers:
            if payload is None:
                self._settled.add(node)
                continue
            try:
                head, counts = self._steward.take(payload)
            except CarrierError:
                self._settled.add(node)
                continue
            self.heads[node] = head
            if counts:
                self._reports += 1
                self._settled.add(node)
            elif head == self._steward.head:
                self._settled.add(node)
            elif self._asked.get(node, 0) < _CATCH_UPS:
                self._asked[node] = self._asked.get(node, 0) + 1
                self._send(node)
            else:
                self._settled.add(node)
        return bool(answers)

    def _close(self) -> None:
        enough = self._reports >= self._rule.quorum
        self._exchange.forget()
        made = self._steward.close() if enough else False
        self._opened = None
        self._asked = {}
        self._not_before = self._clock() + (self._rule.pause if made else 2 * self._rule.pause)


def serve(
    rounds: Rounds,
    rule: Rule,
    *,
    stopped: Callable[[], bool],
    wait: Callable[[float], None] = time.sleep,
    on_step: Callable[[], None] = lambda: None,
) -> None:
    """Run rounds until `stopped`; after the last one, go on bringing newcomers to its state."""
    pause = rule.poll
    while not stopped():
        happened = rounds.step()
        on_step()
        pause = rule.poll if happened else min(pause * 1.3, rule.longest_poll)
        wait(pause)
