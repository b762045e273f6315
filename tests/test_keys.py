"""The owner's own keys: how they are written, and what is refused before the screen opens."""

from __future__ import annotations

import pytest

from assistant.errors import SettingsError
from assistant.keys import ACTIONS, changed_keys, default_keys, effective_keys
from assistant.paths import Paths
from assistant.settings import Settings, load_settings


def write(paths: Paths, text: str) -> None:
    paths.ensure().settings.write_text(text, encoding="utf-8")


def refused(chosen: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        effective_keys(chosen)
    assert caught.value.exit_code == 3
    return caught.value


def test_without_a_choice_the_default_keys_hold(paths: Paths) -> None:
    assert load_settings(paths).keys == default_keys() == effective_keys({})
    assert changed_keys(default_keys()) == {}


@pytest.mark.parametrize(
    "lines",
    [
        'keys.chat.new = "ctrl+t"\nseed = 1',
        '[keys]\nchat.new = "ctrl+t"',
        '[keys]\n"chat.new" = "ctrl+t"',
        '[keys.chat]\nnew = "ctrl+t"',
    ],
)
def test_a_key_is_chosen_in_the_settings_file(paths: Paths, lines: str) -> None:
    write(paths, lines)
    keys = load_settings(paths).keys
    assert changed_keys(keys) == {"chat.new": "ctrl+t"}
    assert keys["chat.search"] == "f3,ctrl+f"


def test_a_key_is_chosen_in_the_environment(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    write(paths, '[keys]\nchat.new = "ctrl+t"\nchat.list = "f12"\n')
    monkeypatch.setenv("ASSISTANT_KEYS__CHAT__NEW", "f10")
    assert changed_keys(load_settings(paths).keys) == {"chat.new": "f10", "chat.list": "f12"}
    monkeypatch.delenv("ASSISTANT_KEYS__CHAT__NEW")
    monkeypatch.setenv("ASSISTANT_KEYS", '{"chat.rename": "f11"}')
    assert changed_keys(load_settings(paths).keys) == {
        "chat.rename": "f11",
        "chat.new": "ctrl+t",
        "chat.list": "f12",
    }
    monkeypatch.setenv("ASSISTANT_KEYS", "f11")
    with pytest.raises(SettingsError, match="ASSISTANT_KEYS is not JSON"):
        load_settings(paths)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Ctrl+T", "ctrl+t"),
        ("Shift+Ctrl+Left", "ctrl+shift+left"),
        (" f10 , ctrl+t, f10", "f10,ctrl+t"),
        ("PageUp", "pageup"),
        ("alt+n", "alt+n"),
    ],
)
def test_keys_are_written_as_people_write_them(written: str, key: str) -> None:
    assert effective_keys({"chat.new": written})["chat.new"] == key


@pytest.mark.parametrize(
    ("written", "key"), [("g", "g"), ("G", "G"), ("shift+g", "G"), ("*", "*"), ("?", "?"), ("space", "space")]
)
def test_a_letter_is_a_key_where_nothing_is_typed(written: str, key: str) -> None:
    assert effective_keys({"answer.again": written})["answer.again"] == key


@pytest.mark.parametrize(
    ("name", "suggestion"), [("chat.nwe", "chat.new"), ("Chat.New", "chat.new"), ("search", "chat.search")]
)
def test_an_unknown_action_is_an_error_with_a_suggestion(name: str, suggestion: str) -> None:
    error = refused({name: "f10"})
    assert f"`{name}`" in error.message
    assert error.hint == f"Did you mean `{suggestion}`?"


def test_an_action_like_no_other_points_to_the_list() -> None:
    assert "assistant data settings" in refused({"qqqqqq": "f10"}).hint


@pytest.mark.parametrize(
    ("written", "suggestion"),
    [
        ("ctl+t", "ctrl+t"),
        ("control+t", "ctrl+t"),
        ("page_up", "pageup"),
        ("ctrl+esc", "ctrl+escape"),
        ("f10,return", "enter"),
        ("ctrl+m", "enter"),
    ],
)
def test_a_key_that_there_is_not_is_an_error_with_a_suggestion(written: str, suggestion: str) -> None:
    error = refused({"chat.new": written})
    assert "`keys.chat.new`" in error.message
    assert error.hint == f"Did you mean `{suggestion}`?"


@pytest.mark.parametrize(
    "written", ["", " ", "f10,", "+t", "ctrl+", "f25", "ctrl+shift+t", "hyper+t", "ä+ö", 7, ["f10"], None]
)
def test_what_is_no_key_is_an_error_with_an_example_or_a_suggestion(written: object) -> None:
    error = refused({"chat.new": written})
    assert "`keys.chat.new`" in error.message
    assert "Did you mean" in error.hint or 'chat.new = "ctrl+t,f10"' in error.hint


def test_keys_are_a_table() -> None:
    assert "table" in refused("f10").message


@pytest.mark.parametrize("name", ["app.learn", "chat.new", "prompt.send", "search.close"])
@pytest.mark.parametrize("key", ["n", "N", "+", "space"])
def test_a_letter_is_no_key_where_text_is_typed(name: str, key: str) -> None:
    assert "text is typed" in refused({name: key}).message


@pytest.mark.parametrize(
    ("chosen", "both"),
    [
        ({"chat.new": "f2"}, ("chat.new", "chat.rename")),
        ({"app.learn": "escape"}, ("app.learn", "chat.stop")),
        ({"answer.again": "e"}, ("answer.again", "answer.edit")),
        ({"answer.again": "y"}, ("answer.again", "message.copy")),
        ({"chat.new": "f12", "chat.list": "f12"}, ("chat.new", "chat.list")),
    ],
)
def test_two_actions_in_one_place_cannot_have_the_same_key(
    chosen: dict[str, str], both: tuple[str, str]
) -> None:
    error = refused(chosen)
    assert all(f"`{name}`" in error.message for name in both)


def test_keys_may_be_swapped_and_used_again_in_another_place() -> None:
    swapped = {"chat.new": "f3,ctrl+f", "chat.search": "ctrl+n", "app.learn": "f6", "app.versions": "f5"}
    assert changed_keys(effective_keys(swapped)) == swapped
    effective_keys({"learn.cancel": "x", "message.previous": "ctrl+up"})


def test_a_wrong_key_is_told_when_the_settings_are_read(paths: Paths) -> None:
    write(paths, '[keys]\nchat.new = "n"\n')
    with pytest.raises(SettingsError, match="text is typed"):
        load_settings(paths)
    with pytest.raises(SettingsError):
        Settings(keys={"chat.new": "n"})


def test_every_action_is_named_by_its_place_and_has_keys_that_can_be_written() -> None:
    for name, action in ACTIONS.items():
        assert name == action.name
        assert action.does
        assert effective_keys({name: action.keys}) == default_keys()
