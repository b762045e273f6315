"""Rounds of a coordinator: quorum, deadline, late and missing answers, newcomers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from federation.flower.errors import Malformed
from federation.flower.rounds import Rounds, Rule

START = b"0"


@dataclass
class Post:
    """Delivers at once; `here` says who is there."""

    here: set[int] = field(default_factory=set)
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    answers: list[tuple[int, bytes | None]] = field(default_factory=list)
    forgotten: int = 0

    def nodes(self) -> set[int]:
        return set(self.here)

    def send(self, node: int, payload: bytes, ttl_s: float) -> None:
        self.sent.append((node, payload))

    def receive(self) -> list[tuple[int, bytes | None]]:
        answers, self.answers = self.answers, []
        return answers

    def forget(self) -> None:
        self.answers = []
        self.forgotten += 1

    def take_sent(self) -> list[tuple[int, bytes]]:
        sent, self.sent = self.sent, []
        return sent


@dataclass
class Counting:
    """A state that is the number of the last round; an answer is "head" or "head!" with a report."""

    finished: int = 0
    reports: int = 0
    opened: int = 0

    @property
    def head(self) -> bytes:
        return str(self.finished).encode()

    def open(self, deadline: int) -> None:
        self.opened += 1
        self.reports = 0

    def payload(self, head: bytes | None) -> bytes:
        return b"from " + (head or b"?") + b" to " + self.head

    def take(self, payload: bytes) -> tuple[bytes, bool]:
        if payload == b"junk":
            raise Malformed("junk")
        head = payload.rstrip(b"!")
        counts = payload.endswith(b"!") and head == self.head
        self.reports += counts
        return head, counts

    def close(self) -> bool:
        self.finished += 1
        return True


class Clock:
    moment = 0.0

    def __call__(self) -> float:
        return self.moment


@pytest.fixture
def post() -> Post:
    return Post({1, 2, 3})


@pytest.fixture
def clock() -> Clock:
    return Clock()


def begin(post: Post, clock: Clock, **rule: float) -> tuple[Rounds, Counting]:
    """Rounds of which the first is open, and everybody was asked."""
    steward = Counting()
    options = {"rounds": 2, "quorum": 2, "deadline": 100.0, "grace": 10.0, "pause": 0.0, **rule}
    rng = np.random.Generator(np.random.Philox(1))
    rounds = Rounds(post, steward, Rule(**options), rng, clock=clock, now=lambda: 1000.0)  # type: ignore[arg-type]
    rounds.step()
    return rounds, steward


def test_a_round_begins_when_a_quorum_is_there(post: Post, clock: Clock) -> None:
    post.here = {1}
    rounds, steward = begin(post, clock)
    assert not rounds.is_open
    post.here = {1, 2}
    rounds.step()
    assert rounds.is_open
    assert {node for node, _ in post.take_sent()} == {1, 2}
    assert steward.opened == 1


def test_it_closes_when_all_have_answered(post: Post, clock: Clock) -> None:
    rounds, steward = begin(post, clock)
    post.answers = [(1, b"0!"), (2, b"0!"), (3, b"0!")]
    rounds.step()
    assert (steward.finished, steward.reports) == (1, 3)


def test_it_waits_for_the_others_a_little_after_the_quorum(post: Post, clock: Clock) -> None:
    rounds, steward = begin(post, clock)
    post.answers = [(1, b"0!"), (2, b"0!")]
    rounds.step()
    assert steward.finished == 0
    clock.moment = 10.0
    rounds.step()
    assert (steward.finished, steward.reports) == (1, 2)


def test_without_a_quorum_at_the_deadline_it_is_asked_again(post: Post, clock: Clock) -> None:
    rounds, steward = begin(post, clock)
    post.answers = [(1, b"0!")]
    rounds.step()
    clock.moment = 100.0
    rounds.step()
    assert (steward.finished, rounds.is_open) == (0, False)
    post.take_sent()
    rounds.step()
    assert (steward.opened, rounds.is_open) == (2, True)
    assert len(post.take_sent()) == 3


def test_what_comes_after_the_round_is_dropped(post: Post, clock: Clock) -> None:
    rounds, steward = begin(post, clock)
    post.answers = [(1, b"0!"), (2, b"0!")]
    rounds.step()
    clock.moment = 10.0
    post.answers = []
    rounds.step()
    post.answers = [(3, b"0!")]
    forgotten = post.forgotten
    rounds.step()
    assert post.forgotten > forgotten
    assert (steward.finished, steward.reports) == (1, 0)


def test_refusals_and_junk_count_as_answered_but_not_for_the_quorum(post: Post, clock: Clock) -> None:
    rounds, steward = begin(post, clock)
    post.answers = [(1, b"junk"), (2, None), (3, b"0!")]
    rounds.step()
    assert steward.finished == 0
    clock.moment = 100.0
    rounds.step()
    assert steward.finished == 0


def test_who_comes_while_a_round_is_open_is_asked_too(post: Post, clock: Clock) -> None:
    rounds, _ = begin(post, clock)
    post.take_sent()
    post.here.add(4)
    rounds.step()
    assert [node for node, _ in post.take_sent()] == [4]


def test_who_is_behind_is_told_what_it_missed(post: Post, clock: Clock) -> None:
    rounds, steward = begin(post, clock)
    post.answers = [(1, b"0!"), (2, b"0!"), (3, b"0!")]
    rounds.step()
    rounds.step()
    post.take_sent()
    post.answers = [(3, b"0")]
    rounds.step()
    assert post.take_sent() == [(3, b"from 0 to 1")]
    post.answers = [(1, b"1!"), (2, b"1!"), (3, b"1!")]
    rounds.step()
    assert steward.finished == 2


def test_after_the_last_round_everybody_is_brought_to_its_state(post: Post, clock: Clock) -> None:
    rounds, _ = begin(post, clock, rounds=1)
    post.answers = [(1, b"0!"), (2, b"0!"), (3, b"0!")]
    rounds.step()
    post.take_sent()
    assert rounds.is_done
    rounds.step()
    assert post.take_sent() == [(node, b"from 0 to 1") for node in (1, 2, 3)]
    post.answers = [(1, b"1"), (2, b"1"), (3, b"1")]
    rounds.step()
    post.here.add(4)
    rounds.step()
    assert post.take_sent() == [(4, b"from ? to 1")]
    assert not rounds.step()


def test_a_sample_of_many_is_asked_and_another_one_each_time(post: Post, clock: Clock) -> None:
    post.here = set(range(100))
    rounds, _ = begin(post, clock, sample=8, rounds=3)
    first = {node for node, _ in post.take_sent()}
    assert len(first) == 8
    rounds.step()
    assert post.take_sent() == []
    post.answers = [(node, b"0!") for node in first]
    rounds.step()
    rounds.step()
    second = {node for node, _ in post.take_sent()}
    assert len(second) == 8
    assert second != first
