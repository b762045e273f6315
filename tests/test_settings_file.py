"""Changing one setting: the rest of the file stays, and a wrong value changes nothing."""

from __future__ import annotations

import stat
import tomllib

import pytest

from assistant.errors import SettingsError
from assistant.paths import Paths
from assistant.settings import Settings, load_settings, template
from assistant.settings_file import known_name, parse_value, set_value


@pytest.mark.parametrize(
    ("before", "name", "value", "after"),
    [
        ("", "seed", 7, "seed = 7\n"),
        ("# mine\nseed = 1  # old\ntop_p = 0.5\n", "seed", 7, "# mine\nseed = 7\ntop_p = 0.5\n"),
        ("seed = 1\n", "seed", None, ""),
        ("[keys]\n\"chat.new\" = 'alt+n'\n", "seed", 7, "seed = 7\n[keys]\n\"chat.new\" = 'alt+n'\n"),
        ("keys.chat.new = 'alt+n'\n", "keys.chat.new", "ctrl+t", 'keys.chat.new = "ctrl+t"\n'),
        ("[keys.chat]\nnew = 'alt+n'\n", "keys.chat.new", "ctrl+t", '[keys.chat]\nnew = "ctrl+t"\n'),
        ("system_prompt = '''a\nseed = 3\n'''\n", "system_prompt", "b\nc", 'system_prompt = "b\\nc"\n'),
        ("#seed = 0\n#top_p = 1\n", "seed", 7, "#seed = 0\nseed = 7\n#top_p = 1\n"),
        ("learn = true\n", "learn", False, "learn = false\n"),
    ],
)
def test_only_the_setting_changes(paths: Paths, before: str, name: str, value: object, after: str) -> None:
    paths.ensure().settings.write_text(before, encoding="utf-8")
    set_value(paths, name, value)
    assert paths.settings.read_text(encoding="utf-8") == after
    assert stat.S_IMODE(paths.settings.stat().st_mode) == 0o600


def test_every_setting_can_be_set_beside_its_description_in_the_template(paths: Paths) -> None:
    paths.ensure().settings.write_text(template(), encoding="utf-8")
    for name, field in Settings.model_fields.items():
        if name != "keys":
            set_value(paths, name, field.default)
    set_value(paths, "keys.chat.new", "ctrl+t")
    values = tomllib.loads(paths.settings.read_text(encoding="utf-8"))
    assert set(values) == set(Settings.model_fields)
    assert load_settings(paths).keys["chat.new"] == "ctrl+t"


@pytest.mark.parametrize(("name", "value"), [("temperature", 9.0), ("seed", "x"), ("keys.chat.new", "nokey")])
def test_a_wrong_value_changes_nothing(paths: Paths, name: str, value: object) -> None:
    paths.ensure().settings.write_text("seed = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError):
        set_value(paths, name, value)
    assert paths.settings.read_text(encoding="utf-8") == "seed = 1\n"
    assert [place.name for place in paths.home.iterdir() if place.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("temperatur", "temperature"), ("keys.chat.nwe", "keys.chat.new"), ("Max-Tokns", "max_tokens")],
)
def test_an_unknown_name_is_an_error_with_a_suggestion(wrong: str, near: str) -> None:
    with pytest.raises(SettingsError) as caught:
        known_name(wrong)
    assert caught.value.hint == f"Did you mean `{near}`?"


def test_values_are_read_in_the_kind_of_the_setting() -> None:
    assert [parse_value("learn", text) for text in ("on", "No", "true", "0")] == [True, False, True, False]
    assert (parse_value("seed", "7"), parse_value("top_p", "0.5"), parse_value("theme", "nord")) == (
        7,
        0.5,
        "nord",
    )
    for name, text in (("learn", "maybe"), ("seed", "x")):
        with pytest.raises(SettingsError):
            parse_value(name, text)
