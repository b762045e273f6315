from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.paths import Paths
from assistant.store import Store

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]


def test_paths_are_all_under_the_home(run: Run, run_json: RunJson, home: Path) -> None:
    places = run_json("data", "paths")
    assert places["home"] == str(home)
    assert all(place.startswith(str(home)) for place in places.values())
    assert str(home / "assistant.db") in run("data", "paths")[1]
    assert not home.exists()


def test_settings_prints_the_template_or_the_values_in_force(
    run: Run, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "#temperature = 0.3" in run("data", "settings")[1]
    monkeypatch.setenv("ASSISTANT_TEMPERATURE", "0.75")
    assert run_json("data", "settings")["temperature"] == 0.75


def test_purge_needs_yes_without_a_terminal(run: Run, chat_id: int, paths: Paths) -> None:
    assert run("data", "purge")[0] == 2
    assert paths.database.exists()


def test_purge_removes_everything_but_models(run_json: RunJson, chat_id: int, paths: Paths) -> None:
    (paths.models / "big.gguf").write_bytes(b"GGUF")
    (paths.adapters / "v0001.gguf").write_bytes(b"GGUF")
    paths.settings.write_text("seed = 1\n")
    result = run_json("data", "purge", "--yes")
    assert list(paths.home.iterdir()) == [paths.models]
    assert (paths.models / "big.gguf").exists()
    assert set(result["removed"]) >= {
        str(paths.database),
        str(paths.adapters),
        str(paths.settings),
        str(paths.lock),
    }
    assert result["kept"] == [str(paths.models)]
    assert result["bytes"] > 0


def test_purge_removes_models_when_asked(run: Run, chat_id: int, paths: Paths) -> None:
    (paths.models / "big.gguf").write_bytes(b"GGUF")
    code, out, _ = run("data", "purge", "--yes", "--models")
    assert code == 0
    assert f"removed {paths.models}" in out
    assert list(paths.home.iterdir()) == []


def test_purge_of_nothing_says_so(run: Run, home: Path) -> None:
    code, out, err = run("data", "purge", "--yes")
    assert (code, out, err) == (0, "", "There was nothing to remove.\n")
    assert not home.exists()


def test_purge_works_on_a_damaged_database(run: Run, chat_id: int, paths: Paths) -> None:
    paths.database.write_bytes(b"junk")
    assert run("data", "purge", "--yes")[0] == 0
    assert not paths.database.exists()


def test_purge_waits_for_nobody(run: Run, chat_id: int, paths: Paths) -> None:
    with Store.open(paths):
        assert run("data", "purge", "--yes")[0] == 5
    assert paths.database.exists()


def test_purge_does_not_follow_links(run: Run, chat_id: int, paths: Paths, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (paths.home / "link").symlink_to(elsewhere)
    assert run("data", "purge", "--yes")[0] == 0
    assert (elsewhere / "precious").exists()


def test_purge_refuses_a_folder_that_is_not_its_own(
    run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / "thesis.txt").touch()
    code, _, err = run("data", "purge", "--yes")
    assert code == 2
    assert "does not look like" in err
    monkeypatch.setenv("HOME", str(home / "me"))
    (home / "assistant.db").touch()
    assert run("data", "purge", "--yes")[0] == 2
    assert (home / "thesis.txt").exists()
