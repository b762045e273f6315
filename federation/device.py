"""The device's side of a round: rebuild the core, measure, standardise, add noise, quantise, sign.

It neither connects nor stores; what it is given to measure with knows the owner's pairs, it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from federation.keys import Signer
from federation.log import RoundLog
from federation.refusal import FederationError, Reason, Refused
from federation.replay import Follower
from federation.scores import partial_z_scores, quantise
from federation.state import Plan
from federation.task import SignedTask
from federation.wire import STATE_BYTES, Encoding, Report, RoundRequest, parse_as

# Gaussian noise on the scores, float64 [N] → float64 [N]; owns its randomness and its accountant.
Noise = Callable[[np.ndarray], np.ndarray]
# (round, int16 [N]) → uint32 [N]: pairwise masks added modulo 2**32.
Mask = Callable[[int, np.ndarray], np.ndarray]
# Which directions of a plan this device evaluates: ascending positions in 0 … N−1, at least two.
Spend = Callable[[Plan], np.ndarray]


class Measure(Protocol):
    """Losses of the owner's pairs under a shared core, in nats per token."""

    def __call__(self, core: np.ndarray, changes: np.ndarray, round_: int) -> np.ndarray:
        """Losses [M] at `core` + each of `changes`; core float32 [d], changes float32 [M, d].

        All M on the same pairs, or their differences mean nothing.
        """
        ...


class Device:
    """One device in one task. `answered` are the bytes of its last report, from its ledger."""

    def __init__(
        self,
        signed: SignedTask,
        log: RoundLog,
        signer: Signer,
        measure: Measure,
        *,
        noise: Noise | None = None,
        mask: Mask | None = None,
        spend: Spend | None = None,
        answered: bytes | None = None,
        follower: Follower | None = None,
    ) -> None:
        """`follower` shares one replayed state between the devices of a simulation.

        Raises FederationError when the task asks for noise or masks and none is given."""
        privacy = signed.task.privacy
        if privacy.noise_multiplier > 0.0 and noise is None:
            raise FederationError("this task needs noise, and no source of noise was given")
        if privacy.secure_aggregation and mask is None:
            raise FederationError("this task needs secure aggregation, and no masks were given")
        self.log = log
        self._signed, self._signer, self._measure = signed, signer, measure
        self._noise, self._mask, self._spend = noise, mask, spend
        self._follower = Follower(log) if follower is None else follower
        self._last = None if answered is None else parse_as(Report, answered)

    @property
    def core(self) -> np.ndarray:
        """The shared core by the log so far, float32 [d]; a copy."""
        return self._follower.state().value.copy()

    def check(self, data: bytes, *, now: float) -> RoundRequest:
        """The request in `data`. Raises Refused unless it can be answered from this device's log now.

        `now` is seconds since 1970. "wrong-state" means that the log has to catch up first.
        """
        request = parse_as(RoundRequest, data)
        if request.task != self._signed.task.id:
            raise Refused(Reason.WRONG_TASK, "a request of another task")
        request.check_signature(self._signed.public)
        if request.round < self.log.next_round:
            raise Refused(Reason.PAST_ROUND, f"round {request.round} is in the log already")
        if request.head != self.log.head:
            raise Refused(Reason.WRONG_STATE, f"round {request.round} is about another state")
        if now > request.deadline:
            raise Refused(Reason.LATE, f"round {request.round} is over")
        # A second answer to one round would halve the noise; the same answer again tells nothing new.
        last = self._last
        if last is not None and request.round <= last.round and not self._repeats(request):
            raise Refused(Reason.PAST_ROUND, f"round {request.round} was answered on another state")
        return request

    def answer(self, data: bytes, *, now: float) -> bytes:
        """The report for a request. The same request gets the same bytes again. Raises Refused."""
        request = self.check(data, now=now)
        if self._last is not None and self._repeats(request):
            return self._last.to_bytes()
        scores = self.scores(request.round)
        if self._noise is not None:
            scores = self._noise(scores)
        scalars = quantise(scores, self._signed.task.step)
        if self._mask is None or not self._signed.task.privacy.secure_aggregation:
            encoding, payload = Encoding.CLEAR, scalars.tobytes()
        else:
            encoding, payload = Encoding.MASKED, self._mask(request.round, scalars).astype("<u4").tobytes()
        self._last = Report(
            task=request.task,
            round=request.round,
            state=request.head[:STATE_BYTES],
            device=self._signer.device_id,
            encoding=encoding,
            payload=payload,
        ).signed(self._signer)
        return self._last.to_bytes()

    def scores(self, round_: int) -> np.ndarray:
        """z-scores of a round at the current state, float64 [N], before noise: what `preview` may show."""
        task = self._signed.task
        state = self._follower.state()
        plan = state.plan(round_)
        changes = plan.changes(task)
        evaluated = np.arange(task.directions) if self._spend is None else self._spend(plan)
        losses = self._measure(state.value.copy(), changes[evaluated], round_)
        if np.shape(losses) != (len(evaluated),):
            raise Refused(Reason.WRONG_LENGTH, "one loss is needed for each direction")
        return partial_z_scores(losses, evaluated, task.directions)

    def _repeats(self, request: RoundRequest) -> bool:
        last = self._last
        return (
            last is not None
            and last.task == request.task
            and last.round == request.round
            and last.state == request.head[:STATE_BYTES]
        )
