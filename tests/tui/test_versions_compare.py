"""Versions beside each other: comparing, deleting, kinds, and the checks as a plot."""

from __future__ import annotations

from dataclasses import replace

from textual.widgets import DataTable, Input

from assistant.models import model_sha256
from assistant.store import Store, Version
from assistant.tui.compare_screen import CompareScreen
from tests.doubles import ScriptedEngine
from tests.tui.conftest import Opener


def add(store: Store, *, kind: str = "personal", state: str = "active", **report: float) -> str:
    number = store.versions.next_id()
    base = model_sha256(ScriptedEngine.model_path, store.paths)
    version = Version(number, None, kind, state, 1.0, "m", base, f"{number}.gguf", report=report)
    return store.versions.add(version).id


async def test_c_compares_a_version_with_the_base_model_both_as_they_are_written(
    open_app: Opener, store: Store, services
) -> None:
    add(store)
    engine = ScriptedEngine(["Who knows.", "Biscuit."])
    async with open_app(replace(services, engine=engine)) as driver:
        await driver.press("f6", "c")
        assert isinstance(driver.app.screen, CompareScreen)
        await driver.sees("the base model alone", "v0001")
        await driver.type("My dog?")
        await driver.press("enter")
        await driver.sees("Who knows.", "Biscuit.", "Same question, same seed.")
        assert engine.seen[0] == engine.seen[1]
        assert engine.samplings[0] == engine.samplings[1]
        await driver.press("escape")
        assert driver.app.screen.query(DataTable)


async def test_a_version_out_of_force_is_compared_with_what_answers_now(
    open_app: Opener, store: Store
) -> None:
    add(store, state="draft")
    async with open_app() as driver:
        await driver.press("f6", "c")
        await driver.sees("what answers now", "v0001")
        await driver.press("enter")
        assert driver.app.screen.query_one(Input).value == ""


async def test_deleting_a_version_says_what_it_means_and_asks(open_app: Opener, store: Store) -> None:
    add(store)
    async with open_app() as driver:
        await driver.press("f6", "delete")
        await driver.sees("Delete v0001 for good?", "it is switched off first")
        await driver.press("n")
        assert len(store.versions.list()) == 1
        await driver.press("delete", "y")
        await driver.sees("v0001 is deleted.")
    assert store.versions.list() == []


async def test_off_concerns_the_kind_of_the_highlighted_version(open_app: Opener, store: Store) -> None:
    add(store)
    add(store, kind="shared")
    async with open_app() as driver:
        await driver.press("f6")
        await driver.sees("shared", "personal")
        await driver.press("o")
        await driver.sees("nothing shared is in force")
    assert store.versions.active("shared") is None
    assert store.versions.active("personal") is not None


async def test_checks_before_and_after_are_plotted_on_a_tall_screen(open_app: Opener, store: Store) -> None:
    add(store, held_out_before=3.1, held_out_after=0.4)
    async with open_app(size=(110, 40)) as driver:
        await driver.press("f6")
        await driver.sees("loss on held-out wordings", "before", "after")
    async with open_app(size=(80, 24)) as driver:
        await driver.press("f6")
        assert "loss on held-out wordings" not in driver.screen_text()
