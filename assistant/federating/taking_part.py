"""A device's part in a federation while the assistant runs: one thread, nothing without consent."""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from assistant.engine.engine import Engine
from assistant.errors import AssistantError
from assistant.federating.measuring import OwnersPairs, Shareable
from assistant.federating.shared_version import SharedVersion
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store
from assistant.versions import VersionControl
from federation.consent import Verdict
from federation.device import Device, Noise
from federation.flower.certificates import load_key, write_private
from federation.flower.gate import Gate, answered
from federation.flower.membership import Membership
from federation.flower.node import Happening, Node, Pace
from federation.flower.participant import Participant
from federation.privacy.budget import PrivacyBudget
from federation.privacy.errors import PrivacyError
from federation.privacy.noise import Grid, NoisePlan, secret_generator
from federation.refusal import Reason, Refused
from federation.task import Task
from federation.wire import RoundRecord

if TYPE_CHECKING:
    from federation.flower.flower_api import FleetApi

_log = logging.getLogger(__name__)

Ask = Callable[[bytes, Verdict], bool]
OnEvent = Callable[[Happening, str], None]


class TakingPart:
    """Call `run` on a thread of its own, or `start`; then `close`."""

    def __init__(
        self,
        member: Membership,
        store: Store,
        engine: Engine,
        settings: Settings,
        paths: Paths,
        *,
        shareable: Shareable,
        ask: Ask = lambda report, verdict: False,
        on_event: OnEvent = lambda what, why: None,
        pace: Pace | None = None,
        pending: Pending | None = None,
    ) -> None:
        """`pending` is where a screen finds what `ask` waits for.

        Raises FederationError and Refused when the federation can't be followed on this device.
        """
        self._member = member
        self._on_event = on_event
        self._pace = pace
        self.pending = pending
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.ended = ""
        signed = member.signed_task()
        self.task = signed.task
        self.log = member.log()
        signer = member.signer()
        self.pairs = OwnersPairs(store, engine, settings, paths, self.task, shareable, signer.device_id)
        self._private = Private(self.task, member)
        self.device = Device(
            signed,
            self.log,
            signer,
            self._measured,
            noise=self._private.noise,
            spend=self.pairs.spend,
            answered=answered(member.ledger(), self.task.id.hex()),
        )
        self.gate = Gate(
            member.consent(), member.ledger(), self.log, epsilon_after=self._private.epsilon_after, ask=ask
        )
        self._shared = SharedVersion(
            store, paths, VersionControl(store, engine, paths), self.pairs.weights.architecture
        )
        self.participant = Participant(self.log, self.device, on_round=self._advance)

    def start(self) -> None:
        """Take part in the background."""
        self._thread = threading.Thread(target=self._go, name="federation", daemon=True)
        self._thread.start()

    def run(self) -> str:
        """Take part until `close`; returns why it ended. Never raises: a chat must not suffer."""
        fleet: FleetApi | None = None
        try:
            from federation.flower import envelope, flower_api

            if self.log.next_round:
                self._advance()
            fleet = flower_api.FleetApi(
                self._member.address, self._member.authority, load_key(self._member.node_key)
            )
            node = Node(
                fleet,  # type: ignore[arg-type]  # its messages are of a narrower kind
                {envelope.ROUND: self.participant.handle},
                self.gate,
                self._member.remembered(),
                pace=self._pace,
                on_event=self._tell,
            )
            return node.run(self._stop)
        except Exception as problem:  # the owner's chat goes on without the federation
            _log.warning("The federation ended: %s", type(problem).__name__)
            self._tell("failed", type(problem).__name__)
            return "failed"
        finally:
            if fleet is not None:
                fleet.close()

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def rounds(self) -> int:
        """Rounds in the log so far."""
        return sum(isinstance(entry, RoundRecord) for entry in self.log)

    def epsilon_after(self) -> float:
        """What is spent in all with the report at hand; inf without noise."""
        return self._private.epsilon_after()

    def close(self, wait_s: float = 5.0) -> None:
        """Stop; a round that is being measured is not waited for longer than `wait_s`."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(wait_s)

    def _go(self) -> None:
        self.ended = self.run()

    def _measured(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        losses = self.pairs(core, changes, round_)
        self._private.round = round_
        return losses

    def _advance(self) -> None:
        """The log has grown: the shared adapter follows. If it can't, the rounds go on all the same."""
        quietly_updated(
            lambda: self._shared.update(self.task, self.log, self.pairs.subspace(), self.device.core),
            self._tell,
        )

    def _tell(self, what: Happening, why: str) -> None:
        found = {"state": what, "why": why, "head": self.log.head.hex(), "next_round": self.log.next_round}
        write_private(self._member.standing_file, json.dumps(found).encode("ascii"))
        self._on_event(what, why)


class Pending:
    """A report that waits for the owner's word; asked by the node's thread, answered by the screen's."""

    def __init__(self, patience_s: float = 90.0) -> None:
        """`patience_s`: no answer for so long is a no."""
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._report: bytes | None = None
        self._word: bool | None = None

    @property
    def report(self) -> bytes | None:
        """What is asked about now; None when nothing is."""
        with self._changed:
            return self._report

    def ask(self, report: bytes, verdict: Verdict) -> bool:
        """Wait for the owner. `Ask` for a gate."""
        with self._changed:
            self._report, self._word = report, None
            self._changed.wait_for(lambda: self._word is not None, self._patience_s)
            self._report = None
            return self._word is True

    def answer(self, report: bytes, word: bool) -> bool:
        """The owner's word on this very report; False when it is not asked about any more."""
        with self._changed:
            if self._report != report:
                return False
            self._word = word
            self._changed.notify_all()
            return True


def quietly_updated(update: Callable[[], None], tell: OnEvent) -> None:
    """Bring the shared adapter up to date; what keeps it from that is told, and ends nothing."""
    try:
        update()
    except (AssistantError, OSError) as problem:
        _log.warning("The shared adapter is not up to date: %s", type(problem).__name__)
        tell("failed", "the shared adapter is not up to date")


class Private:
    """The noise of a task and what it costs. `round` is the one that is being answered."""

    def __init__(self, task: Task, member: Membership) -> None:
        self.round = 0
        self._task = task
        privacy = task.privacy
        self.noise: Noise | None = None
        self._budget: PrivacyBudget | None = None
        if not privacy.noise_multiplier:
            return
        limit = member.consent().load().limits.epsilon
        allowed = min(limit, privacy.epsilon_limit or math.inf)
        self._plan = NoisePlan(privacy.noise_multiplier)
        self._grid = Grid(task.directions, task.step)
        self._budget = PrivacyBudget(member.budget_file, limit=allowed, delta=privacy.delta)
        self._random = secret_generator()
        self.noise = self._noisy

    def epsilon_after(self) -> float:
        """ε in all with the report at hand, which was charged when its noise was drawn; inf without noise."""
        return math.inf if self._budget is None else self._budget.spent()

    def _noisy(self, scores: np.ndarray) -> np.ndarray:
        assert self._budget is not None
        mechanism = self._grid.mechanism(self._plan)
        try:
            fresh = self._budget.charge(self._task.id.hex(), self.round, mechanism)
        except PrivacyError as problem:
            raise Refused(Reason.OUT_OF_RANGE, str(problem)) from problem
        if not fresh:
            raise Refused(Reason.DUPLICATE, "this round was answered before a restart")
        return self._grid.read(self._grid.noisy(scores, self._plan, self._random))
