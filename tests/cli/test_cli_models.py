"""`assistant models` and `assistant settings` as commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.library.speed import MachineSpeed
from assistant.paths import Paths
from assistant.settings import load_settings
from assistant.store import Store

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "own.gguf"
    file.write_bytes(b"GGUF")
    return file


def test_list_marks_the_one_that_answers(run: Run, run_json: RunJson) -> None:
    models = run_json("models", "list")
    assert [model["name"] for model in models if model["chosen"]] == ["embedded"]
    code, out, err = run("models", "list")
    assert code == 0
    assert out.splitlines()[1].startswith("*  embedded")
    assert "--measure" in err


def test_a_measured_speed_is_remembered_and_becomes_a_hint(
    run_json: RunJson, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = run_json("models", "list")[0]["bytes"]
    monkeypatch.setattr("assistant.library.speed.known_speed", lambda _: MachineSpeed(80.0, size, 2))
    first, second, *_ = run_json("models", "list")
    assert (first["tokens_per_s"], second["tokens_per_s"] < 80) == (80.0, True)
    assert "about 80" in run("models", "show", "embedded")[1]


def test_use_of_a_file_writes_the_setting_and_back_again(
    run: Run, run_json: RunJson, own: Path, paths: Paths
) -> None:
    with Store.open(paths) as store:
        store.pairs.add("Q?", "A.", source="edit")
    code, _, err = run("models", "use", str(own))
    assert code == 0
    assert "own answers from now on" in err and "Your 1 pairs are kept" in err
    assert load_settings(paths).model == str(own)
    assert [model["name"] for model in run_json("models", "list") if model["chosen"]] == ["own"]
    assert run_json("models", "use", "embedded")["name"] == "embedded"
    assert load_settings(paths).model == ""


def test_a_model_that_is_not_here_names_the_next_step(run: Run) -> None:
    code, _, err = run("models", "use", "qwen3-0.6b")
    assert code == 1
    assert "`assistant models get qwen3-0.6b`" in err


def test_add_and_show_a_file(run: Run, run_json: RunJson, own: Path) -> None:
    assert run_json("models", "add", str(own), "--name", "Mine")["name"] == "mine"
    code, out, _ = run("models", "show", "mine")
    assert code == 0
    assert f"file       {own}" in out
    assert run("models", "add", str(own.with_name("none.gguf")))[0] == 4
    assert run("models", "show", "nothing")[0] == 2


def test_get_needs_a_yes_and_a_name_that_exists(run: Run) -> None:
    assert run("models", "get", "nonsense", "--yes")[0] == 2


def test_settings_are_listed_read_set_and_unset(run: Run, run_json: RunJson, paths: Paths) -> None:
    assert run_json("settings", "list")["temperature"] == 0.3
    assert run("settings", "get", "learn")[1] == "on\n"
    assert run_json("settings", "set", "learn", "off") == {"learn": False}
    assert run_json("settings", "list", "--changed") == {"learn": False}
    assert "learn" in run("settings", "list")[1]
    code, out, err = run("settings", "set", "keys.chat.new", "ctrl+t")
    assert (code, out) == (0, "") and "keys.chat.new is ctrl+t now" in err
    assert run_json("settings", "unset", "learn") == {"learn": True}
    assert paths.settings.read_text() == 'keys.chat.new = "ctrl+t"\n'
    assert run_json("settings", "path") == {"path": str(paths.settings), "exists": True}


def test_a_wrong_setting_exits_with_3(run: Run) -> None:
    assert run("settings", "set", "temperatur", "1")[0] == 3
    assert run("settings", "set", "temperature", "9")[0] == 3
    assert run("settings", "get", "nonsense")[0] == 3
