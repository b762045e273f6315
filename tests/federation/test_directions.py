"""Directions and states are the same numbers in every process, whatever its threads."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from federation.directions import chosen_bits, directions, most_aligned, sign_bits
from federation.state import State
from federation.task import Optimiser, Sampling, Subspace, Window
from federation.wire import RoundRecord
from tests.federation.conftest import make_task

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))
ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "adam": {},
    "sgd": {"optimiser": Optimiser(kind="sgd")},
    "discriminative": {"sampling": Sampling("discriminative")},
    "travelling": {"window": Window(("a", "b"), 8, Subspace("seed", "7"), blocks=4)},
}


def records(kind: str, count: int = 12) -> tuple[State, list[RoundRecord]]:
    """Some records of a task, and a fresh state to apply them to."""
    task = make_task(**KINDS[kind]).task
    rng = np.random.Generator(np.random.Philox(3))
    rows = rng.integers(-(2**22), 2**22, size=(count, task.directions)).astype("<i4")
    return State(task), [
        RoundRecord(
            task=task.id,
            round=number,
            previous=bytes(32),
            reports=bytes(32),
            clients=3,
            payload=row.tobytes(),
            hold=kind == "adam" and number == 5,
        )
        for number, row in enumerate(rows)
    ]


def digest(kind: str) -> str:
    state, rows = records(kind)
    for record in rows:
        state.apply(record)
    return state.digest.hex()


def test_directions_match_the_golden_vectors() -> None:
    for case in GOLDEN["directions"]:
        bits = sign_bits(bytes.fromhex(case["task"]), case["round"], case["first"], case["count"], case["d"])
        assert hashlib.sha256(np.packbits(bits).tobytes()).hexdigest() == case["sha256"]
        assert "".join(map(str, bits[0, :32])) == case["begins"]


@pytest.mark.parametrize("kind", KINDS)
def test_states_match_the_golden_vectors(kind: str) -> None:
    assert digest(kind) == GOLDEN["states"][kind]


def test_any_direction_can_be_had_alone() -> None:
    task = bytes(range(16))
    every = sign_bits(task, 9, 0, 20, 300)
    assert np.array_equal(sign_bits(task, 9, 7, 3, 300), every[7:10])
    assert np.array_equal(chosen_bits(task, 9, [11, 2, 17], 300), every[[11, 2, 17]])


def test_directions_differ_by_task_round_and_index_and_are_balanced() -> None:
    rows = [sign_bits(bytes([task]) * 16, round_, 0, 2, 4096) for task in (1, 2) for round_ in (0, 1)]
    vectors = directions(np.concatenate(rows))
    assert set(np.unique(vectors)) == {-1.0, 1.0}
    cosines = vectors @ vectors.T / 4096 - np.eye(len(vectors))
    assert np.abs(cosines).max() < 0.08
    assert np.abs(vectors.mean(axis=1)).max() < 0.08


def test_the_aligned_candidates_point_along_the_gradient() -> None:
    rng = np.random.Generator(np.random.Philox(0))
    gradient = rng.normal(size=256).astype(np.float32)
    task = bytes(range(16))
    chosen = most_aligned(task, 1, 64, 16, gradient)
    along = directions(sign_bits(task, 1, 0, 64, 256)) @ gradient
    assert set(chosen) == set(np.argsort(-along)[:16])
    assert list(chosen) == sorted(chosen)
    assert list(most_aligned(task, 1, 64, 4, np.zeros(256, np.float32))) == [0, 1, 2, 3]


@pytest.mark.parametrize("threads", ["1", "4"])
def test_another_process_with_other_threads_holds_the_same_bits(threads: str) -> None:
    code = (
        "from tests.federation.test_directions import KINDS, digest;print(*(digest(kind) for kind in KINDS))"
    )
    limits = {name: threads for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **limits, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [GOLDEN["states"][kind] for kind in KINDS]


def test_a_held_round_counts_with_the_next() -> None:
    """Two held halves move the core as one round with all their directions would."""
    task = make_task(optimiser=Optimiser(kind="sgd", warm_up=1, final=1.0)).task
    _, rows = records("sgd", 2)
    both = State(task)
    for record, hold in zip(rows, (True, False), strict=True):
        both.apply(
            RoundRecord(
                task=task.id,
                round=record.round,
                previous=bytes(32),
                reports=bytes(32),
                clients=3,
                payload=record.payload,
                hold=hold,
            )
        )
        if hold:
            assert not both.value.any()
    vectors = np.concatenate([directions(both.plan(r).bits(task)) for r in (0, 1)])
    scalars = np.concatenate([record.aggregate for record in rows]) * (task.step / 256)
    wanted = -task.optimiser.learning_rate * (scalars @ vectors) / 32
    assert np.allclose(both.value, wanted, rtol=1e-5)


def test_a_travelling_window_moves_one_block_a_round() -> None:
    state, rows = records("travelling", 4)
    for number, record in enumerate(rows):
        state.apply(record)
        moved = np.abs(state.value.reshape(4, -1)).sum(axis=1) > 0
        assert list(moved) == [block <= number for block in range(4)]
