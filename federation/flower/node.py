"""The device's side of a federation: ask for a round, have it worked on here, send what the owner allows.

It runs on one thread inside the assistant and starts no process. What comes in is bytes for a handler that
is already installed; anything else is refused with a fixed sentence. Knows no Flower.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Literal, Protocol

from federation.flower.errors import CarrierError, Late, Malformed, NotAccepted, Unreachable

Handler = Callable[[bytes], bytes | None]
# "owner" when asked to stop, "unreachable" and "not accepted" when there was no use in going on.
End = Literal["owner", "unreachable", "not accepted"]
Happening = Literal["online", "offline", "answered", "declined", "refused", "late", "failed"]


class Message(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def payload(self) -> bytes | None: ...
    @property
    def problem(self) -> str: ...


class Fleet(Protocol):
    """What a node needs of its coordinator; see `fleet_api.FleetApi`."""

    def activate(self, interval_s: float) -> int: ...
    def heartbeat(self, node_id: int, interval_s: float) -> bool: ...
    def pull(self, node_id: int) -> Message | None: ...
    def reply(self, node_id: int, incoming: Message, payload: bytes) -> None: ...
    def refuse(self, node_id: int, incoming: Message) -> None: ...
    def deactivate(self, node_id: int) -> None: ...


class Consent(Protocol):
    """The owner's word. Both are asked each time, so that a change counts at once."""

    def may_connect(self) -> bool:
        """Whether anything at all may be exchanged; while it is False the node is silent."""
        ...

    def may_send(self, payload: bytes) -> bool:
        """Whether exactly these bytes may leave. Called once for each answer, right before it is sent."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. Waiting grows from `first` by `growth` up to `longest`, and starts again after a message.

    `lease` is how often the node says that it is there; the coordinator counts it out after two of them, so
    it should be no shorter than a round. `give_up` ends the node after so long without any answer.
    """

    first: float = 0.2
    growth: float = 1.5
    longest: float = 20.0
    lease: float = 150.0
    give_up: float = 3600.0


class RememberedId:
    """The id that the coordinator gave this node, kept in a file so that a crash costs no lease."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self) -> int | None:
        try:
            return int(self._file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def set(self, node_id: int) -> None:
        self._file.write_text(str(node_id), encoding="ascii")
        self._file.chmod(0o600)


class Node:
    """Call `run` on a thread of its own."""

    def __init__(
        self,
        fleet: Fleet,
        handlers: Mapping[str, Handler],
        consent: Consent,
        remembered: RememberedId,
        *,
        pace: Pace | None = None,
        on_event: Callable[[Happening, str], None] = lambda what, why: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`handlers` by kind of message; one returns its answer, or None to stay silent."""
        self._fleet = fleet
        self._handlers = dict(handlers)
        self._consent = consent
        self._remembered = remembered
        self._pace = pace or Pace()
        self._tell = on_event
        self._clock = clock
        self._node_id: int | None = None
        self._renewed = 0.0

    def run(self, stop: Event) -> End:
        """Take part until `stop` is set, or until there is no use in it."""
        pause, heard = self._pace.first, self._clock()
        try:
            while not stop.is_set():
                try:
                    if not self._consent.may_connect():
                        self._leave()
                        heard, busy = self._clock(), False
                    else:
                        busy = self._once()
                        heard = self._clock()
                except NotAccepted as problem:
                    # An old lease may still live; it ends after two of its intervals.
                    self._offline(str(problem))
                    busy = False
                    if self._clock() - heard > min(self._pace.give_up, 2.5 * self._pace.lease):
                        return "not accepted"
                except (Unreachable, Malformed) as problem:
                    busy = False
                    self._offline(str(problem))
                    if self._clock() - heard > self._pace.give_up:
                        return "unreachable"
                pause = self._pace.first if busy else min(pause * self._pace.growth, self._pace.longest)
                stop.wait(pause)
            return "owner"
        finally:
            self._leave()

    def _once(self) -> bool:
        """One look at the coordinator; True when there was a message."""
        node_id = self._online()
        try:
            incoming = self._fleet.pull(node_id)
            if incoming is None:
                return False
            self._answer(node_id, incoming)
        except Late as problem:
            self._tell("late", str(problem))
        return True

    def _online(self) -> int:
        pace, moment = self._pace, self._clock()
        if self._node_id is None:
            known = self._remembered.get()
            if known is not None and self._resume(known):
                self._node_id = known
            else:
                self._node_id = self._fleet.activate(pace.lease)
                self._remembered.set(self._node_id)
            self._renewed = moment
            self._tell("online", "")
        elif moment - self._renewed > pace.lease / 2:
            if not self._fleet.heartbeat(self._node_id, pace.lease):
                raise NotAccepted("the coordinator does not know this node any more")
            self._renewed = moment
        return self._node_id

    def _resume(self, known: int) -> bool:
        try:
            return self._fleet.heartbeat(known, self._pace.lease)
        except NotAccepted:
            return False

    def _answer(self, node_id: int, incoming: Message) -> None:
        handler = self._handlers.get(incoming.kind)
        if handler is None or incoming.payload is None:
            self._tell("refused", incoming.problem or "a kind of message that is not installed here")
            self._fleet.refuse(node_id, incoming)
            return
        try:
            payload = handler(incoming.payload)
        except Exception as problem:  # a message must not be able to end the node
            self._tell("failed", _where(problem))
            return
        if payload is None:
            self._tell("declined", "nothing to send")
        elif not self._consent.may_send(payload):
            self._tell("declined", "no consent")
        else:
            self._fleet.reply(node_id, incoming, payload)
            self._tell("answered", "")

    def _offline(self, why: str) -> None:
        if self._node_id is not None:
            self._tell("offline", why)
        self._node_id = None

    def _leave(self) -> None:
        node_id, self._node_id = self._node_id, None
        if node_id is None:
            return
        try:
            self._fleet.deactivate(node_id)
        except CarrierError:
            pass  # the lease ends by itself
        self._tell("offline", "")


def _where(problem: Exception) -> str:
    """Which error in which line of code; never its text, which could hold what it was about."""
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{type(problem).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
