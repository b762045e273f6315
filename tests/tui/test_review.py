"""The review tray: ten at a time, each key, and what it leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import OptionList

from assistant.settings import Settings
from assistant.store import Store
from assistant.tui.chat_screen import ChatScreen
from assistant.tui.edit_screen import EditScreen
from assistant.tui.review_screen import ReviewScreen
from selection.buffer import SelectionBuffer
from tests.doubles import ScriptedServices
from tests.kept import keep
from tests.tui.conftest import Driver, Opener


@pytest.fixture
def twelve(store: Store) -> list[int]:
    """Twelve kept replies; the last one is worth most, the first one least."""
    buffer = SelectionBuffer(store.db, store.paths.index)
    return [keep(store, buffer, f"Question {n}?", f"Answer {n}.", loss=float(n)).id for n in range(1, 13)]


async def open_tray(driver: Driver) -> None:
    await driver.press("ctrl+r")
    await driver.until(lambda: isinstance(driver.app.screen, ReviewScreen))
    await driver.until(lambda: driver.app.screen.query_one(OptionList).option_count > 0)


def listed(driver: Driver) -> list[str]:
    options = driver.app.screen.query_one(OptionList).options
    return [str(option.prompt).partition("?")[0] for option in options]


def sources(store: Store) -> list[tuple[str, str]]:
    return [(pair.answer, pair.source) for pair in store.pairs.list()]


async def test_ctrl_r_offers_ten_the_best_first_and_shows_one_in_full(
    open_app: Opener, twelve: list[int]
) -> None:
    async with open_app() as driver:
        await open_tray(driver)
        assert listed(driver) == [f"Question {n}" for n in range(12, 2, -1)]
        await driver.sees("Was this good? 10 answers here", "You Question 12? Assistant Answer 12.")
        await driver.press("down")
        await driver.sees("You Question 11? Assistant Answer 11.")


async def test_the_palette_and_f1_know_the_review(open_app: Opener, twelve: list[int]) -> None:
    async with open_app(size=(100, 110)) as driver:
        await driver.press("f1")
        await driver.sees("Review of answers (^r)", "It's fine", "Next ten", "f7 Asked: it's fine")
        await driver.press("escape", "ctrl+p")
        await driver.type("review")
        await driver.sees("Judge ten kept answers with single keys (^r)")
        await driver.press("down", "enter")
        await driver.until(lambda: isinstance(driver.app.screen, ReviewScreen))


async def test_plus_minus_and_n_judge_the_highlighted_one(
    open_app: Opener, twelve: list[int], store: Store
) -> None:
    async with open_app() as driver:
        await open_tray(driver)
        await driver.press("+")
        await driver.sees("Kept as a good answer", "9 answers here")
        await driver.press("down", "-")
        await driver.sees("Noted as bad", "8 answers here")
        await driver.press("n")
        await driver.sees("You won't be asked about this again.", "7 answers here")
        assert listed(driver)[:2] == ["Question 11", "Question 8"]
    assert sources(store) == [("Answer 12.", "good")]
    judged = [(each.turn_id, each.outcome) for each in store.questions.history()]
    assert judged == [(twelve[11], "fine"), (twelve[9], "bad"), (twelve[8], "never")]


async def test_e_writes_what_it_should_have_said(open_app: Opener, twelve: list[int], store: Store) -> None:
    async with open_app() as driver:
        await open_tray(driver)
        await driver.press("e")
        await driver.sees("What should it have said?", "You asked: Question 12?")
        await driver.type("Something else.")
        await driver.press("enter")
        await driver.sees("Kept as a correction", "9 answers here")
        await driver.press("e", "escape")
        await driver.until(lambda: not isinstance(driver.app.screen, EditScreen))
        assert len(listed(driver)) == 9
    assert sources(store) == [("Something else.", "edit")]


async def test_u_takes_the_last_judgement_back(open_app: Opener, twelve: list[int], store: Store) -> None:
    async with open_app() as driver:
        await open_tray(driver)
        await driver.press("u")
        await driver.sees("There is nothing to take back yet.")
        await driver.press("+", "n")
        await driver.sees("You won't be asked")
        await driver.press("u")
        await driver.sees("Took back “never”.")
        await driver.press("u")
        await driver.sees("Took back “good”", "10 answers here")
        assert listed(driver)[:2] == ["Question 12", "Question 11"]
    assert sources(store) == [] and store.questions.history() == []


async def test_m_goes_on_to_the_next_ten(open_app: Opener, twelve: list[int]) -> None:
    async with open_app() as driver:
        await open_tray(driver)
        await driver.press("m")
        await driver.sees("2 answers here")
        assert listed(driver) == ["Question 2", "Question 1"]
        await driver.press("m")
        await driver.sees("These are the last ones.")
        await driver.press("+", "+")
        await driver.sees("Nothing is left to review.")
        await driver.press("+", "e", "-", "n")
        assert isinstance(driver.app.screen, ReviewScreen)


async def test_after_the_tenth_the_next_ones_come_by_themselves(open_app: Opener, twelve: list[int]) -> None:
    async with open_app() as driver:
        await open_tray(driver)
        await driver.press(*["-"] * 10)
        await driver.sees("2 answers here")


async def test_escape_goes_back_and_is_no_dismissal(
    open_app: Opener, twelve: list[int], store: Store
) -> None:
    async with open_app() as driver:
        await open_tray(driver)
        await driver.press("escape")
        await driver.until(lambda: isinstance(driver.app.screen, ChatScreen))
    assert store.questions.history() == []


async def test_the_chat_behind_shows_what_was_judged(
    open_app: Opener, twelve: list[int], store: Store
) -> None:
    async with open_app() as driver:
        await driver.chat.open_chat(store.chats.turn(twelve[11]).chat_id)
        await open_tray(driver)
        await driver.press("-", "escape")
        await driver.sees("Assistant · bad")


async def test_without_anything_kept_it_says_where_answers_come_from(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.press("ctrl+r")
        await driver.sees("Nothing is left to review. Answers come here when")


async def test_with_learning_off_it_says_so(
    open_app: Opener, services: ScriptedServices, twelve: list[int]
) -> None:
    async with open_app(replace(services, settings=Settings(learn=False))) as driver:
        await driver.press("ctrl+r")
        await driver.sees("Learning is off in the settings")


async def test_a_chat_deleted_meanwhile_is_an_error_that_names_the_turn(
    open_app: Opener, twelve: list[int], store: Store
) -> None:
    async with open_app() as driver:
        await open_tray(driver)
        store.chats.delete(store.chats.turn(twelve[11]).chat_id)
        await driver.press("+")
        await driver.sees("There is no turn")


@pytest.mark.parametrize("size", [(120, 40), (60, 24)])
async def test_the_keys_are_in_the_footer_at_any_size(
    open_app: Opener, twelve: list[int], size: tuple[int, int]
) -> None:
    async with open_app(size=size) as driver:
        await open_tray(driver)
        await driver.sees("+ It's fine", "e Write it", "- Bad", "n Never")
