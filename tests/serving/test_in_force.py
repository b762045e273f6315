"""The server answers with the versions in force now, also when another window changes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.models import model_sha256
from assistant.paths import Paths
from assistant.serving.in_force import InForce
from assistant.store import Store, Version
from tests.doubles import ScriptedEngine


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    return file


def add_version(store: Store, sha256: str) -> str:
    number = store.versions.next_id()
    (store.paths.adapters / f"{number}.gguf").write_bytes(b"GGUF")
    return store.versions.add(
        Version(number, None, "personal", "active", 1.0, "layer-chain", sha256, f"{number}.gguf")
    ).id


def used(engine: ScriptedEngine) -> list[str]:
    return [use.version for use in engine.adapters]


def test_versions_of_another_window_are_taken_over(paths: Paths, model: Path) -> None:
    engine, told = ScriptedEngine(), list[str]()
    engine.model_path = model  # type: ignore[attr-defined]
    in_force = InForce(engine, paths, told.append)  # type: ignore[arg-type]
    in_force()
    assert (used(engine), paths.home.exists()) == ([], False)
    with Store.open(paths) as store:
        add_version(store, model_sha256(model, paths))
        in_force()
        assert used(engine) == ["v0001"]
        store.versions.off()
        in_force()
        assert used(engine) == []
        add_version(store, "0" * 64)
        in_force()
    assert used(engine) == []
    assert told == ["v0002 was learned on another model and is not used."]
