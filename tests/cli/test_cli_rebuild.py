"""`adapters rebuild` makes a lost or damaged adapter file anew, or says why it can't and changes nothing."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.methods import Tuned
from assistant.paths import Paths, run_log
from assistant.rebuilding import fingerprint
from assistant.store import Store, Version
from tuning.core import Core, Move, ScalarLog
from tuning.run_log import WindowLog

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]
BASE = "ab" * 32


def learned(paths: Paths, version_id: str, method: str = "zeroth-order") -> Path:
    """A version as a run leaves it behind; the path of its adapter file."""
    rng = np.random.default_rng(5)
    u, v = rng.normal(size=(16, 4)).astype(np.float32), rng.normal(size=(24, 4)).astype(np.float32)
    core = Core((4, 4), seed=7, steps=3, learning_rate=0.1)
    moves = []
    for _ in range(3):
        scalars = rng.normal(size=8).astype(np.float32)
        core.move(scalars, core.draw(range(8)))
        moves.append(Move(np.arange(8, dtype=np.uint16), scalars))
    window = WindowLog({"blk.0.ffn_down.weight": u}, v, ScalarLog(7, 3, 0.1, tuple(moves)))
    tuned = Tuned(window.adapter(), 4.0, "llama", (), 1.0, (window,))
    file = paths.ensure().adapters / f"{version_id}.gguf"
    tuned.write(file, {"version": version_id, "base.sha256": BASE, "method": method})
    with Store.open(paths) as store:
        report = {"adapter_sha256": fingerprint(file)}
        store.versions.add(
            Version(version_id, None, "personal", "draft", 1.0, method, BASE, file.name, report=report)
        )
    return file


def test_a_lost_file_comes_back_byte_for_byte(run: Run, run_json: RunJson, paths: Paths) -> None:
    file = learned(paths, "v0001")
    before = file.read_bytes()
    file.unlink()
    rebuilt = run_json("adapters", "rebuild", "v0001")
    assert (rebuilt["version_id"], rebuilt["scalars"]) == ("v0001", 24)
    assert file.read_bytes() == before
    assert [stat.S_IMODE(each.stat().st_mode) for each in (file, run_log(file))] == [0o600, 0o600]
    file.write_bytes(before[:100])
    assert "24 scalars" in run("adapters", "rebuild", "v0001")[2]
    assert file.read_bytes() == before


def test_a_method_without_a_log_is_said_to_be_tuned_again(run: Run, paths: Paths) -> None:
    file = learned(paths, "v0001", method="layer-chain")
    before = file.read_bytes()
    code, out, err = run("adapters", "rebuild", "v0001")
    assert (code, out) == (2, "")
    assert "re-tuned from its pairs" in err
    assert file.read_bytes() == before


def test_a_missing_log_exits_with_4(run: Run, paths: Paths) -> None:
    run_log(learned(paths, "v0001")).unlink()
    code, _, err = run("adapters", "rebuild", "v0001")
    assert code == 4
    assert "missing" in err
    assert "learn now" in err


def test_a_damaged_log_exits_with_4_and_the_file_stays(run: Run, paths: Paths) -> None:
    file = learned(paths, "v0001")
    before = file.read_bytes()
    log = run_log(file)
    log.write_bytes(log.read_bytes()[:-1])
    code, _, err = run("adapters", "rebuild", "v0001")
    assert (code, "damaged" in err) == (4, True)
    assert file.read_bytes() == before


def test_the_log_of_another_version_is_refused(run: Run, paths: Paths) -> None:
    one, two = learned(paths, "v0001"), learned(paths, "v0002")
    run_log(one).write_bytes(run_log(two).read_bytes())
    code, _, err = run("adapters", "rebuild", "v0001")
    assert (code, "another version" in err) == (4, True)


@pytest.mark.parametrize(("report", "code"), [({"adapter_sha256": "0" * 64}, 8), ({}, 4)])
def test_bytes_that_the_store_does_not_remember_are_not_taken(
    run: Run, paths: Paths, report: dict[str, str], code: int
) -> None:
    file = learned(paths, "v0001")
    before = file.read_bytes()
    with Store.open(paths) as store:
        store.versions.update_report("v0001", report)
    assert run("adapters", "rebuild", "v0001")[0] == code
    assert file.read_bytes() == before
    assert sorted(each.name for each in paths.adapters.iterdir()) == ["v0001.gguf", "v0001.run"]


def test_an_unknown_version_exits_with_2(run: Run) -> None:
    assert run("adapters", "rebuild", "v0009")[0] == 2


def test_a_deleted_version_takes_its_log_along(paths: Paths) -> None:
    learned(paths, "v0001")
    with Store.open(paths) as store:
        store.versions.delete("v0001")
    assert list(paths.adapters.iterdir()) == []
