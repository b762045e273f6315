"""Pairs before their first use, what is behind learning, and tuning that starts by itself."""

from __future__ import annotations

from dataclasses import replace

from textual.widgets import Input

from assistant.settings import Settings
from assistant.store import Store, Version
from assistant.tui.behind_screen import BehindScreen
from assistant.tui.pair_dialog import PairDialog
from tests.tui.conftest import Opener


async def test_e_changes_what_will_be_learned(open_app: Opener, store: Store) -> None:
    store.pairs.add("What is my dog called?", "Rex.", source="statement")
    async with open_app() as driver:
        await driver.press("f5", "e")
        assert isinstance(driver.app.screen, PairDialog)
        driver.app.screen.query_one("#answer", Input).value = "Biscuit."
        await driver.press("enter")
        await driver.sees("Changed: this is what will be learned.", "Biscuit.")
        await driver.press("e", "escape")
    assert [pair.answer for pair in store.pairs.list("active")] == ["Biscuit."]


async def test_a_pair_is_deleted_after_a_question(open_app: Opener, store: Store) -> None:
    store.pairs.add("What is my dog called?", "Rex.", source="statement")
    async with open_app() as driver:
        await driver.press("f5", "ctrl+d")
        await driver.sees("Delete this pair for good?")
        await driver.press("y")
        await driver.sees("Deleted.", "Nothing waits to be learned.")
    assert store.pairs.list(None) == []


async def test_the_cost_of_the_next_tuning_is_told_from_the_last_one(open_app: Opener, store: Store) -> None:
    store.pairs.add("Q?", "A.", source="edit")
    async with open_app() as driver:
        await driver.press("f5")
        await driver.sees("What tuning costs is known after the first run.")
    report = {"seconds": {"load": 1.0, "tune": 30.0}}
    store.versions.add(
        Version(
            "v0001",
            None,
            "personal",
            "draft",
            1.0,
            "layer-chain",
            "0" * 64,
            "f",
            pair_ids=(1,),
            report=report,
        )
    )
    async with open_app() as driver:
        await driver.press("f5")
        await driver.sees("about 31 s, as v0001 took.")


async def test_b_shows_what_is_noticed_kept_asked_and_learned(open_app: Opener, store: Store) -> None:
    store.pairs.add("Who am I?", "Ada.", source="statement", state="unconfirmed")
    report = {"held_out_before": 3.0, "held_out_after": 0.5}
    store.versions.add(Version("v0001", None, "personal", "draft", 1.0, "m", "0" * 64, "f", report=report))
    async with open_app() as driver:
        await driver.press("f5", "b")
        assert isinstance(driver.app.screen, BehindScreen)
        await driver.sees(
            "Who am I? → Ada. (not checked yet)",
            "0 of 128 places",
            "What you may be asked about next (3 more today)",
            "v0001 draft",
            "held-out loss 3.00 → 0.50",
        )
        await driver.press("escape")
        await driver.sees("Nothing waits")


async def test_tuning_starts_by_itself_when_the_rule_says_so(open_app: Opener, services, monkeypatch) -> None:
    monkeypatch.setattr("assistant.tui.app.LOOK_EVERY_S", 0.05)
    monkeypatch.setattr("assistant.triggers.QUIET_S", 0.0)
    services.store.pairs.add("Q?", "A.", source="edit")
    settings = Settings(tune_when="after-pairs", tune_after_pairs=1, tune_on_battery=True)
    async with open_app(replace(services, settings=settings)) as driver:
        await driver.sees("Learned 1 pair; it is in force now.")


async def test_the_three_switches_are_always_in_the_status_line(open_app: Opener, services) -> None:
    async with open_app() as driver:
        await driver.sees("saving on · learning on · sharing off")
    off = Settings(remember_chats=False, learn=False)
    async with open_app(replace(services, settings=off)) as driver:
        await driver.sees("saving off · learning off · sharing off")
