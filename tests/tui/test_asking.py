"""The question at a pause: when it appears, and what each of its keys does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from assistant.annotation.asking import Subject
from assistant.keys import effective_keys
from assistant.settings import Settings
from assistant.store import Store, Turn
from assistant.tui import asking
from assistant.tui.edit_screen import EditScreen
from assistant.tui.question_line import QuestionLine, sentence
from selection.buffer import SelectionBuffer
from tests.doubles import ScriptedEngine, ScriptedServices
from tests.kept import keep
from tests.tui.conftest import Driver, Opener

ASKS = "f9 never"
AT_ONCE = Settings(question_pause_s=0, questions_per_session=9, questions_per_day=9)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LOOK_EVERY_S", 0.02)


@pytest.fixture
def kept(store: Store) -> Turn:
    return keep(store, SelectionBuffer(store.db, store.paths.index), "Who am I?", "You are Bob.")


@pytest.fixture
def asks_at_once(services: ScriptedServices, kept: Turn) -> ScriptedServices:
    return replace(services, settings=AT_ONCE)


def question(driver: Driver) -> QuestionLine:
    return driver.app.screen.query_one(QuestionLine)


def outcomes(store: Store) -> list[str]:
    return [each.outcome for each in store.questions.history()]


async def looked(driver: Driver) -> None:
    """Give the app time for several looks."""
    for _ in range(5):
        await driver.pilot.pause(0.02)


async def test_after_a_reply_one_line_asks_and_leaves_the_prompt_alone(
    open_app: Opener, asks_at_once: ScriptedServices
) -> None:
    async with open_app(asks_at_once, size=(140, 36)) as driver:
        await looked(driver)
        assert not question(driver).display
        await driver.send("hi")
        await driver.sees("Was this good?", "“Who am I?” → “You are Bob.”")
        await driver.sees("f7 fine · f8 write it · f9 never · Esc not now")
        assert question(driver).size.height == 1
        assert driver.app.focused is driver.chat._pane.prompt
        await driver.type("fine 789")
        assert driver.chat._pane.prompt.text == "fine 789"


async def test_f7_says_it_is_fine(open_app: Opener, asks_at_once: ScriptedServices, store: Store) -> None:
    async with open_app(asks_at_once) as driver:
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.press("f7")
        await driver.sees("Kept as a good answer, at half weight: 1 pair waits")
        assert not question(driver).display
    assert [(pair.answer, pair.source) for pair in store.pairs.list()] == [("You are Bob.", "good")]
    assert outcomes(store) == ["fine"]


async def test_f8_opens_the_editor_and_keeps_the_correction(
    open_app: Opener, asks_at_once: ScriptedServices, store: Store
) -> None:
    async with open_app(asks_at_once) as driver:
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.press("f8")
        await driver.sees("What should it have said?", "You asked: Who am I?", "You are Bob.")
        await driver.type("You are Ada.")
        await driver.press("enter")
        await driver.sees("Kept as a correction: 1 pair waits")
    assert [(pair.answer, pair.source) for pair in store.pairs.list()] == [("You are Ada.", "edit")]
    assert outcomes(store) == ["corrected"]


async def test_leaving_the_editor_keeps_the_question(
    open_app: Opener, asks_at_once: ScriptedServices, store: Store
) -> None:
    async with open_app(asks_at_once) as driver:
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.press("f8")
        await driver.until(lambda: isinstance(driver.app.screen, EditScreen))
        await driver.press("escape")
        await driver.sees(ASKS)
    assert outcomes(store) == ["open"]


async def test_f9_never_asks_about_it_again(
    open_app: Opener, asks_at_once: ScriptedServices, store: Store
) -> None:
    async with open_app(asks_at_once) as driver:
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.press("f9")
        await driver.sees("You won't be asked about this again.")
        await driver.press("ctrl+r")
        await driver.sees("Nothing is left to review.")
    assert outcomes(store) == ["never"] and store.pairs.list() == []


async def test_escape_dismisses_and_the_review_keeps_it(
    open_app: Opener, asks_at_once: ScriptedServices, store: Store
) -> None:
    async with open_app(asks_at_once) as driver:
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.press("escape")
        await driver.sees("Not now. It waits in the review.")
        assert not question(driver).display
        await driver.press("ctrl+r")
        await driver.sees("Was this good? 1 answer here", "Who am I?")
    assert outcomes(store) == ["dismissed"]


async def test_two_dismissals_say_that_questions_get_rarer(
    open_app: Opener, asks_at_once: ScriptedServices, store: Store
) -> None:
    keep(store, SelectionBuffer(store.db, store.paths.index), "What is a fjord?")
    async with open_app(asks_at_once) as driver:
        for _ in range(2):
            await driver.send("hi")
            await driver.sees(ASKS)
            await driver.press("escape")
            await driver.until(lambda: not question(driver).display)
        await driver.sees("You will be asked half as often until you answer a question.")


async def test_the_keys_of_the_question_say_when_there_is_none(
    open_app: Opener, services: ScriptedServices
) -> None:
    async with open_app(services) as driver:
        for key in ("f7", "f8", "f9"):
            driver.chat.say("")
            await driver.press(key)
            await driver.sees("No question is open. The review has answers to judge.")


async def test_one_question_in_a_session_by_default(
    open_app: Opener, asks_at_once: ScriptedServices, store: Store
) -> None:
    keep(store, SelectionBuffer(store.db, store.paths.index), "What is a fjord?")
    async with open_app(replace(asks_at_once, settings=Settings(question_pause_s=0))) as driver:
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.press("f7")
        await driver.send("more")
        await looked(driver)
        assert not question(driver).display
    assert outcomes(store) == ["fine"]


async def test_nothing_is_asked_before_the_pause(
    open_app: Opener, services: ScriptedServices, kept: Turn, store: Store
) -> None:
    async with open_app(services) as driver:
        await driver.send("hi")
        await looked(driver)
        assert not question(driver).display
    assert outcomes(store) == []


async def test_nothing_is_asked_while_something_is_typed(
    open_app: Opener, asks_at_once: ScriptedServices
) -> None:
    engine = ScriptedEngine(hold_after=1)
    async with open_app(replace(asks_at_once, engine=engine)) as driver:
        await driver.type("hi")
        await driver.press("enter")
        await driver.until(engine.holding.is_set)
        await driver.type("next")
        engine.release.set()
        await driver.until(lambda: not driver.chat.is_answering)
        await looked(driver)
        assert not question(driver).display
        await driver.press(*["backspace"] * 4)
        await driver.sees(ASKS)


async def test_sending_a_message_withdraws_the_question_and_is_no_dismissal(
    open_app: Opener, asks_at_once: ScriptedServices, store: Store
) -> None:
    async with open_app(asks_at_once) as driver:
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.send("more")
        await looked(driver)
        assert not question(driver).display
    assert outcomes(store) == ["open"]


async def test_never_in_a_private_chat(
    open_app: Opener, asks_at_once: ScriptedServices, store: Store
) -> None:
    async with open_app(asks_at_once) as driver:
        private = store.chats.create("private", learn=False)
        await driver.chat.open_chat(private.id)
        await driver.send("hi")
        await looked(driver)
        assert not question(driver).display
    assert outcomes(store) == []


async def test_never_in_a_chat_that_is_not_saved(open_app: Opener, asks_at_once: ScriptedServices) -> None:
    settings = AT_ONCE.model_copy(update={"remember_chats": False})
    async with open_app(replace(asks_at_once, settings=settings)) as driver:
        await driver.send("hi")
        await looked(driver)
        assert not question(driver).display


async def test_opening_another_chat_takes_the_question_away(
    open_app: Opener, asks_at_once: ScriptedServices
) -> None:
    async with open_app(asks_at_once) as driver:
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.press("ctrl+n")
        await looked(driver)
        assert not question(driver).display


async def test_an_answer_shows_at_the_message_it_is_about(
    open_app: Opener, asks_at_once: ScriptedServices, kept: Turn
) -> None:
    async with open_app(asks_at_once) as driver:
        await driver.chat.open_chat(kept.chat_id)
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.press("f7")
        await driver.sees("Assistant · good")


async def test_what_was_judged_in_the_review_is_not_asked_any_more(
    open_app: Opener, asks_at_once: ScriptedServices
) -> None:
    async with open_app(asks_at_once) as driver:
        await driver.send("hi")
        await driver.sees(ASKS)
        await driver.press("ctrl+r")
        await driver.sees("1 answer here")
        await driver.press("-", "escape")
        await driver.until(lambda: driver.app.screen is driver.chat and not question(driver).display)


async def test_the_palette_answers_too_and_keys_can_be_changed(
    open_app: Opener, asks_at_once: ScriptedServices
) -> None:
    settings = AT_ONCE.model_copy(update={"keys": effective_keys({"asked.fine": "f12"})})
    async with open_app(replace(asks_at_once, settings=settings)) as driver:
        await driver.send("hi")
        await driver.sees(ASKS, "f12 fine")
        await driver.press("ctrl+p")
        await driver.type("asked: never")
        await driver.sees("Don't ask about this one again (f9)")
        await driver.press("down", "enter")
        await driver.sees("You won't be asked about this again.")


@pytest.mark.parametrize("size", [(60, 24), (84, 24), (200, 24)])
async def test_the_question_takes_one_line_at_any_width(
    open_app: Opener, asks_at_once: ScriptedServices, size: tuple[int, int]
) -> None:
    async with open_app(asks_at_once, size=size) as driver:
        await driver.send("hi")
        await driver.sees("Who am", "f7 fine", "f9 never", "Esc")
        assert question(driver).size.height == 1


Say = Callable[[int], str]


@pytest.mark.parametrize("room", [20, 52, 60, 75, 89, 90, 120, 300])
def test_the_sentence_fits_and_always_names_the_keys(room: int) -> None:
    words = "a question that goes on\nand on " * 9
    line = sentence(Subject(1, 1, words, words, 1, 1, 1), room, ["f7", "f8", "f9"])
    assert len(line) <= max(room, 42) and "\n" not in line
    assert all(key in line for key in ("f7 fine", "f8 write", "f9 never", "Esc"))
