from __future__ import annotations

import stat
from pathlib import Path

import pytest

from assistant.paths import Paths, default_paths


def test_one_variable_relocates_everything(home: Path) -> None:
    paths = default_paths()
    assert paths.home == home
    assert all(Path(place).is_relative_to(home) for place in paths.as_dict().values())


def test_a_tilde_in_the_variable_is_the_owners_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ASSISTANT_HOME", "~/here")
    assert default_paths().home == tmp_path / "here"


def test_without_the_variable_it_is_the_platforms_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ASSISTANT_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    home = default_paths().home
    assert home.is_relative_to(tmp_path)
    assert home.name == "assistant"


def test_looking_creates_nothing_and_ensure_creates_private_folders(paths: Paths) -> None:
    paths.as_dict()
    assert not paths.home.exists()
    paths.home.mkdir(mode=0o755)
    paths.ensure()
    for folder in (paths.home, paths.adapters, paths.models):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
