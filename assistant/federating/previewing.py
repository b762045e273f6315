"""What the next report would be. Measured for real, sent nowhere, charged to no account."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from assistant.engine.engine import Engine
from assistant.federating.measuring import OwnersPairs
from assistant.federating.routing import shareable
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store
from federation.device import Device
from federation.flower.membership import Membership
from federation.flower.participant import NothingToMeasure
from federation.privacy.budget import PrivacyBudget
from federation.privacy.noise import Grid, NoisePlan, secret_generator
from federation.scores import quantise
from federation.wire import STATE_BYTES, Encoding, Report


@dataclass(frozen=True, slots=True)
class Preview:
    """`report` in hex, None when nothing would be sent; with noise, other noise than the real one's.

    `epsilon_after` is what would be spent in all once it went; inf without noise.
    """

    round: int
    pair_ids: tuple[int, ...]
    noise: float
    epsilon_after: float
    report: str | None
    made: str


def preview_report(
    member: Membership, store: Store, engine: Engine, settings: Settings, paths: Paths
) -> Preview:
    """Measure the owner's shareable pairs as the next round would. Raises FederationError and ModelError."""
    signed, log, signer = member.signed_task(), member.peek(), member.signer()
    task = signed.task
    pairs = OwnersPairs(store, engine, settings, paths, task, shareable(store, member), signer.device_id)
    noise = task.privacy.noise_multiplier

    grid, plan = Grid(task.directions, task.step), NoisePlan(noise)
    epsilon = math.inf
    if noise:
        limit = member.consent().load().limits.epsilon
        budget = PrivacyBudget(member.budget_file, limit=limit, delta=task.privacy.delta)
        epsilon = budget.after(grid.mechanism(plan))

    def noisy(scores: np.ndarray) -> np.ndarray:
        return grid.read(grid.noisy(scores, plan, secret_generator()))

    device = Device(signed, log, signer, pairs, noise=noisy if noise else None, spend=pairs.spend)
    ids = tuple(pair.id for pair in pairs.pairs())
    made = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        scores = device.scores(log.next_round)
    except NothingToMeasure:
        return Preview(log.next_round, ids, noise, epsilon, None, made)
    report = Report(
        task=task.id,
        round=log.next_round,
        state=log.head[:STATE_BYTES],
        device=signer.device_id,
        encoding=Encoding.CLEAR,
        payload=quantise(noisy(scores) if noise else scores, task.step).tobytes(),
    ).signed(signer)
    return Preview(log.next_round, ids, noise, epsilon, report.to_bytes().hex(), made)
