"""The methods in torch as a learning run calls them: what does not fit is refused, crashes are survived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.errors import AdapterError, DiskFull, ModelError
from assistant.methods import METHODS, Tuned
from assistant.paths import Paths
from assistant.room import require_room
from tests.tuning.families import VOCABULARY, write_random_llama
from tuning.examples import Example, TuningStep
from tuning.layer_chain import CHECKPOINT_STEPS
from tuning.needs import Needs

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class FileEngine:
    """What reading in torch asks of the engine: which file, and slices, which are done at once here."""

    model_path: Path
    threads: int = 1
    may_use_gpu: bool = False

    def slices(self, start: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        return start()


@pytest.fixture
def engine(tmp_path: Path) -> FileEngine:
    path = tmp_path / "random.gguf"
    write_random_llama(path, layers=9)
    return FileEngine(path)


def lessons(count: int = 3) -> list[Example]:
    rng = np.random.default_rng(4)

    def tokens(number: int) -> tuple[int, ...]:
        return tuple(int(each) for each in rng.integers(3, VOCABULARY, number))

    return [
        Example((1, 2, *tokens(3)), tokens(2), kind)
        for _ in range(count)
        for kind in ("fact", "unknown", "general")
    ]


def read(method: str, engine: FileEngine, paths: Paths) -> Any:
    *_, data = METHODS[method].read(engine, lessons(), paths.ensure())  # type: ignore[arg-type]
    return data


def tune(method: str, data: Any, engine: FileEngine, paths: Paths) -> Iterator[TuningStep | Tuned]:
    return METHODS[method].tune(data, engine.model_path, seed=1, threads=1, paths=paths)


@pytest.mark.parametrize("method", ["layer-chain", "chainfed"])
def test_a_run_that_was_cut_off_goes_on(method: str, engine: FileEngine, paths: Paths) -> None:
    whole, *_ = reversed(list(tune(method, read(method, engine, paths), engine, paths)))
    assert isinstance(whole, Tuned)
    paths.tuning_checkpoint.unlink()
    job = tune(method, read(method, engine, paths), engine, paths)
    for _ in range(CHECKPOINT_STEPS + 1):
        next(job)
    del job
    assert paths.tuning_checkpoint.stat().st_mode & 0o777 == 0o600
    *steps, resumed = tune(method, read(method, engine, paths), engine, paths)
    assert isinstance(resumed, Tuned)
    assert len(steps) < len(whole.history) == len(resumed.history)
    for name, (a, b) in whole.tensors.items():
        assert np.array_equal(resumed.tensors[name][0], a)
        assert np.array_equal(resumed.tensors[name][1], b)
    assert [each.name for each in paths.home.iterdir() if each.is_file()] == ["tuning.checkpoint"]


def test_other_inputs_start_afresh(engine: FileEngine, paths: Paths) -> None:
    job = tune("layer-chain", read("layer-chain", engine, paths), engine, paths)
    for _ in range(CHECKPOINT_STEPS + 1):
        next(job)
    del job
    first = next(
        METHODS["layer-chain"].tune(
            read("layer-chain", engine, paths), engine.model_path, seed=2, threads=1, paths=paths
        )
    )
    assert isinstance(first, TuningStep)
    assert first.step == 1


@pytest.mark.parametrize("method", ["layer-chain", "chainfed"])
def test_what_does_not_fit_into_memory_is_refused_before_it_starts(
    method: str, engine: FileEngine, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.device.free_memory", lambda device: 1000)
    with pytest.raises(ModelError, match="Learning this takes at least"):
        next(METHODS[method].read(engine, lessons(), paths.ensure()))  # type: ignore[arg-type]


def test_room_is_measured_in_memory_and_on_disk(tmp_path: Path) -> None:
    require_room(Needs(1000, 1000), available=1000, folder=tmp_path)
    with pytest.raises(ModelError, match="2 MiB of memory"):
        require_room(Needs(2 << 20, 0), available=1 << 20, folder=tmp_path)
    with pytest.raises(DiskFull, match=r"4096\.0 GiB on the disk"):
        require_room(Needs(0, 1 << 42), available=1, folder=tmp_path)


def test_a_model_that_is_not_understood_names_another_method(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"no model")
    with pytest.raises(AdapterError) as caught:
        read("layer-chain", FileEngine(tmp_path / "model.gguf"), paths)
    assert "zeroth-order" in caught.value.hint
