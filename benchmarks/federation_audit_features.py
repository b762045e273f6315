"""The audit's setting on a real model: self-dialogue users as cached activations of the embedded one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assistant.models import chosen_model
from assistant.shared_window import PairLosses
from benchmarks.federation_audit import Setting
from benchmarks.federation_data import Plan, load
from federation.subspace import PublicSubspace
from tuning.answer_features import AnswerFeatures
from tuning.head import Head
from tuning.subspace import input_directions, output_directions
from tuning.weights import Weights

PLAN = Plan(devices=20, held_out=8, public=8, pairs=6)
RANK, ROUNDS, DIRECTIONS = 16, 20, 32
RATES = (0.2,)


def real(data: Path, cache: Path, *, threads: int = 2) -> Setting:
    """Twenty users as devices, six pairs each; the pairs of eight other users are held by nobody."""
    model = chosen_model("")
    split = load("self-dialogue", data, model, PLAN, cache, threads)
    weights = Weights(model)
    head = Head(weights)
    u = output_directions(split.public, head, RANK)
    v = input_directions(split.public, RANK, None)
    parts = [
        _Pairs(each, weights, PublicSubspace(((u, v),)), head) for each in (*split.devices, split.held_out)
    ]

    def losses(core: np.ndarray, changes: np.ndarray) -> np.ndarray:
        return np.concatenate([part(core, changes) for part in parts])

    owners = np.repeat(np.arange(len(split.devices)), [len(each.lengths) for each in split.devices])
    held_out = len(split.held_out.lengths)
    return Setting("self-dialogue", losses, owners, held_out, RANK, ROUNDS, DIRECTIONS, RATES)


class _Pairs:
    """Losses of one device's pairs one by one, nats per token: [pairs, M]."""

    def __init__(
        self, features: AnswerFeatures, weights: Weights, subspace: PublicSubspace, head: Head
    ) -> None:
        self._measure = PairLosses(features, weights, subspace, head=head)
        self._lengths = np.array(features.lengths)
        self._positions = np.arange(len(features.h))

    def __call__(self, core: np.ndarray, changes: np.ndarray) -> np.ndarray:
        by_position = self._measure.by_position(core, changes, self._positions)
        firsts = np.cumsum(self._lengths) - self._lengths
        sums: np.ndarray = np.add.reduceat(by_position, firsts, axis=0, dtype=np.float64)
        return sums / self._lengths[:, None]
