"""A run's scalars rebuild its core to the bit, in any process and with any number of threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tuning.core import Core, Move, ScalarLog, product, replay
from tuning.examples import TuningError

ROOT = Path(__file__).parents[2]
GOLDEN_CORE = "57e070daea88d6cfab7c4fccaefe03c5c9cedbccfc1daac7ed910e2b9cb13796"
GOLDEN_PRODUCT = "91ae9b643db5ea4b22c0a108036d8b16153621cdf3a9bd420974b79193fdedac"


def golden_log() -> ScalarLog:
    """120 moves of 2 to 9 directions whose scalars are made of integers."""
    moves = []
    for step in range(120):
        count = 2 + step % 8
        numbers = (np.arange(count) * 37 + step * 11) % 101 - 50
        indices = np.arange(count) * (1 + step % 3)
        moves.append(Move(indices.astype(np.uint16), (numbers / 16).astype(np.float32)))
    return ScalarLog(seed=11, steps=150, learning_rate=0.03, moves=tuple(moves))


def golden_u() -> np.ndarray:
    """float32 [40, 24] of numbers that need rounding when they are multiplied."""
    return (((np.arange(40 * 24) * 7919) % 1009) / 1009).astype(np.float32).reshape(40, 24)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.astype("<f4").tobytes()).hexdigest()


def test_a_log_gives_the_golden_core() -> None:
    core = replay(golden_log(), (24, 24))
    assert digest(core) == GOLDEN_CORE
    assert digest(product(golden_u(), core)) == GOLDEN_PRODUCT


@pytest.mark.parametrize("threads", ["1", "4"])
def test_threads_change_nothing(threads: str) -> None:
    code = (
        "from tests.tuning.test_core import *\n"
        "core = replay(golden_log(), (24, 24))\n"
        "print(digest(core), digest(product(golden_u(), core)))"
    )
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **limits}, capture_output=True, check=True
    ).stdout
    assert out.decode().split() == [GOLDEN_CORE, GOLDEN_PRODUCT]


def test_replaying_walks_the_way_of_the_run() -> None:
    core = Core((6, 5), seed=3, steps=4, learning_rate=0.1)
    moves = []
    for _ in range(3):
        indices = np.array([0, 5], dtype=np.uint16)
        scalars = np.array([1.0, -0.5], dtype=np.float32)
        core.move(scalars, core.draw(indices))
        moves.append(Move(indices, scalars))
    again = replay(ScalarLog(3, 4, 0.1, tuple(moves)), (6, 5))
    assert again.tobytes() == core.value.tobytes()
    assert core.value.any()


def test_a_core_moves_against_the_direction_that_raised_the_loss() -> None:
    core = Core((4, 4), seed=0, steps=10, learning_rate=0.1)
    (direction,) = core.draw([0])
    core.move(np.array([2.0], dtype=np.float32), direction[None])
    assert np.array_equal(np.sign(core.value), -direction)


def test_decay_shrinks_what_no_loss_holds_up() -> None:
    core = Core((4, 4), seed=0, steps=10, learning_rate=0.1, decay=2.0)
    core.value[:] = 1.0
    core.move(np.zeros(2, dtype=np.float32), core.draw(range(2)))
    # The first step of the warm-up has an eighth of the learning rate.
    assert np.allclose(core.value, 1.0 - 0.1 / 8 * 2.0)
    log = golden_log()
    held = replay(ScalarLog(log.seed, log.steps, log.learning_rate, log.moves, decay=1.0), (24, 24))
    assert np.linalg.norm(held) < np.linalg.norm(replay(log, (24, 24)))


def test_the_product_agrees_with_the_librarys() -> None:
    u, core = golden_u(), replay(golden_log(), (24, 24))
    assert np.allclose(product(u, core), u @ core, atol=1e-4)


def test_logs_that_make_no_sense_are_refused() -> None:
    move = Move(np.array([0], dtype=np.uint16), np.array([1.0], dtype=np.float32))
    with pytest.raises(TuningError, match="more moves"):
        replay(ScalarLog(0, 1, 0.1, (move, move)), (2, 2))
    with pytest.raises(TuningError, match="one scalar per direction"):
        replay(ScalarLog(0, 1, 0.1, (Move(move.indices, move.scalars[:0]),)), (2, 2))
