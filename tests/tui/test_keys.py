"""The owner's own keys on the screen: they act, the former ones don't, and the help names them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.binding import Binding

from assistant.keys import ACTIONS
from assistant.settings import Settings
from assistant.tui.app import AssistantApp
from assistant.tui.behind_screen import BehindScreen
from assistant.tui.chat_list import ChatList
from assistant.tui.chat_screen import ChatScreen
from assistant.tui.compare_screen import CompareScreen
from assistant.tui.dialogs import ConfirmDialog, RenameDialog
from assistant.tui.edit_screen import EditScreen
from assistant.tui.first_run import FirstRunScreen
from assistant.tui.forget_screen import ForgetScreen
from assistant.tui.help_screen import HelpScreen
from assistant.tui.learn_screen import LearnScreen
from assistant.tui.models_screen import ModelsScreen
from assistant.tui.pair_dialog import PairDialog
from assistant.tui.prompt import PromptInput
from assistant.tui.review_screen import ReviewScreen
from assistant.tui.search_screen import SearchScreen
from assistant.tui.settings_screen import SettingsScreen, ValueDialog
from assistant.tui.sharing_screen import SharingScreen
from assistant.tui.turn_view import AnswerView, TurnView, UserView
from assistant.tui.versions_screen import VersionsScreen
from assistant.tui.why_screen import WhyScreen
from tests.doubles import ScriptedServices
from tests.tui.conftest import Opener


def with_keys(services: ScriptedServices, **keys: str) -> ScriptedServices:
    """These services under other keys; an action is written with _ in place of the dot."""
    chosen = {name.replace("_", "."): key for name, key in keys.items()}
    return replace(services, settings=Settings(keys=chosen))


async def test_an_action_is_run_by_its_new_keys_and_not_by_the_former_one(open_app: Opener, services) -> None:
    async with open_app(with_keys(services, chat_search="f10,ctrl+t", app_learn="f11")) as driver:
        await driver.press("f3")
        await driver.press("f5")
        assert isinstance(driver.app.screen, ChatScreen)
        for key in ("f10", "ctrl+t"):
            await driver.press(key)
            assert isinstance(driver.app.screen, SearchScreen)
            await driver.press("escape")
        await driver.press("f11")
        assert isinstance(driver.app.screen, LearnScreen)


async def test_sending_and_new_lines_can_be_put_on_other_keys(open_app: Opener, services) -> None:
    async with open_app(with_keys(services, prompt_send="alt+enter", prompt_newline="enter")) as driver:
        await driver.type("one")
        await driver.press("enter")
        await driver.type("two")
        assert driver.app.focused.text == "one\ntwo"
        await driver.press("alt+enter")
        await driver.sees("Hello there.")
        assert driver.store.chats.turns(driver.store.chats.list()[0].id)[0].content == "one\ntwo"


async def test_marks_can_be_put_on_other_letters(open_app: Opener, services) -> None:
    async with open_app(with_keys(services, answer_good="g", answer_bad="b")) as driver:
        await driver.send("hi")
        await driver.press("up", "+")
        assert driver.store.pairs.list("active") == []
        await driver.press("g")
        await driver.sees("Assistant · good")


async def test_two_actions_can_swap_their_keys(open_app: Opener, services) -> None:
    async with open_app(with_keys(services, app_learn="f6", app_versions="f5")) as driver:
        await driver.press("f5")
        assert isinstance(driver.app.screen, VersionsScreen)
        await driver.press("escape", "f6")
        assert isinstance(driver.app.screen, LearnScreen)


async def test_the_help_and_the_footer_show_the_keys_in_force(open_app: Opener, services) -> None:
    chosen = with_keys(services, chat_new="f12", app_keys="ctrl+g", answer_good="?", app_learn="f10")
    async with open_app(chosen, size=(110, 90)) as driver:
        await driver.sees("f12 New chat", "^g Keys", "f10 Learn")
        await driver.press("f1")
        assert isinstance(driver.app.screen, ChatScreen)
        await driver.press("ctrl+g")
        assert isinstance(driver.app.screen, HelpScreen)
        await driver.sees("f12 New chat", "? Good", "- Bad", "^g Keys", "Learn (f10)", "f3 ^f Search")
        await driver.press("ctrl+g")
        assert isinstance(driver.app.screen, ChatScreen)


async def test_the_palette_names_the_keys_in_force(open_app: Opener, services) -> None:
    async with open_app(with_keys(services, chat_new="f12")) as driver:
        told = {command.title: command.help for command in driver.app.get_system_commands(driver.app.screen)}
        assert told["New chat"] == "Start an empty chat (f12)"
        assert told["Search"] == "Find words in all chats (f3 ^f)"


async def test_the_footer_begins_with_the_way_to_all_keys_on_a_narrow_screen(open_app: Opener) -> None:
    async with open_app(size=(60, 24)) as driver:
        await driver.sees("f1 Keys ⏎ Send")
        await driver.send("hi")
        await driver.press("up")
        await driver.sees("f1 Keys y Copy + Good - Bad e Edit")


async def test_other_screens_do_not_offer_what_only_the_chat_leads_to(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.sees("f5 Learn f6 Versions")
        await driver.press("f5")
        await driver.sees("f1 Keys ⏎ Start tuning")
        assert "f6 Versions" not in driver.screen_text()
        offered = {command.title for command in driver.app.get_system_commands(driver.app.screen)}
        assert offered == {"Theme", "Help", "Quit"}
        await driver.press("f6", "f5")
        assert isinstance(driver.app.screen, LearnScreen)
        await driver.press("escape", "f6")
        assert isinstance(driver.app.screen, VersionsScreen)


@pytest.mark.parametrize("size", [(110, 36), (60, 24)])
async def test_the_help_lists_every_action(open_app: Opener, size: tuple[int, int]) -> None:
    async with open_app(size=size) as driver:
        await driver.press("f1")
        for action in ACTIONS.values():
            await driver.sees(action.does)


def test_every_action_of_the_settings_has_its_binding() -> None:
    places = (AssistantApp, ChatScreen, ChatList, PromptInput, TurnView, UserView, AnswerView, EditScreen)
    dialogs = (
        SearchScreen,
        RenameDialog,
        ConfirmDialog,
        LearnScreen,
        VersionsScreen,
        ReviewScreen,
        HelpScreen,
    )
    others = (ForgetScreen, SharingScreen, CompareScreen, WhyScreen, BehindScreen, PairDialog)
    choosing = (ModelsScreen, SettingsScreen, ValueDialog, FirstRunScreen)
    bindings = [
        each
        for place in (*places, *dialogs, *others, *choosing)
        for each in place.BINDINGS
        if isinstance(each, Binding)
    ]
    assert sorted(binding.id for binding in bindings if binding.id) == sorted(ACTIONS)
