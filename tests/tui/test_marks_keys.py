"""The keys on an answer: each mark is kept, shown in words, and says what will happen with it."""

from __future__ import annotations

from dataclasses import replace

from assistant.store import Pair
from assistant.tui.chat_screen import ChatScreen
from assistant.tui.edit_screen import EditScreen
from tests.doubles import ScriptedEngine
from tests.tui.conftest import Driver, Opener


def active_pairs(driver: Driver) -> list[Pair]:
    return driver.store.pairs.list("active")


async def correct_answer(driver: Driver, text: str) -> None:
    """Press e on the last answer and replace its text."""
    await driver.press("up", "e")
    await driver.until(lambda: isinstance(driver.app.screen, EditScreen))
    driver.app.focused.text = text


async def test_plus_keeps_the_answer_as_a_pair(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "+")
        await driver.sees("Assistant · good", "Kept as a good answer", "1 pair waits")
        (pair,) = active_pairs(driver)
        assert (pair.question, pair.answer, pair.source) == ("hi", "Hello there.", "good")


async def test_minus_notes_the_answer_and_points_to_edit(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "-")
        await driver.sees("Assistant · bad", "Press e")
        assert active_pairs(driver) == []


async def test_e_edits_the_answer_into_a_correction(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("who am I?")
        await correct_answer(driver, "You are Ada.")
        await driver.sees("What should it have said?", "You asked: who am I?")
        await driver.press("enter")
        await driver.sees("corrected", "You are Ada.", "Kept as a correction: 1 pair waits", "F5")
        (pair,) = active_pairs(driver)
        assert (pair.question, pair.answer, pair.source) == ("who am I?", "You are Ada.", "edit")


async def test_a_correction_says_which_older_answer_it_replaces_and_undo_brings_it_back(
    open_app: Opener, services
) -> None:
    services.store.pairs.add("who am I?", "You are Bob.", source="added")
    async with open_app(services) as driver:
        await driver.send("who am I?")
        await correct_answer(driver, "You are Ada.")
        await driver.press("enter")
        await driver.sees("replaces the older answer “You are Bob.”")
        assert [pair.answer for pair in active_pairs(driver)] == ["You are Ada."]
        await driver.press("u")
        await driver.sees("the older answer “You are Bob.” is in force again")
        assert [pair.answer for pair in active_pairs(driver)] == ["You are Bob."]


async def test_a_corrected_answer_is_what_the_model_sees_next(open_app: Opener, services) -> None:
    engine = ScriptedEngine()
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.send("who am I?")
        await correct_answer(driver, "You are Ada.")
        await driver.press("ctrl+s")
        await driver.until(lambda: bool(active_pairs(driver)))
        await driver.press("escape")
        await driver.send("sure?")
        assert [message.content for message in engine.seen[-1]][1:] == ["who am I?", "You are Ada.", "sure?"]


async def test_escape_in_the_editor_asks_once_before_dropping_text(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await correct_answer(driver, "Something else.")
        await driver.press("escape")
        await driver.sees("Your correction is not saved.")
        assert isinstance(driver.app.screen, EditScreen)
        await driver.press("escape")
        await driver.until(lambda: isinstance(driver.app.screen, ChatScreen))
        assert active_pairs(driver) == []


async def test_an_unchanged_answer_is_no_correction(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "e", "enter")
        await driver.sees("The answer is unchanged.")
        assert active_pairs(driver) == []


async def test_x_learns_nothing_from_the_turn_and_tells_the_buffer(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "+")
        await driver.sees("Kept as a good answer")
        await driver.press("x")
        await driver.sees("not learned from", "Nothing will be learned from this turn")
        assert active_pairs(driver) == []
        assert len(driver.services.skipped) == 1


async def test_u_takes_back_the_last_mark(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "+")
        await driver.sees("Assistant · good")
        await driver.press("u")
        await driver.sees("Took back “good”: no pair waits.")
        assert "Assistant · good" not in driver.screen_text()
        assert active_pairs(driver) == []


async def test_undo_brings_the_former_text_back(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await correct_answer(driver, "Good morning.")
        await driver.press("enter")
        await driver.sees("Good morning.")
        await driver.press("u")
        await driver.sees("Hello there.", "Took back the correction")


async def test_an_answer_being_written_cannot_be_marked_yet(open_app: Opener, services) -> None:
    engine = ScriptedEngine(["one two three"], hold_after=1)
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.type("hi")
        await driver.press("enter")
        await driver.until(engine.holding.is_set)
        await driver.press("up", "+")
        await driver.sees("There is no finished answer to mark yet.")


async def test_marks_are_shown_when_a_chat_is_opened_again(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("up", "-")
        await driver.sees("Assistant · bad")
        await driver.press("ctrl+n")
        await driver.sees("Ask something.")
        await driver.press("f4", "enter")
        await driver.sees("Assistant · bad")
