"""The shelf of models: what is listed, what is added, and what choosing another one means."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from assistant.errors import ModelError, UsageError
from assistant.library.catalogue import CATALOGUE, in_catalogue
from assistant.library.shelf import EMBEDDED, Shelf
from assistant.library.speed import MachineSpeed, known_speed, measure
from assistant.library.switching import switch_to
from assistant.paths import Paths
from assistant.store import Store, Version
from tests.doubles import ScriptedEngine
from tests.library.conftest import MODEL, Hub


@pytest.fixture
def shelf(paths: Paths) -> Shelf:
    return Shelf(paths, context_tokens=4096)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "My Model.Q4.gguf"
    file.write_bytes(b"GGUF no header")
    return file


def test_the_embedded_model_and_the_catalogue_are_listed(shelf: Shelf, home: Path) -> None:
    models = shelf.list()
    assert (models[0].name, models[0].is_here, models[0].learns) == (EMBEDDED, True, True)
    assert models[0].memory_bytes is not None and models[0].memory_bytes > models[0].size_bytes
    assert [model.name for model in models[1:]] == [model.name for model in CATALOGUE]
    assert not any(model.is_here for model in models[1:])
    assert not home.exists()


def test_the_catalogue_is_sorted_by_size_and_every_name_is_its_own() -> None:
    sizes = [model.size_bytes for model in CATALOGUE]
    assert sizes == sorted(sizes)
    assert len({model.name for model in CATALOGUE}) == len(CATALOGUE)
    assert all(model.file.endswith(".gguf") for model in CATALOGUE)
    assert in_catalogue("Qwen3-0.6B") is not None


def test_what_is_said_to_learn_is_what_the_default_method_knows() -> None:
    from tuning.architectures import ARCHITECTURES

    families = {"smollm2": "llama", "llama": "llama", "qwen2.5": "qwen2", "qwen3": "qwen3", "gemma": "gemma3"}
    for model in CATALOGUE:
        family = next(kind for name, kind in families.items() if model.name.startswith(name))
        assert model.learns == (family in ARCHITECTURES)


def test_a_file_of_ones_own_is_added_under_a_name(shelf: Shelf, own: Path) -> None:
    model = shelf.add(own)
    assert (model.name, model.path, model.memory_bytes, model.learns) == ("my-model.q4", own, None, None)
    assert shelf.add(own).name == "my-model.q4"
    assert shelf.find(own) == model
    own.unlink()
    assert (shelf.get("my-model.q4").is_here, shelf.get("my-model.q4").title) == (False, f"{own.name} (gone)")


def test_names_that_are_taken_and_files_that_are_no_models_are_refused(
    shelf: Shelf, own: Path, tmp_path: Path
) -> None:
    for name in (EMBEDDED, "qwen3-0.6b"):
        with pytest.raises(UsageError, match="already a model"):
            shelf.add(own, name)
    with pytest.raises(UsageError, match="letters or digits"):
        shelf.add(own, "...")
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"no")
    with pytest.raises(ModelError, match="not a GGUF"):
        shelf.add(wrong)
    with pytest.raises(UsageError, match="no model nothing"):
        shelf.get("nothing")


def test_a_downloaded_model_is_here_and_its_checksum_is_kept(shelf: Shelf, hub: Hub) -> None:
    hub.files["Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf"] = MODEL
    remote = shelf.look_up("qwen3-0.6b")
    model = shelf.fetch("qwen3-0.6b", remote)
    assert model.is_here and model.size_bytes == len(MODEL)
    assert model.path is not None and shelf.is_whole("qwen3-0.6b") is True
    model.path.write_bytes(b"GGUF changed")
    assert shelf.is_whole("qwen3-0.6b") is False
    assert shelf.is_whole(EMBEDDED) is None


def test_a_download_that_is_no_model_is_removed(shelf: Shelf, hub: Hub, paths: Paths) -> None:
    hub.files["someone/tiny/tiny.gguf"] = b"<html>"
    with pytest.raises(ModelError):
        shelf.fetch("someone/tiny/tiny.gguf", shelf.look_up("someone/tiny/tiny.gguf"))
    assert list(paths.models.rglob("*.gguf")) == []


def test_a_list_that_cannot_be_read_costs_only_names(shelf: Shelf, paths: Paths, own: Path) -> None:
    paths.ensure()
    (paths.models / "known.json").write_text('{"x": {"nonsense": 1}}')
    assert shelf.list()[0].name == EMBEDDED
    assert shelf.add(own).is_here


def test_the_speed_hint_falls_with_the_size() -> None:
    speed = MachineSpeed(40.0, 100, 2)
    assert (speed.estimate(100), speed.estimate(200), speed.estimate(0)) == (40.0, 20.0, 4000.0)


def test_the_measured_speed_is_kept_for_the_owner_alone(paths: Paths, own: Path) -> None:
    engine = ScriptedEngine(["One two three."])
    engine.model_path, engine.threads = own, 2  # type: ignore[attr-defined]
    speed = measure(paths, lambda: engine)  # type: ignore[arg-type, return-value]
    assert speed == MachineSpeed(42.0, own.stat().st_size, 2) == known_speed(paths)
    assert stat.S_IMODE((paths.home / "speed.json").stat().st_mode) == 0o600
    (paths.home / "speed.json").write_text("nonsense")
    assert known_speed(paths) is None


def version(store: Store, sha256: str, state: str) -> str:
    number = store.versions.next_id()
    return store.versions.add(
        Version(number, None, "personal", state, 1.0, "layer-chain", sha256, f"{number}.gguf")
    ).id


def test_switching_tells_what_rests_what_comes_back_and_that_pairs_are_kept(paths: Paths) -> None:
    with Store.open(paths) as store:
        assert switch_to(store, "a").notes() == []
        store.pairs.add("What is my dog called?", "Biscuit.", source="edit")
        version(store, "a", "active")
        assert switch_to(store, "a").notes() == ["v0001 was learned on this model and is in force."]
        assert switch_to(store, "b").notes() == [
            "v0001 was learned on another model and rests until you switch back.",
            "Your 1 pairs are kept; `assistant learn now` teaches them to this model.",
        ]
        version(store, "b", "draft")
        assert "Learned on this model: v0002. `assistant adapters use v0002`" in switch_to(store, "b").notes()
        assert store.versions.get("v0001").state == "active"
