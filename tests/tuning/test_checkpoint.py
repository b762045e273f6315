"""A tuning job that was cut off goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tuning.families import VOCABULARY, write_random_llama
from tuning.checkpoint import Checkpoint, generator_state, restore_generator
from tuning.examples import Example, Kind, Sequences, TuningStep
from tuning.layer_chain import CHECKPOINT_STEPS, LayerChain, Tuned, tune
from tuning.trunk import read_sequences
from tuning.weights import Weights

pytestmark = pytest.mark.timeout(60)

ROOT = Path(__file__).resolve().parents[2]
CONFIG = LayerChain(
    rank=2, steps=50, facts_per_step=3, unknowns_per_step=2, generals_per_step=2, sampled_tokens=16
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "random.gguf"
    write_random_llama(path)
    return path


def lessons(model: Path) -> tuple[Sequences, Weights]:
    rng = np.random.default_rng(4)
    kinds: tuple[Kind, ...] = ("fact",) * 6 + ("unknown",) * 4 + ("general",) * 4
    examples = [
        Example(
            (1, 2, *(int(each) for each in rng.integers(3, VOCABULARY, 4))),
            tuple(int(each) for each in rng.integers(3, VOCABULARY, 3)),
            kind,
        )
        for kind in kinds
    ]
    weights = Weights(model)
    *_, sequences = read_sequences(examples, weights, window=CONFIG.layers, top=4, threads=1)
    assert isinstance(sequences, Sequences)
    return sequences, weights


def finished(model: Path, checkpoint: Checkpoint | None = None) -> tuple[Tuned, int]:
    """The result, and how many steps were still to do."""
    *steps, tuned = tune(*lessons(model), CONFIG, seed=3, threads=1, checkpoint=checkpoint)
    assert isinstance(tuned, Tuned)
    return tuned, len(steps)


def cut_off(model: str, path: str) -> None:
    """Run in a process of its own, which dies in the middle of the job."""
    for item in tune(
        *lessons(Path(model)), CONFIG, seed=3, threads=1, checkpoint=Checkpoint(Path(path), "job")
    ):
        if isinstance(item, TuningStep) and item.step == 2 * CHECKPOINT_STEPS + 3:
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_job_goes_on_and_ends_the_same(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "tuning.checkpoint"
    code = f"from {__name__} import cut_off; cut_off({str(model)!r}, {str(path)!r})"
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    resumed, left = finished(model, Checkpoint(path, "job"))
    whole, all_steps = finished(model)
    assert (left, all_steps) == (CONFIG.steps - 2 * CHECKPOINT_STEPS, CONFIG.steps)
    assert resumed.history == whole.history
    assert resumed.forward_passes == whole.forward_passes
    for name, (a, b) in whole.tensors.items():
        assert np.array_equal(resumed.tensors[name][0], a)
        assert np.array_equal(resumed.tensors[name][1], b)


def test_the_state_of_another_job_is_removed_not_used(tmp_path: Path) -> None:
    path = tmp_path / "tuning.checkpoint"
    Checkpoint(path, "one").save({"a": np.arange(3)}, {"step": 7})
    state = Checkpoint(path, "one").load()
    assert state is not None
    assert (state.arrays["a"].tolist(), state.values) == ([0, 1, 2], {"step": 7})
    assert Checkpoint(path, "two").load() is None
    assert not path.exists()


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "tuning.checkpoint"
    checkpoint = Checkpoint(path, "one")
    assert checkpoint.load() is None
    checkpoint.save({"a": np.arange(300)}, {})
    path.write_bytes(path.read_bytes()[:200])
    assert checkpoint.load() is None
    assert not path.exists()


def test_a_full_disk_costs_the_checkpoint_not_the_job(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "missing" / "tuning.checkpoint", "one")
    checkpoint.save({"a": np.arange(3)}, {})
    assert checkpoint.load() is None


def test_a_generator_goes_on_where_it_was() -> None:
    rng = np.random.Generator(np.random.Philox(5))
    rng.integers(9, size=3)
    state = generator_state(rng)
    expected = rng.normal(size=4)
    other = np.random.Generator(np.random.Philox(6))
    restore_generator(other, state)
    assert np.array_equal(other.normal(size=4), expected)
