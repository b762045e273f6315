"""The screen for forgetting: choose, see what depends on it, say yes, read the receipt."""

from __future__ import annotations

from textual.widgets import Input

from assistant.store import Store, Version
from assistant.tui.chat_screen import ChatScreen
from assistant.tui.forget_screen import ForgetScreen
from tests.tui.conftest import Opener


def learned(store: Store, *pair_ids: int) -> None:
    store.versions.add(
        Version("v0001", None, "personal", "active", 1.0, "m", "0" * 64, "v0001.gguf", pair_ids=pair_ids)
    )


async def test_a_word_is_forgotten_after_its_preview_and_a_question(open_app: Opener, store: Store) -> None:
    pair = store.pairs.add("What is my dog called?", "Biscuit.", source="added")
    learned(store, pair.id)
    async with open_app() as driver:
        await driver.send("My dog is Biscuit.")
        await driver.press("ctrl+o")
        assert isinstance(driver.app.screen, ForgetScreen)
        await driver.press("f")
        await driver.sees("Choose something that there is first.")
        await driver.press("down", "enter")
        await driver.type("f")  # a letter is typed here, and is no key
        assert driver.app.screen.query_one(Input).value == "f"
        await driver.press("backspace")
        await driver.type("biscuit")
        await driver.press("enter")
        await driver.sees("What depends on it", "2 messages", "1 whole chat", "1 pair", "v0001 answers now")
        await driver.press("f")
        await driver.sees("Forget 2 messages, 1 whole chat, 1 pair, v0001 for good?")
        await driver.press("n")
        await driver.sees("Nothing was forgotten.")
        assert len(store.pairs.list()) == 1
        await driver.press("up", "down", "enter")
        await driver.type("biscuit")
        await driver.press("enter")
        await driver.sees("Press f to forget all of this.")
        await driver.press("f", "y")
        await driver.sees("Receipt", "Gone: 2 messages, 1 pair, 1 version", "The base model answers now.")
        await driver.press("escape")
        assert isinstance(driver.app.screen, ChatScreen)
        assert driver.chat.open_chat_id is None
        assert "Biscuit" not in driver.screen_text()
    assert store.chats.list() == []


async def test_the_focused_message_and_the_open_chat_are_offered(open_app: Opener, store: Store) -> None:
    async with open_app() as driver:
        await driver.send("one")
        await driver.send("two")
        await driver.press("up", "up", "ctrl+o")
        await driver.sees("This message, and the replies to it", "This whole chat")
        await driver.press("enter")
        await driver.sees("2 messages")
        await driver.press("f", "y")
        await driver.sees("Forgotten.")
        await driver.press("escape")
        await driver.until(lambda: isinstance(driver.app.screen, ChatScreen))
        assert [turn.content for turn in store.chats.turns(1)] == ["one", "Hello there."]
        assert "two" not in driver.screen_text()


async def test_what_is_left_is_learned_anew_as_a_run_of_the_app(open_app: Opener, store: Store) -> None:
    pair = store.pairs.add("What is my dog called?", "Biscuit.", source="added")
    store.pairs.add("What tea do I like?", "Jasmine.", source="added")
    learned(store, pair.id, 2)
    async with open_app() as driver:
        await driver.press("ctrl+o", "enter")
        await driver.type("biscuit")
        await driver.press("enter")
        await driver.sees("Press f to forget all of this.")
        await driver.press("f", "y")
        await driver.until(lambda: store.forgettings.get(1).receipt.get("outcome") == "relearned")


async def test_dates_and_a_mistyped_date(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.press("ctrl+o", "down", "enter")
        await driver.type("someday")
        await driver.press("enter")
        await driver.sees("is not a date.")
        await driver.press("enter")
        await driver.type("2001-01-01 2001-12-31")
        await driver.press("enter")
        await driver.sees("nothing depends on this")
