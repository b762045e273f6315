from __future__ import annotations

import tomllib

import pytest
from pydantic import ValidationError

from assistant.errors import SettingsError
from assistant.paths import Paths
from assistant.settings import Settings, load_settings, template


def write(paths: Paths, text: str) -> None:
    paths.ensure().settings.write_text(text, encoding="utf-8")


def test_without_a_file_the_defaults_hold(paths: Paths) -> None:
    settings = load_settings(paths)
    assert (settings.temperature, settings.learn, settings.share) == (0.3, True, False)
    assert settings.model_dump() == Settings().model_dump()
    assert not paths.home.exists()


def test_flags_beat_environment_beats_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    write(paths, "temperature = 0.5\ntop_p = 0.5\nseed = 5\n")
    monkeypatch.setenv("ASSISTANT_TEMPERATURE", "0.6")
    monkeypatch.setenv("ASSISTANT_TOP_P", "0.6")
    settings = load_settings(paths, {"temperature": 0.7, "top_p": None})
    assert (settings.temperature, settings.top_p, settings.seed) == (0.7, 0.6, 5)


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [("temperture", "temperature"), ("Max-Tokens", "max_tokens"), ("treads", "threads")],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(paths: Paths, key: str, suggestion: str) -> None:
    write(paths, f'"{key}" = 1\n')
    with pytest.raises(SettingsError, match=key) as caught:
        load_settings(paths)
    assert caught.value.hint == f"Did you mean `{suggestion}`?"
    assert caught.value.exit_code == 3


def test_an_unknown_key_like_no_other_points_to_the_list(paths: Paths) -> None:
    write(paths, "qqqqqq = 1\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(paths)
    assert "assistant data settings" in caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        "temperature = 3",
        "top_p = 0",
        "max_tokens = 0",
        'tuning_method = "magic"',
        'seed = "x"',
        "[model]\nx = 1",
    ],
)
def test_a_value_out_of_bounds_names_the_setting(paths: Paths, line: str) -> None:
    write(paths, line)
    with pytest.raises(SettingsError) as caught:
        load_settings(paths)
    assert f"`{line.strip('[').replace(']', ' ').split()[0]}`" in caught.value.message


def test_a_bad_environment_value_is_a_settings_error(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_THREADS", "many")
    with pytest.raises(SettingsError, match="ASSISTANT_THREADS"):
        load_settings(paths)


@pytest.mark.parametrize("content", [b"temperature =", b"\xff\xfe"])
def test_a_file_that_cannot_be_parsed_is_a_settings_error(paths: Paths, content: bytes) -> None:
    paths.ensure().settings.write_bytes(content)
    with pytest.raises(SettingsError, match=r"settings\.toml"):
        load_settings(paths)


def test_a_folder_in_place_of_the_file_is_a_settings_error(paths: Paths) -> None:
    paths.ensure().settings.mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(paths)


def test_the_template_changes_nothing_until_a_line_is_uncommented(paths: Paths) -> None:
    write(paths, template())
    assert load_settings(paths).model_dump() == Settings().model_dump()
    lines = template().splitlines()
    assignments = "\n".join(line[1:] for line in lines if line.startswith("#") and not line.startswith("# "))
    assert Settings(**tomllib.loads(assignments)).model_dump() == Settings().model_dump()
    assert tomllib.loads(assignments)["keys"]["chat"]["search"] == "f3,ctrl+f"


def test_every_setting_is_explained_in_the_template() -> None:
    text = " ".join(template().replace("\n# ", " ").split())
    for name, field in Settings.model_fields.items():
        assert field.description and field.description.endswith("."), name
        assert field.description in text


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().seed = 3  # type: ignore[misc]
