"""The learn screen, the versions screen, help and the palette."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.binding import Binding
from textual.widgets import DataTable

from assistant.errors import ModelError
from assistant.store import Store, Version
from assistant.tui.app import AssistantApp
from assistant.tui.behind_screen import BehindScreen
from assistant.tui.chat_list import ChatList
from assistant.tui.chat_screen import ChatScreen
from assistant.tui.compare_screen import CompareScreen
from assistant.tui.dialogs import ConfirmDialog, RenameDialog
from assistant.tui.edit_screen import EditScreen
from assistant.tui.forget_screen import ForgetScreen
from assistant.tui.help_screen import HelpScreen
from assistant.tui.learn_screen import LearnScreen
from assistant.tui.pair_dialog import PairDialog
from assistant.tui.review_screen import ReviewScreen
from assistant.tui.search_screen import SearchScreen
from assistant.tui.turn_view import AnswerView, TurnView
from assistant.tui.verbs import APP_VERBS, CHAT_VERBS
from assistant.tui.versions_screen import VersionsScreen
from assistant.tui.why_screen import WhyScreen
from tests.doubles import ScriptedLearner
from tests.tui.conftest import Opener


def add_version(store: Store, parent: str | None = None) -> str:
    version = Version(
        id=store.versions.next_id(),
        parent=parent,
        kind="personal",
        state="draft",
        strength=1.0,
        method="layer-chain",
        base_sha256="0" * 64,
        path="none.gguf",
        report={"reasons": ["held-out wordings improved"], "seconds": 12.5},
    )
    return store.versions.add(version).id


async def test_f5_shows_what_waits_and_a_run_to_its_result(open_app: Opener, store: Store) -> None:
    store.pairs.add("What is my dog called?", "Biscuit.", source="edit")
    async with open_app() as driver:
        await driver.press("f5")
        await driver.sees(
            "1 pair waits to be learned.", "What is my dog called?", "Biscuit.", "your correction"
        )
        await driver.press("enter")
        await driver.sees("100%", "v0001: active.", "Learned 1 pair", "held-out wordings: loss 3.10 → 0.42")
        await driver.sees("loss while tuning")
        await driver.press("escape")
        await driver.sees("Learned 1 pair; it is in force now.")


async def test_a_run_shows_its_stage_and_goes_on_behind_the_chat(open_app: Opener, services) -> None:
    services.store.pairs.add("Q?", "A.", source="edit")
    learner = ScriptedLearner(services.store, hold_at=5)
    async with open_app(replace(services, learner=learner)) as driver:
        await driver.press("f5", "s")
        await driver.sees("tuning · 38 % · loss 1.000", "step 3 of 10")
        await driver.press("s")
        await driver.sees("A run is already going on.")
        await driver.press("escape")
        await driver.sees("tuning 38 %")
        await driver.send("hi")
        await driver.sees("Hello there.")
        learner.release.set()
        await driver.sees("Learned 1 pair; it is in force now.")


async def test_c_cancels_a_run_and_nothing_is_changed(open_app: Opener, services) -> None:
    services.store.pairs.add("Q?", "A.", source="edit")
    learner = ScriptedLearner(services.store, hold_at=4)
    async with open_app(replace(services, learner=learner)) as driver:
        await driver.press("f5", "s")
        await driver.until(learner.holding.is_set)
        await driver.press("c")
        await driver.sees("Cancelled. Nothing was changed.")


async def test_a_failed_run_names_the_next_step(open_app: Opener, services) -> None:
    services.store.pairs.add("Q?", "A.", source="edit")
    learner = ScriptedLearner(services.store, error=ModelError("Out of memory.", hint="Use a smaller model."))
    async with open_app(replace(services, learner=learner)) as driver:
        await driver.press("f5", "s")
        await driver.sees("Out of memory. Use a smaller model.")


async def test_nothing_to_learn_says_how_to_begin(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.press("f5", "s")
        await driver.sees("Nothing waits to be learned.", "Correct an answer with e")


async def test_delete_drops_a_waiting_pair(open_app: Opener, store: Store) -> None:
    store.pairs.add("Q?", "A.", source="edit")
    async with open_app() as driver:
        await driver.press("f5", "down", "delete")
        await driver.sees("Dropped", "Nothing waits to be learned.")
        assert store.pairs.list("active") == []


async def test_f6_lists_versions_and_enter_uses_one(open_app: Opener, store: Store) -> None:
    first = add_version(store)
    add_version(store, first)
    async with open_app() as driver:
        await driver.press("f6")
        await driver.sees("v0002", "v0001", "No version is in force", "made from v0001")
        await driver.press("down")
        await driver.sees("held-out wordings improved", "seconds: 12.5")
        await driver.press("enter")
        await driver.sees("v0001 is in force now.")
        await driver.press("escape")
        await driver.sees("learned: v0001 (0 pairs)")


async def test_versions_are_switched_off_and_rolled_back(open_app: Opener, store: Store) -> None:
    first = add_version(store)
    second = add_version(store, first)
    store.versions.activate(first)
    store.versions.activate(second)
    async with open_app() as driver:
        await driver.press("f6", "b")
        await driver.sees("Rolled back to v0001.")
        await driver.press("o")
        await driver.sees("the base model answers alone")
        assert store.versions.active("personal") is None
        await driver.press("escape")
        await driver.sees("learned: off")


async def test_plus_and_minus_change_the_strength(open_app: Opener, store: Store) -> None:
    store.versions.activate(add_version(store))
    async with open_app() as driver:
        await driver.press("f6", "-")
        await driver.sees("v0001 has strength 0.9 now")
        await driver.press("+", "+")
        await driver.sees("v0001 has strength 1.1 now")
        assert driver.app.screen.query_one(DataTable).row_count == 1


async def test_f1_shows_all_keys_and_closes_again(open_app: Opener) -> None:
    async with open_app(size=(100, 80)) as driver:
        await driver.press("f1")
        await driver.sees(
            "Writing", "Send", "New line", "Good", "Bad", "Edit", "Don't learn", "Undo", "Versions"
        )
        await driver.press("f1")
        assert isinstance(driver.app.screen, ChatScreen)


async def test_the_palette_runs_a_verb(open_app: Opener) -> None:
    async with open_app() as driver:
        await driver.send("hi")
        await driver.press("ctrl+p")
        await driver.type("good")
        await driver.sees("The answer was good (+)")
        await driver.press("down", "enter")
        await driver.sees("Kept as a good answer")


async def test_every_palette_verb_has_its_action(open_app: Opener) -> None:
    async with open_app() as driver:
        listed = {command.title for command in driver.app.get_system_commands(driver.chat)}
        assert listed == {verb.title for verb in (*CHAT_VERBS, *APP_VERBS)}
        for verb, owner in [(v, driver.chat) for v in CHAT_VERBS] + [(v, driver.app) for v in APP_VERBS]:
            assert hasattr(owner, f"action_{verb.action.partition('(')[0]}")


@pytest.mark.parametrize(
    "owner",
    [
        AssistantApp,
        ChatScreen,
        ChatList,
        TurnView,
        AnswerView,
        EditScreen,
        SearchScreen,
        RenameDialog,
        ConfirmDialog,
        LearnScreen,
        VersionsScreen,
        HelpScreen,
        ReviewScreen,
        ForgetScreen,
        CompareScreen,
        WhyScreen,
        BehindScreen,
        PairDialog,
    ],
)
def test_every_key_can_be_remapped(owner: type) -> None:
    bindings = owner.__dict__["BINDINGS"]
    assert all(isinstance(binding, Binding) and binding.id for binding in bindings)
