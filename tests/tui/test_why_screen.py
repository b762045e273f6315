"""The key w on an answer: evidence for where it comes from."""

from __future__ import annotations

from assistant.tui.why_screen import WhyScreen
from tests.tui.conftest import Opener


async def test_w_shows_evidence_about_the_focused_answer(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "w")
        assert isinstance(driver.app.screen, WhyScreen)
        await driver.sees("What this suggests", "The base model alone says the same", "evidence, not proof")
        await driver.press("escape")
        await driver.sees("Hello there.")


async def test_without_an_answer_there_is_nothing_to_look_at(open_app: Opener) -> None:
    async with open_app() as driver:
        driver.chat.action_why()
        await driver.sees("There is no saved answer to look at.")
