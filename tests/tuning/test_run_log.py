"""The log of a run is a small private file that rebuilds the adapter byte for byte, or says what is wrong."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tuning.test_core import golden_log, golden_u
from tuning.adapter_file import read_adapter, write_adapter
from tuning.core import ScalarLog
from tuning.examples import TuningError
from tuning.run_log import MAGIC, RunLog, WindowLog, lora, read_run_log, write_run_log

ROOT = Path(__file__).parents[2]


@pytest.fixture
def log() -> RunLog:
    windows = (
        WindowLog({"blk.0.ffn_down.weight": golden_u()}, golden_u()[:30], golden_log()),
        WindowLog(
            {"blk.1.ffn_gate.weight": golden_u()[:, :5], "blk.1.ffn_up.weight": golden_u()[:, 5:]},
            golden_u()[5:],
            ScalarLog(2**63, 9, 0.1, (), 0.5),
        ),
    )
    return RunLog(windows, "llama", 24.0, {"version": "v0007", "method": "zeroth-order"})


def test_a_log_is_read_back_as_it_was_written(log: RunLog, tmp_path: Path) -> None:
    path = tmp_path / "v0007.run"
    write_run_log(path, log)
    again = read_run_log(path)
    assert (again.architecture, again.alpha, again.metadata) == ("llama", 24.0, log.metadata)
    for one, two in zip(again.windows, log.windows, strict=True):
        assert list(one.parts) == list(two.parts)
        for name, u in one.parts.items():
            assert np.array_equal(u, two.parts[name])
        assert np.array_equal(one.v, two.v)
        assert (one.scalars.seed, one.scalars.decay) == (two.scalars.seed, two.scalars.decay)
        for move, other in zip(one.scalars.moves, two.scalars.moves, strict=True):
            assert move.indices.tolist() == other.indices.tolist()
            assert move.scalars.tobytes() == other.scalars.tobytes()


def test_the_file_is_private_and_little_more_than_its_numbers(log: RunLog, tmp_path: Path) -> None:
    path = tmp_path / "v0007.run"
    write_run_log(path, log)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    numbers = sum(
        sum(u.size for u in each.parts.values())
        + each.v.size
        + sum(len(move.scalars) for move in each.scalars.moves)
        for each in log.windows
    )
    assert path.stat().st_size < 4 * numbers + 2500
    assert [each.name for each in tmp_path.iterdir()] == ["v0007.run"]


def test_another_process_with_other_threads_rebuilds_the_same_bytes(log: RunLog, tmp_path: Path) -> None:
    path = tmp_path / "v0007.run"
    write_run_log(path, log)
    tensors = {name: pair for window in log.windows for name, pair in window.adapter().items()}
    write_adapter(tmp_path / "own.gguf", tensors, architecture="llama", alpha=24.0, metadata=log.metadata)
    code = (
        "import sys, pathlib\n"
        "from tuning.run_log import read_run_log\n"
        "read_run_log(pathlib.Path(sys.argv[1])).write_adapter(pathlib.Path(sys.argv[2]))"
    )
    digests = set()
    for threads in ("1", "3"):
        built = tmp_path / f"{threads}.gguf"
        limits = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        subprocess.run(
            [sys.executable, "-c", code, path, built], cwd=ROOT, env={**os.environ, **limits}, check=True
        )
        digests.add(hashlib.sha256(built.read_bytes()).hexdigest())
    assert digests == {hashlib.sha256((tmp_path / "own.gguf").read_bytes()).hexdigest()}
    assert np.any(read_adapter(tmp_path / "1.gguf")[0]["blk.0.ffn_down.weight"][1])


@pytest.mark.parametrize("place", [20, 900, -1])
def test_a_changed_byte_is_noticed(log: RunLog, tmp_path: Path, place: int) -> None:
    path = tmp_path / "v0007.run"
    write_run_log(path, log)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(TuningError, match="checksum"):
        read_run_log(path)


def test_a_cut_file_is_noticed(log: RunLog, tmp_path: Path) -> None:
    path = tmp_path / "v0007.run"
    write_run_log(path, log)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TuningError, match="checksum"):
        read_run_log(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v0007.run"
    path.write_bytes(b"GGUF and more")
    with pytest.raises(TuningError, match="no log of a tuning run"):
        read_run_log(path)
    body = MAGIC + b"\x02\x00\x00\x00[]"
    path.write_bytes(body + hashlib.sha256(body).digest())
    with pytest.raises(TuningError, match="understands"):
        read_run_log(path)


def test_a_failed_write_leaves_nothing_behind(log: RunLog, tmp_path: Path) -> None:
    (tmp_path / "v0007.run").mkdir()
    with pytest.raises(OSError):
        write_run_log(tmp_path / "v0007.run", log)
    assert [each.name for each in tmp_path.iterdir()] == ["v0007.run"]


def test_the_parts_of_a_window_share_its_keys_and_split_its_core() -> None:
    core = np.arange(24.0, dtype=np.float32).reshape(6, 4)
    gate, up = np.eye(8, 2, dtype=np.float32), np.eye(8, 4, dtype=np.float32)
    pairs = lora({"gate": gate, "up": up}, golden_u()[:9, :4], core)
    assert np.array_equal(pairs["gate"][0], pairs["up"][0])
    assert np.array_equal(pairs["gate"][1][:3], [*core[:2], np.zeros(4)])
    assert np.array_equal(pairs["up"][1][:5], [*core[2:], np.zeros(4)])
