"""Answering again, going on, versions, sending again, deleting, forking: every action by its key."""

from __future__ import annotations

from dataclasses import replace

from assistant.store import Store
from assistant.tui.dialogs import ConfirmDialog
from assistant.tui.prompt import PromptInput
from assistant.tui.turn_view import AnswerView, UserView
from tests.doubles import ScriptedEngine
from tests.tui.conftest import Driver, Opener


def contents(store: Store) -> list[str]:
    return [turn.content for turn in store.chats.turns(store.chats.list()[0].id)]


async def idle(driver: Driver) -> None:
    await driver.until(lambda: not driver.chat.is_answering)


async def test_r_keeps_the_former_answer_and_arrows_lead_to_it(open_app: Opener, services) -> None:
    async with open_app(replace(services, engine=ScriptedEngine(["First try.", "Second try."]))) as driver:
        await driver.send("hi")
        await driver.press("up", "r")
        await idle(driver)
        await driver.sees("Assistant · version 2 of 2", "Second try.")
        await driver.press("up", "left")
        await driver.sees("Assistant · version 1 of 2", "First try.", "Learning follows what is shown")
        assert contents(driver.store) == ["hi", "First try."]
        await driver.press("left")
        await driver.sees("There is no further version.")
        await driver.press("right")
        await driver.sees("Second try.")
        assert isinstance(driver.app.focused, AnswerView)


async def test_an_earlier_answer_is_written_again_and_what_followed_is_kept(
    open_app: Opener, services
) -> None:
    async with open_app(replace(services, engine=ScriptedEngine(["One.", "Two.", "Other."]))) as driver:
        await driver.send("first")
        await driver.send("second")
        await driver.press("up", "up", "up", "r")
        await idle(driver)
        await driver.sees("Other.", "What followed is kept")
        assert contents(driver.store) == ["first", "Other."]
        await driver.press("up", "left")
        await driver.sees("One.", "second", "Two.")


async def test_a_marked_answer_keeps_its_mark_beside_the_new_one(open_app: Opener, services) -> None:
    async with open_app(replace(services, engine=ScriptedEngine(["One.", "Two."]))) as driver:
        await driver.send("hi")
        await driver.press("up", "+")
        await driver.sees("Assistant · good")
        await driver.press("r")
        await idle(driver)
        assert driver.store.pairs.list("active") == []
        await driver.press("up", "left")
        await driver.sees("version 1 of 2 ← → · good")
        assert [pair.answer for pair in driver.store.pairs.list("active")] == ["One."]


async def test_c_lets_a_stopped_answer_go_on(open_app: Opener, services) -> None:
    engine = ScriptedEngine(["one two three", "and more"], hold_after=2)
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.type("count")
        await driver.press("enter")
        await driver.until(engine.holding.is_set)
        await driver.press("escape")
        await idle(driver)
        engine.release.set()
        await driver.press("up", "c")
        await idle(driver)
        await driver.sees("one twoand more")
        assert contents(driver.store) == ["count", "one twoand more"]


async def test_a_model_with_nothing_to_add_says_so(open_app: Opener, services) -> None:
    async with open_app(replace(services, engine=ScriptedEngine(["one two", ""]))) as driver:
        await driver.send("count")
        await driver.press("up", "c")
        await idle(driver)
        await driver.sees("The model has nothing to add.")
        assert contents(driver.store) == ["count", "one two"]


async def test_an_answer_at_its_longest_says_how_it_goes_on(open_app: Opener, services) -> None:
    engine = ScriptedEngine(["one two"])
    engine.stops = "length"
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.send("count")
        await driver.sees("reached the longest length. ↑ and c")


async def test_e_on_an_own_message_sends_it_again_in_other_words(open_app: Opener, services) -> None:
    async with open_app(replace(services, engine=ScriptedEngine(["One.", "Two."]))) as driver:
        await driver.send("hi")
        await driver.type("draft")
        await driver.press("ctrl+up", "up")
        assert isinstance(driver.app.focused, UserView)
        await driver.press("e")
        assert isinstance(driver.app.focused, PromptInput)
        assert driver.app.focused.text == "hi"
        await driver.sees("another version of your message")
        await driver.type("!")
        await driver.press("enter")
        await idle(driver)
        await driver.sees("You · version 2 of 2", "Two.")
        assert contents(driver.store) == ["hi!", "Two."]
        assert driver.app.focused.text == "draft"


async def test_escape_leaves_the_message_and_brings_the_draft_back(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.type("draft")
        await driver.press("ctrl+up", "up", "e", "escape")
        assert driver.app.focused.text == "draft"
        await driver.press("enter")
        await idle(driver)
        assert contents(driver.store)[:3] == ["hi", "Hello there.", "draft"]


async def test_delete_asks_and_removes_a_message_with_its_answer(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("one")
        await driver.send("two")
        await driver.press("up", "up", "delete")
        await driver.until(lambda: isinstance(driver.app.screen, ConfirmDialog))
        await driver.sees("Delete this message with its answer")
        await driver.press("n")
        await driver.sees("Nothing was deleted.")
        await driver.press("delete", "y")
        await driver.sees("2 messages are deleted.")
        assert contents(driver.store) == ["one", "Hello there."]


async def test_f_goes_on_in_a_copy(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("one")
        await driver.send("two")
        await driver.press("up", "up", "up", "f")
        await driver.sees("one (fork)", "new chat with copies")
        await driver.send("three")
        titles = {chat.title: chat.turns for chat in driver.store.chats.list()}
        assert titles == {"one (fork)": 4, "one": 4}


async def test_search_shows_the_version_that_holds_the_words(open_app: Opener, services) -> None:
    async with open_app(replace(services, engine=ScriptedEngine(["Rye bread.", "Wheat."]))) as driver:
        await driver.send("hi")
        await driver.press("up", "r")
        await idle(driver)
        await driver.press("f3")
        await driver.type("rye")
        await driver.sees("1 found")
        await driver.press("enter")
        await driver.sees("Rye bread.", "version 1 of 2", "another version of the chat")


async def test_a_full_context_is_told_and_drawn(open_app: Opener, services) -> None:
    engine = ScriptedEngine()
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.send("one")
        engine.dropped = 2
        await driver.send("two")
        await driver.sees("The context is full: the model did not see the 2 oldest messages")
        await driver.sees("▲ The context is full: the model no longer sees what is above")


async def test_up_past_the_first_message_brings_earlier_ones(open_app: Opener, store: Store) -> None:
    chat = store.chats.create("Long")
    for number in range(20):
        turn = store.chats.add_turn(chat.id, "user", f"question {number}x")
        store.chats.add_turn(chat.id, "assistant", f"answer {number}x", reply_to=turn.id)
    async with open_app() as driver:
        await driver.press("f4", "enter")
        await driver.sees("10 earlier messages")
        driver.chat.query(UserView).first().focus()
        await driver.press("up")
        await driver.until(lambda: len(driver.chat.query(UserView)) == 20)
        assert driver.app.focused.text == "answer 4x"
