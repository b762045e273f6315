"""The chat list, its dialogs, and search."""

from __future__ import annotations

from dataclasses import replace

from textual.widgets import Button, Input

from assistant.store import Store
from assistant.tui.dialogs import ConfirmDialog, RenameDialog
from assistant.tui.prompt import PromptInput
from assistant.tui.search_screen import SearchScreen
from assistant.tui.turn_view import AnswerView
from tests.doubles import ScriptedEngine
from tests.tui.conftest import Driver, Opener


def add_chat(store: Store, title: str, question: str, answer: str) -> int:
    chat = store.chats.create(title)
    turn = store.chats.add_turn(chat.id, "user", question)
    store.chats.add_turn(chat.id, "assistant", answer, reply_to=turn.id)
    return chat.id


async def delete_first_chat(driver: Driver, key: str) -> None:
    await driver.press("f4", key)
    await driver.until(lambda: isinstance(driver.app.screen, ConfirmDialog))


async def test_ctrl_n_starts_a_new_chat(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("first chat")
        await driver.press("ctrl+n")
        await driver.sees("Ask something.")
        await driver.send("second chat")
        assert [chat.title for chat in driver.store.chats.list()] == ["second chat", "first chat"]


async def test_f4_and_enter_open_a_listed_chat(open_app: Opener, store: Store) -> None:
    add_chat(store, "Bread", "How do I bake?", "With flour.")
    async with open_app() as driver:
        await driver.press("f4", "enter")
        await driver.sees("▸ Bread", "How do I bake?", "With flour.")


async def test_a_draft_is_kept_while_another_chat_is_read(open_app: Opener, store: Store) -> None:
    add_chat(store, "Bread", "How do I bake?", "With flour.")
    async with open_app() as driver:
        await driver.type("draft")
        await driver.press("f4", "enter")
        await driver.sees("With flour.")
        assert driver.app.focused.text == ""
        await driver.press("ctrl+n")
        assert driver.app.focused.text == "draft"


async def test_a_reply_goes_on_while_another_chat_is_read(open_app: Opener, services) -> None:
    add_chat(services.store, "Bread", "How do I bake?", "With flour.")
    engine = ScriptedEngine(["one two three"], hold_after=1)
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.type("count")
        await driver.press("enter")
        await driver.until(engine.holding.is_set)
        await driver.press("f4", "down", "enter")
        await driver.sees("With flour.")
        await driver.press("f4", "up", "enter")
        await driver.sees("writing…", "one")
        engine.release.set()
        await driver.sees("one two three")
        assert driver.chat.query(AnswerView).last().text == "one two three"


async def test_f2_renames_the_chat(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("f2")
        assert isinstance(driver.app.screen, RenameDialog)
        driver.app.screen.query_one(Input).value = "Greetings"
        await driver.press("enter")
        await driver.sees("▸ Greetings", "Renamed to “Greetings”.")
        assert driver.store.chats.list()[0].title == "Greetings"


async def test_escape_leaves_the_title_as_it_is(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("f2", "x", "escape")
        assert driver.store.chats.list()[0].title == "hi"


async def test_delete_asks_with_cancel_focused(open_app: Opener, store: Store) -> None:
    add_chat(store, "Bread", "How do I bake?", "With flour.")
    async with open_app() as driver:
        await delete_first_chat(driver, "delete")
        await driver.sees("Delete “Bread” with its 2 messages", "cannot be undone")
        assert isinstance(driver.app.focused, Button)
        assert driver.app.focused.id == "no"
        await driver.press("enter")
        await driver.sees("Nothing was deleted.")
        assert len(store.chats.list()) == 1


async def test_ctrl_d_and_y_delete_the_chat(open_app: Opener, store: Store) -> None:
    add_chat(store, "Bread", "How do I bake?", "With flour.")
    async with open_app() as driver:
        await driver.press("f4", "enter")
        await delete_first_chat(driver, "ctrl+d")
        await driver.press("y")
        await driver.sees("The chat is deleted", "No chats yet", "Ask something.")
        assert store.chats.list() == []


async def test_a_chat_is_not_deleted_under_its_reply(open_app: Opener, services) -> None:
    engine = ScriptedEngine(["one two"], hold_after=1)
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.type("hi")
        await driver.press("enter")
        await driver.until(engine.holding.is_set)
        await driver.press("f4", "delete")
        await driver.sees("Stop it with Esc first.")


async def test_search_finds_text_and_enter_jumps_to_the_message(open_app: Opener, store: Store) -> None:
    add_chat(store, "Bread", "How do I bake?", "With rye flour.")
    add_chat(store, "Travel", "Where to?", "To Lisbon.")
    for key in ("f3", "ctrl+f"):
        async with open_app() as driver:
            await driver.press(key)
            assert isinstance(driver.app.screen, SearchScreen)
            await driver.type("rye")
            await driver.sees("Bread", "With rye flour.", "1 found")
            await driver.press("enter")
            await driver.sees("▸ Bread", "How do I bake?")
            assert isinstance(driver.app.focused, AnswerView)
            assert driver.app.focused.text == "With rye flour."


async def test_search_moves_with_the_arrows_and_says_when_nothing_is_found(
    open_app: Opener, store: Store
) -> None:
    add_chat(store, "One", "apple one", "first")
    add_chat(store, "Two", "apple two", "second")
    async with open_app() as driver:
        await driver.press("f3")
        await driver.type("apple")
        await driver.sees("2 found")
        await driver.press("down", "enter")
        await driver.sees("▸ ")
        await driver.press("f3")
        await driver.type('"zebra')
        await driver.sees("Nothing found")
        await driver.press("escape")
        assert driver.chat is driver.app.screen


async def test_a_long_chat_shows_its_end_and_search_reaches_its_start(open_app: Opener, store: Store) -> None:
    chat = store.chats.create("Long")
    for number in range(40):
        turn = store.chats.add_turn(chat.id, "user", f"question {number}x")
        store.chats.add_turn(chat.id, "assistant", f"answer {number}x", reply_to=turn.id)
    async with open_app() as driver:
        await driver.press("f4", "enter")
        await driver.sees("answer 39x")
        await driver.sees("50 earlier messages")
        await driver.press("f3")
        await driver.type("answer 0x")
        await driver.press("enter")
        await driver.sees("question 0x", "answer 0x")
        await driver.press("escape")
        await driver.send("one more")
        await driver.sees("answer 39x", "one more", "Hello there.")


async def test_a_reply_cut_off_by_a_crash_is_told(open_app: Opener, services, tmp_path) -> None:
    chat = services.store.chats.create("Cut")
    turn = services.store.chats.add_turn(chat.id, "user", "hi")
    reply = services.store.chats.begin_reply(chat.id, reply_to=turn.id, model="m", adapters=())
    services.store.chats.append_reply(reply.id, "Hello th")
    services.store.recovered = services.store.chats.recover()
    async with open_app() as driver:
        await driver.sees("ended in the middle of a reply")
        await driver.press("f4", "enter")
        await driver.sees("stopped, partial answer kept", "Hello th")
        assert isinstance(driver.app.focused, PromptInput)
