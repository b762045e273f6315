"""Switching versions: the engine obeys, the store remembers, a bad file changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from assistant.engine.types import AdapterUse
from assistant.errors import AdapterError, UsageError
from assistant.models import model_sha256
from assistant.paths import Paths
from assistant.store import Store
from assistant.store.records import Version
from assistant.versions import VersionControl, uses_in_force
from tests.doubles import ScriptedEngine


class PickyEngine(ScriptedEngine):
    """Refuses adapters whose file is missing, as the real one does."""

    def __init__(self, model_path: Path) -> None:
        super().__init__()
        self.model_path = model_path

    def set_adapters(self, uses: Sequence[AdapterUse]) -> None:
        for use in uses:
            if not use.path.exists():
                raise AdapterError(f"The adapter file {use.path.name} is missing.")
        super().set_adapters(uses)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "home").ensure()


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    with Store.open(paths) as store:
        yield store


@pytest.fixture
def engine(tmp_path: Path) -> PickyEngine:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF model")
    return PickyEngine(model)


@pytest.fixture
def control(store: Store, engine: PickyEngine, paths: Paths) -> VersionControl:
    for number in (1, 2):
        add(store, paths, engine, f"v000{number}")
    return VersionControl(store, engine, paths)  # type: ignore[arg-type]


def add(store: Store, paths: Paths, engine: PickyEngine, name: str, *, base: str | None = None) -> None:
    (paths.adapters / f"{name}.gguf").write_bytes(b"GGUF adapter")
    store.versions.add(
        Version(
            id=name,
            parent=None,
            kind="personal",
            state="draft",
            strength=1.0,
            method="layer-chain",
            base_sha256=base or model_sha256(engine.model_path, paths),
            path=f"{name}.gguf",
        )
    )


def in_force(engine: PickyEngine) -> list[str]:
    return [use.version for use in engine.adapters]


def test_use_off_and_rollback_reach_the_engine_at_once(control: VersionControl, engine: PickyEngine) -> None:
    control.use("v0001")
    control.use("v0002")
    assert in_force(engine) == ["v0002"]
    control.rollback()
    assert in_force(engine) == ["v0001"]
    control.off()
    assert in_force(engine) == []


def test_a_version_whose_file_is_gone_changes_nothing(
    control: VersionControl, engine: PickyEngine, store: Store, paths: Paths
) -> None:
    control.use("v0001")
    control.use("v0002")
    (paths.adapters / "v0001.gguf").unlink()
    with pytest.raises(AdapterError):
        control.use("v0001")
    with pytest.raises(AdapterError):
        control.rollback()
    assert in_force(engine) == ["v0002"]
    active = store.versions.active()
    assert active is not None
    assert active.id == "v0002"


def test_strength_is_applied_at_once_and_bounded(control: VersionControl, engine: PickyEngine) -> None:
    control.use("v0001")
    control.set_strength("v0001", 0.5)
    assert [use.strength for use in engine.adapters] == [0.5]
    with pytest.raises(UsageError):
        control.set_strength("v0001", 1.6)


def test_a_version_of_another_model_is_never_applied(
    control: VersionControl, engine: PickyEngine, store: Store, paths: Paths
) -> None:
    add(store, paths, engine, "v0009", base="f" * 64)
    with pytest.raises(AdapterError, match="another model"):
        control.use("v0009")
    store.versions.activate("v0009")
    assert uses_in_force(store, paths, model_sha256(engine.model_path, paths)) == ([], ["v0009"])
