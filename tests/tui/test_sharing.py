"""The page about learning together: consent with one key, the very bytes that are asked about, the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from assistant.federating.sharing_view import Sent
from assistant.tui.chat_screen import ChatScreen
from assistant.tui.sharing_screen import SharingScreen
from tests.tui.conftest import Driver, Opener


@dataclass
class ScriptedView:
    """A federation in words."""

    is_joined: bool = True
    asked: bytes | None = None
    mode: str = "ask-each-round"
    words: list[tuple[bytes, bool]] = field(default_factory=list)
    entries: list[Sent] = field(default_factory=list)
    waits: bool = True

    def lines(self) -> list[str]:
        return [f"style at 127.0.0.1:9. Taking part: {self.mode}."]

    def sent(self, most: int = 200) -> list[Sent]:
        return self.entries

    def verify(self) -> str:
        return "The chain of 1 entries holds."

    def explain(self, report: bytes) -> list[str]:
        return [report.hex(" ", -4), "Guesses can be tested."]

    def answer(self, report: bytes, word: bool) -> bool:
        self.words.append((report, word))
        self.asked = None
        return self.waits

    def choose(self, mode: str) -> str:
        self.mode = mode
        return mode


@pytest.fixture
def view() -> ScriptedView:
    sent = Sent(3, "2026-03-01T12:00:00+00:00", 7, b"AFED report", "automatic", "ab" * 32)
    return ScriptedView(entries=[sent])


async def show(driver: Driver, view: ScriptedView) -> None:
    driver.app.push_screen(SharingScreen(view))  # type: ignore[arg-type]
    await driver.until(lambda: isinstance(driver.app.screen, SharingScreen))


async def test_it_shows_where_one_stands_and_every_byte_that_left(
    open_app: Opener, view: ScriptedView
) -> None:
    async with open_app() as driver:
        await show(driver, view)
        await driver.sees("Taking part: ask-each-round.", "2026-03-01T12:00:00", "11 bytes:")
        await driver.sees(b"AFED report".hex(" ", -4), "No text leaves")
        await driver.press("v")
        await driver.sees("The chain of 1 entries holds.")
        await driver.press("escape")
        assert isinstance(driver.app.screen, ChatScreen)


@pytest.mark.parametrize(("key", "word", "told"), [("y", True, "Sent."), ("n", False, "Kept here.")])
async def test_a_report_is_sent_or_kept_with_one_key(
    open_app: Opener, view: ScriptedView, key: str, word: bool, told: str
) -> None:
    view.asked = b"the very bytes"
    async with open_app() as driver:
        await show(driver, view)
        await driver.sees("Send the report below?", b"the very bytes".hex(" ", -4), "Guesses can be tested.")
        await driver.press(key)
        assert view.words == [(b"the very bytes", word)]
        await driver.sees(told)
        await driver.press(key)
        await driver.sees("Nothing is asked now.")


async def test_a_round_that_is_over_is_said(open_app: Opener, view: ScriptedView) -> None:
    view.asked, view.waits = b"late", False
    async with open_app() as driver:
        await show(driver, view)
        await driver.press("y")
        await driver.sees("does not wait for it any more")


@pytest.mark.parametrize(
    ("key", "mode"), [("a", "ask"), ("m", "automatic"), ("p", "pause"), ("r", "resume"), ("o", "off")]
)
async def test_how_to_take_part_is_one_key(open_app: Opener, view: ScriptedView, key: str, mode: str) -> None:
    async with open_app() as driver:
        await show(driver, view)
        await driver.press(key)
        await driver.sees(f"Taking part: {mode}.")
        assert view.mode == mode


async def test_the_palette_leads_there_and_says_what_to_do_first(
    open_app: Opener,
) -> None:
    async with open_app() as driver:
        await driver.press("ctrl+p")
        await driver.type("sharing")
        await driver.sees("Consent, and every byte that left")
        await driver.press("enter")
        await driver.until(lambda: isinstance(driver.app.screen, SharingScreen))
        await driver.sees("takes part in no federation")
