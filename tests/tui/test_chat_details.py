"""Private chats, pins, tags, what the model is told, /commands, history, code blocks and files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from textual.widgets import Input

from assistant.commands import COMMANDS
from assistant.store import Store
from assistant.tui.chat_list import ChatList
from assistant.tui.dialogs import LineDialog
from assistant.tui.help_screen import HelpScreen
from assistant.tui.prompt import PromptInput
from assistant.tui.search_screen import SearchScreen
from assistant.tui.text_dialog import TextDialog
from tests.doubles import ScriptedEngine
from tests.tui.conftest import Driver, Opener


async def command(driver: Driver, text: str) -> None:
    """Type a /command into the prompt and send it."""
    await driver.type(text)
    await driver.press("enter")


async def test_a_private_chat_says_so_and_is_stored_nowhere(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.press("ctrl+l")
        await driver.sees("A private chat.", "private chat · never stored, never learned from")
        await driver.sees("private chat · scripted-model", "learning off")
        await driver.send("secret")
        await driver.sees("Hello there.")
        assert driver.store.chats.list() == []
        assert driver.services.finished == []
        await driver.press("ctrl+n")
        assert "never learned from" not in driver.screen_text()
        await driver.press("ctrl+l")
        await driver.sees("secret", "Hello there.")


async def test_a_private_chat_has_versions_and_can_be_ended(open_app: Opener, services) -> None:
    async with open_app(replace(services, engine=ScriptedEngine(["One.", "Two."]))) as driver:
        await driver.press("ctrl+l")
        await driver.send("secret")
        await driver.press("up", "r")
        await driver.until(lambda: not driver.chat.is_answering)
        await driver.sees("version 2 of 2", "Two.")
        driver.chat.action_delete_chat()
        await driver.sees("End this private chat?")
        await driver.press("y")
        await driver.sees("The private chat is gone.")
        await driver.press("ctrl+l")
        assert "secret" not in driver.screen_text()


async def test_p_pins_and_t_tags_the_listed_chat(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("older")
        await driver.press("ctrl+n")
        await driver.send("newer")
        await driver.press("f4", "down", "p")
        await driver.sees("pinned · 2 messages", "Pinned: it is listed first.")
        assert [chat.title for chat in driver.store.chats.list()] == ["older", "newer"]
        await driver.press("t")
        assert isinstance(driver.app.screen, LineDialog)
        driver.app.screen.query_one(Input).value = "Home garden"
        await driver.press("enter")
        await driver.sees("Tags: #garden #home.")


async def test_search_looks_only_in_chats_with_a_tag(open_app: Opener, store: Store) -> None:
    for title, tag in (("Bread one", "food"), ("Bread two", "work")):
        store.chats.set_tags(store.chats.create(title).id, [tag])
    async with open_app() as driver:
        await command(driver, "/search #food bread")
        assert isinstance(driver.app.screen, SearchScreen)
        await driver.sees("Bread one", "1 found")


async def test_a_persona_answers_from_the_next_message_on(open_app: Opener) -> None:
    async with open_app() as driver:
        await command(driver, "/persona Pirate Talk like a pirate.")
        await driver.sees("Pirate answers from now on.", "as Pirate")
        await driver.send("hi")
        assert driver.services.engine.seen[-1][0].content == "Talk like a pirate."
        await driver.press("ctrl+n")
        assert "as Pirate" not in driver.screen_text()
        driver.chat.action_persona()
        await driver.sees("Persona of this chat", "Pirate")
        await driver.press("down", "enter")
        await driver.sees("as Pirate")


async def test_the_system_prompt_of_a_chat_is_written_in_a_dialog(open_app: Opener) -> None:
    async with open_app() as driver:
        await command(driver, "/system")
        assert isinstance(driver.app.screen, TextDialog)
        driver.app.screen.query_one(PromptInput).text = "Be brief."
        await driver.press("enter")
        await driver.send("hi")
        assert driver.services.engine.seen[-1][0].content == "Be brief."


async def test_commands_are_hinted_completed_and_obeyed(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.type("/re")
        await driver.sees("/rename /resend")
        await driver.type("n")
        await driver.sees("/rename TITLE: give this chat another title")
        await driver.press("tab")
        assert driver.app.focused.text == "/rename "
        await driver.type("Greetings")
        await driver.press("enter")
        await driver.sees("Renamed to “Greetings”.")
        await command(driver, "/gibberish")
        await driver.sees("There is no command /gibberish.")
        await driver.press("ctrl+u")
        await command(driver, "/help")
        assert isinstance(driver.app.screen, HelpScreen)


async def test_every_command_of_the_table_is_known_to_the_screen(open_app: Opener) -> None:
    async with open_app() as driver:
        assert list(driver.chat.commands) == list(COMMANDS)


async def test_a_path_is_sent_as_a_message(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("/usr/bin is what?")
        await driver.sees("/usr/bin is what?", "Hello there.")


async def test_edit_as_a_command_corrects_the_last_answer(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await command(driver, "/edit Good morning.")
        await driver.sees("Kept as a correction", "Good morning.")


async def test_alt_up_walks_through_earlier_messages(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("one")
        await driver.send("two")
        await driver.type("draft")
        await driver.press("alt+up")
        assert driver.app.focused.text == "two"
        await driver.press("alt+up", "alt+up")
        assert driver.app.focused.text == "one"
        await driver.press("alt+down", "alt+down")
        assert driver.app.focused.text == "draft"


async def test_code_blocks_are_copied_one_after_the_other(open_app: Opener, services) -> None:
    answer = "So:\n\n```python\nprint(1)\n```\n\nor\n\n```\nls\npwd\n```"
    async with open_app(replace(services, engine=ScriptedEngine([answer]))) as driver:
        await driver.send("hi")
        await driver.press("up", "Y")
        assert driver.app.clipboard == "print(1)"
        await driver.press("Y")
        assert driver.app.clipboard == "ls\npwd"
        await driver.sees("Copied code block 2 of 2, 2 lines.")


async def test_s_saves_an_answer_to_a_new_file(open_app: Opener, tmp_path: Path) -> None:
    file = tmp_path / "answer.md"
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "s")
        driver.app.screen.query_one(Input).value = str(file)
        await driver.press("enter")
        await driver.sees("Saved to")
        assert file.read_text() == "Hello there.\n"


async def test_the_list_of_chats_grows_at_its_end(open_app: Opener, store: Store) -> None:
    for number in range(120):
        store.chats.create(f"Chat {number}")
    async with open_app() as driver:
        await driver.press("f4")
        chats = driver.chat.query_one(ChatList)
        assert chats.option_count == 100
        await driver.press("end")
        await driver.until(lambda: chats.option_count == 120)
        assert chats.highlighted == 99


async def test_the_meter_tells_when_the_context_is_nearly_full(open_app: Opener, services) -> None:
    engine = ScriptedEngine()
    engine.context_tokens = 10
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.send("hi there")
        await driver.sees("context 9/10 (90% full)")
        await driver.send("more")
        await driver.sees("full, the oldest messages are not seen")
