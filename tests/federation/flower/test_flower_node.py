"""The device's node: what it does with whatever a coordinator sends, against a scripted one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from federation.flower.errors import Late, NotAccepted, Unreachable
from federation.flower.node import Consent, Node, Pace, RememberedId

ROUND = "query.assistant_round"


@dataclass
class Incoming:
    payload: bytes | None = b"request"
    kind: str = ROUND
    problem: str = ""


@dataclass
class Scripted:
    """A coordinator that hands out what it was given, and ends the run after the last of it."""

    script: list[Incoming | Exception | None]
    known: set[int] = field(default_factory=set)
    stop: threading.Event = field(default_factory=threading.Event)
    replies: list[bytes] = field(default_factory=list)
    refusals: int = 0
    activations: int = 0
    deactivations: int = 0
    heartbeats: list[int] = field(default_factory=list)
    late: bool = False

    def activate(self, interval_s: float) -> int:
        self.activations += 1
        self.known.add(7)
        return 7

    def heartbeat(self, node_id: int, interval_s: float) -> bool:
        self.heartbeats.append(node_id)
        return node_id in self.known

    def pull(self, node_id: int) -> Incoming | None:
        if not self.script:
            self.stop.set()
            return None
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def reply(self, node_id: int, incoming: Incoming, payload: bytes) -> None:
        if self.late:
            raise Late("over")
        self.replies.append(payload)

    def refuse(self, node_id: int, incoming: Incoming) -> None:
        self.refusals += 1

    def deactivate(self, node_id: int) -> None:
        self.deactivations += 1


class Owner:
    def __init__(self, *, connect: bool = True, send: bool = True) -> None:
        self.connect, self.send = connect, send
        self.seen: list[bytes] = []

    def may_connect(self) -> bool:
        return self.connect

    def may_send(self, payload: bytes) -> bool:
        self.seen.append(payload)
        return self.send


@pytest.fixture
def remembered(tmp_path: Path) -> RememberedId:
    return RememberedId(tmp_path / "node.id")


def run(
    fleet: Scripted,
    remembered: RememberedId,
    *,
    handler: Callable[[bytes], bytes | None] = bytes.upper,
    owner: Consent | None = None,
    pace: Pace | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> tuple[str, list[tuple[str, str]]]:
    """How the node ended, and what it told."""
    events: list[tuple[str, str]] = []
    node = Node(
        fleet,  # type: ignore[arg-type]  # its messages are doubles
        {ROUND: handler},
        owner or Owner(),
        remembered,
        pace=pace or Pace(first=0.0, longest=0.0),
        on_event=lambda what, why: events.append((what, why)),
        clock=clock,
    )
    return node.run(fleet.stop), events


def ticking(step: float) -> Callable[[], float]:
    moments = iter(range(10**6))
    return lambda: next(moments) * step


def test_a_request_is_answered_by_the_installed_handler(remembered: RememberedId) -> None:
    fleet = Scripted([Incoming(), None, Incoming(b"more")])
    end, events = run(fleet, remembered)
    assert fleet.replies == [b"REQUEST", b"MORE"]
    assert (end, fleet.activations, fleet.deactivations) == ("owner", 1, 1)
    assert [what for what, _ in events] == ["online", "answered", "answered", "offline"]


def test_anything_that_no_handler_is_installed_for_is_refused(remembered: RememberedId) -> None:
    calls: list[bytes] = []
    fleet = Scripted([Incoming(kind="train"), Incoming(kind="query.other"), Incoming(None, problem="odd")])
    run(fleet, remembered, handler=lambda payload: calls.append(payload) or b"")
    assert (fleet.refusals, fleet.replies, calls) == (3, [], [])


def test_the_owner_sees_the_very_bytes_before_they_leave(remembered: RememberedId) -> None:
    owner = Owner()
    fleet = Scripted([Incoming()])
    run(fleet, remembered, owner=owner)
    assert owner.seen == fleet.replies == [b"REQUEST"]


def test_without_consent_nothing_is_sent(remembered: RememberedId) -> None:
    fleet = Scripted([Incoming()])
    _, events = run(fleet, remembered, owner=Owner(send=False))
    assert (fleet.replies, fleet.refusals) == ([], 0)
    assert ("declined", "no consent") in events


def test_while_the_owner_pauses_the_coordinator_hears_nothing(remembered: RememberedId) -> None:
    fleet = Scripted([Incoming()])
    owner = Owner(connect=False)
    threading.Timer(0.1, fleet.stop.set).start()
    run(fleet, remembered, owner=owner, pace=Pace(first=0.01, longest=0.01))
    assert (fleet.activations, fleet.heartbeats, fleet.script) == (0, [], [Incoming()])


def test_a_handler_that_stays_silent_or_fails_does_not_end_the_node(remembered: RememberedId) -> None:
    def handler(payload: bytes) -> bytes | None:
        if payload == b"fail":
            raise ValueError("the text of a chat")
        return None if payload == b"silent" else b"answer"

    fleet = Scripted([Incoming(b"fail"), Incoming(b"silent"), Incoming(b"go")])
    _, events = run(fleet, remembered, handler=handler)
    assert fleet.replies == [b"answer"]
    # Only the kind of error and the line of code: its text could hold what it was about.
    assert any(why.startswith("ValueError in test_flower_node.py, line ") for _, why in events)
    assert "chat" not in str(events)


def test_a_late_answer_is_dropped(remembered: RememberedId) -> None:
    fleet = Scripted([Incoming(), Incoming()], late=True)
    end, events = run(fleet, remembered)
    assert end == "owner"
    assert [what for what, _ in events].count("late") == 2


def test_after_a_lost_connection_it_comes_back_under_its_id(remembered: RememberedId) -> None:
    fleet = Scripted([Unreachable("gone"), Unreachable("gone"), Incoming()])
    run(fleet, remembered)
    assert fleet.replies == [b"REQUEST"]
    assert (fleet.activations, fleet.heartbeats) == (1, [7, 7])


def test_a_new_process_comes_back_under_the_remembered_id(remembered: RememberedId) -> None:
    run(Scripted([]), remembered)
    fleet = Scripted([Incoming()], known={7})
    run(fleet, remembered)
    assert (fleet.activations, fleet.heartbeats) == (0, [7])


def test_a_coordinator_that_forgot_the_id_gives_another(remembered: RememberedId) -> None:
    remembered.set(3)
    fleet = Scripted([Incoming()])
    run(fleet, remembered)
    assert (fleet.activations, fleet.replies, remembered.get()) == (1, [b"REQUEST"], 7)


def test_it_ends_by_itself_when_nobody_is_there_for_too_long(remembered: RememberedId) -> None:
    fleet = Scripted([Unreachable("gone")] * 10_000)
    end, _ = run(fleet, remembered, pace=Pace(first=0.0, longest=0.0, give_up=100.0), clock=ticking(1.0))
    assert end == "unreachable"


def test_it_ends_by_itself_when_it_is_not_wanted(remembered: RememberedId) -> None:
    fleet = Scripted([NotAccepted("who?")] * 10_000)
    end, _ = run(fleet, remembered, pace=Pace(first=0.0, longest=0.0, lease=30.0), clock=ticking(1.0))
    assert end == "not accepted"


def test_waiting_grows_up_to_a_bound(remembered: RememberedId) -> None:
    class Stop(threading.Event):
        def __init__(self) -> None:
            super().__init__()
            self.waited: list[float] = []

        def wait(self, timeout: float | None = None) -> bool:
            self.waited.append(timeout or 0.0)
            return self.is_set()

    stop = Stop()
    fleet = Scripted([None] * 12 + [Incoming(), None], stop=stop)
    run(fleet, remembered, pace=Pace(first=1.0, growth=2.0, longest=10.0))
    assert stop.waited[:5] == [2.0, 4.0, 8.0, 10.0, 10.0]
    # A message means that more may follow.
    assert stop.waited[12:14] == [1.0, 2.0]
