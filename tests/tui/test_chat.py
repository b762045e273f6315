"""Writing, receiving, stopping and walking through messages."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from textual import events

from assistant.errors import ModelError
from assistant.settings import Settings
from assistant.tui.chat_list import ChatList
from assistant.tui.prompt import PromptInput
from assistant.tui.turn_view import AnswerView, UserView
from tests.doubles import ScriptedEngine
from tests.tui.conftest import Opener


async def test_the_app_opens_ready_to_type(open_app: Opener) -> None:
    async with open_app() as driver:
        assert isinstance(driver.app.focused, PromptInput)
        await driver.sees("Ask something.", "scripted-model", "learned: nothing yet", "learning on")
        await driver.sees("sharing off", "context –/4096")


async def test_enter_sends_and_the_answer_is_shown_and_saved(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi there")
        await driver.sees("You", "hi there", "Assistant", "Hello there.", "42 tok/s")
        (chat,) = driver.store.chats.list()
        turns = driver.store.chats.turns(chat.id)
        assert [(turn.role, turn.content, turn.state) for turn in turns] == [
            ("user", "hi there", "done"),
            ("assistant", "Hello there.", "done"),
        ]
        assert len(driver.services.finished) == 1


async def test_the_context_meter_shows_what_the_chat_takes(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi there")
        # 5 words of the system prompt, 2 + 2 of the chat
        await driver.sees("context 9/4096")


async def test_the_answer_is_shown_as_markdown(open_app: Opener, services) -> None:
    async with open_app(replace(services, engine=ScriptedEngine(["It is **bold** and `code`."]))) as driver:
        await driver.send("hi")
        await driver.sees("It is bold and code.")


async def test_ctrl_j_adds_a_line(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.type("one\ntwo")
        assert driver.app.focused.text == "one\ntwo"


async def test_keys_that_arrive_in_one_burst_keep_their_order(open_app: Opener) -> None:
    async with open_app() as driver:
        for key in ("o", "n", "e", "ctrl+j", "t", "w", "o", "enter", "m", "e"):
            event = events.Key(key, key if len(key) == 1 else None)
            driver.app.post_message(event)
        await driver.sees("Hello there.")
        (chat,) = driver.store.chats.list()
        assert driver.store.chats.turns(chat.id)[0].content == "one\ntwo"
        assert driver.app.focused.text == "me"


async def test_a_trailing_backslash_adds_a_line(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.type("one")
        await driver.press("backslash", "enter")
        await driver.type("two")
        assert driver.app.focused.text == "one\ntwo"
        assert driver.store.chats.list() == []


async def test_pasted_lines_stay_together(open_app: Opener) -> None:
    from textual.events import Paste

    async with open_app() as driver:
        driver.app.post_message(Paste("first\nsecond"))
        await driver.until(lambda: driver.app.focused.text == "first\nsecond")


async def test_an_empty_message_is_not_sent(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.press("space", "enter")
        assert driver.store.chats.list() == []


async def test_escape_stops_and_keeps_the_partial_answer(open_app: Opener, services) -> None:
    engine = ScriptedEngine(["one two three four"], hold_after=2)
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.type("count")
        await driver.press("enter")
        await driver.until(engine.holding.is_set)
        await driver.sees("writing…", "Esc stops")
        await driver.press("escape")
        await driver.sees("stopped, partial answer kept", "one two")
        (chat,) = driver.store.chats.list()
        reply = driver.store.chats.turns(chat.id)[-1]
        assert (reply.content.split(), reply.state) == (["one", "two"], "stopped")


async def test_typing_goes_on_while_a_reply_is_written(open_app: Opener, services) -> None:
    engine = ScriptedEngine(["one two three"], hold_after=1)
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.type("count")
        await driver.press("enter")
        await driver.until(engine.holding.is_set)
        await driver.type("next")
        await driver.press("enter")
        await driver.sees("A reply is still being written")
        assert driver.app.focused.text == "next"
        engine.release.set()
        await driver.sees("one two three")


async def test_a_message_sent_before_the_model_is_ready_waits_visibly(open_app: Opener, services) -> None:
    loads = threading.Event()
    async with open_app(replace(services, engine=ScriptedEngine(loads=loads))) as driver:
        try:
            await driver.type("hi")
            await driver.press("enter")
            await driver.sees("Assistant · loading the model…", "s · context –/4096")
            assert driver.store.chats.turns(driver.store.chats.list()[0].id)[0].content == "hi"
        finally:
            loads.set()
        await driver.sees("Hello there.", "scripted-model")


async def test_a_model_that_cannot_load_is_named_with_the_next_step(open_app: Opener, services) -> None:
    error = ModelError("There is no model at tiny.gguf.", hint="Point the setting `model` at a GGUF file.")
    engine = ScriptedEngine(load_error=error)
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.sees("There is no model at tiny.gguf.", "Point the setting", "no model loaded")


async def test_a_failed_reply_keeps_the_message_and_r_tries_again(open_app: Opener, services) -> None:
    engine = ScriptedEngine(error=ModelError("The message does not fit."))
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.send("hi")
        await driver.sees("The message does not fit.", "Your message is kept", "no answer")
        engine.error = None
        await driver.press("up", "r")
        await driver.sees("Hello there.")
        (chat,) = driver.store.chats.list()
        assert [turn.role for turn in driver.store.chats.turns(chat.id)] == ["user", "assistant"]


async def test_r_writes_the_last_answer_anew(open_app: Opener, services) -> None:
    engine = ScriptedEngine(["First try.", "Second try."])
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.send("hi")
        await driver.press("up", "r")
        await driver.sees("Second try.")
        (chat,) = driver.store.chats.list()
        assert [turn.content for turn in driver.store.chats.turns(chat.id)] == ["hi", "Second try."]


@pytest.mark.parametrize("key", ["up", "ctrl+up"])
async def test_up_walks_through_the_messages_and_down_returns(open_app: Opener, key: str) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press(key)
        assert isinstance(driver.app.focused, AnswerView)
        await driver.press(key)
        assert isinstance(driver.app.focused, UserView)
        await driver.press(key.replace("up", "down"), key.replace("up", "down"))
        assert isinstance(driver.app.focused, PromptInput)


async def test_y_copies_the_focused_message(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "y")
        assert driver.app.clipboard == "Hello there."
        await driver.sees("Copied 12 characters.")


async def test_escape_leads_back_to_the_prompt(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "escape")
        assert isinstance(driver.app.focused, PromptInput)


async def test_without_saving_the_status_line_says_so_and_nothing_is_written(
    open_app: Opener, services
) -> None:
    async with open_app(replace(services, settings=Settings(remember_chats=False))) as driver:
        await driver.send("hi")
        await driver.sees("Hello there.", "saving off")
        assert driver.store.chats.list() == []
        await driver.press("up", "+")
        await driver.sees("This chat is not saved")


async def test_unsent_text_is_asked_about_before_leaving(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.type("draft")
        await driver.press("ctrl+q")
        await driver.sees("There is unsent text.")
        assert driver.app.is_running
        await driver.press("ctrl+q")
        assert driver.app._exit


async def test_a_narrow_screen_hides_the_chat_list_until_f4(open_app: Opener) -> None:
    async with open_app(size=(60, 24)) as driver:
        await driver.send("hi")
        assert not driver.app.screen.query_one(ChatList).display
        await driver.sees("Hello there.", "sharing off")
        await driver.press("f4")
        await driver.sees("2 messages")
        await driver.press("enter")
        await driver.sees("Hello there.")
        assert isinstance(driver.app.focused, PromptInput)


async def test_a_broken_reply_thread_is_told_and_the_app_goes_on(open_app: Opener, services) -> None:
    class Broken(ScriptedEngine):
        def chat(self, *args: object, **kwargs: object):  # type: ignore[override]
            raise RuntimeError("a defect")

    async with open_app(replace(services, engine=Broken())) as driver:
        await driver.send("hi")
        await driver.sees("Unexpected problem (RuntimeError)", "no answer")
        assert driver.app.is_running
