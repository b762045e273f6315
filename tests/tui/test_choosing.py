"""The model picker, the settings screen and the first run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.widgets import Checkbox, DataTable

from assistant.errors import NetworkError
from assistant.library.hub import RemoteFile
from assistant.library.shelf import Shelf, ShelfModel
from assistant.library.speed import MachineSpeed
from assistant.paths import Paths
from assistant.settings import Settings, load_settings
from assistant.tui.chat_screen import ChatScreen
from assistant.tui.dialogs import ConfirmDialog
from assistant.tui.first_run import FirstRunApp, is_first_run
from assistant.tui.models_screen import ModelsScreen
from assistant.tui.settings_screen import SettingsScreen
from tests.tui.conftest import Driver, Opener

REMOTE = RemoteFile("ggml-org/gemma-3-270m-it-GGUF", "gemma.gguf", "c" * 40, 291_000_000, "", "e", "http://x")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[threading.Event]:
    """The shelf without a network: a download goes half way, and ends by the event or by being cancelled."""
    release = threading.Event()

    def fetch(
        self: Shelf,
        name: str,
        remote: RemoteFile,
        *,
        on_progress: Callable[[int, int], None],
        cancel: threading.Event,
    ) -> ShelfModel:
        from assistant.errors import Cancelled

        on_progress(remote.size_bytes // 2, remote.size_bytes)
        while not release.wait(0.01):
            if cancel.is_set():
                raise Cancelled("stopped")
        file = tmp_path / "gemma.gguf"
        file.write_bytes(b"GGUF")
        return self.add(file)

    monkeypatch.setattr(Shelf, "look_up", lambda self, name: REMOTE)
    monkeypatch.setattr(Shelf, "fetch", fetch)
    yield release
    release.set()


async def open_models(driver: Driver) -> None:
    await driver.app.run_action("models")
    await driver.until(lambda: isinstance(driver.app.screen, ModelsScreen))
    await driver.until(lambda: driver.app.screen.query_one(DataTable).row_count > 0)


async def test_the_picker_shows_needs_and_which_model_answers(open_app: Opener) -> None:
    async with open_app() as driver:
        await open_models(driver)
        await driver.sees(
            "* embedded", "qwen3-0.6b", "on the hub", "SmolLM2-135M-Instruct", "learns from you"
        )
        await driver.press("down")
        await driver.sees("ggml-org/gemma-3-270m-it-GGUF on the Hugging Face hub")
        await driver.press("escape")
        assert isinstance(driver.app.screen, ChatScreen)


async def test_a_download_asks_with_its_size_shows_progress_and_is_chosen(
    open_app: Opener, hub: threading.Event, store
) -> None:
    store.pairs.add("Q?", "A.", source="edit")
    async with open_app() as driver:
        await open_models(driver)
        await driver.press("down", "enter")
        await driver.sees("Download Gemma 3 270M, 291 MB, from ggml-org/gemma-3-270m-it-GGUF?")
        await driver.press("y")
        await driver.sees("Downloading Gemma 3 270M: 146 MB of 291 MB")
        await driver.press("escape")
        await open_models(driver)
        await driver.sees("Downloading Gemma 3 270M")
        hub.set()
        await driver.sees("answers the next time", "Your 1 pairs are kept")
        assert load_settings(store.paths).model.endswith("gemma.gguf")


async def test_a_download_can_be_declined_and_stopped(open_app: Opener, hub: threading.Event, store) -> None:
    async with open_app() as driver:
        await open_models(driver)
        await driver.press("c")
        await driver.sees("No download is going on.")
        await driver.press("down", "enter")
        await driver.sees("Download Gemma")
        await driver.press("n")
        await driver.until(lambda: isinstance(driver.app.screen, ModelsScreen))
        await driver.press("enter")
        await driver.until(lambda: isinstance(driver.app.screen, ConfirmDialog))
        await driver.press("y")
        await driver.sees("146 MB of 291 MB")
        await driver.press("enter")
        await driver.sees("A download is going on")
        await driver.press("c")
        await driver.sees("Stopped. What arrived is kept")
        assert load_settings(store.paths).model == ""


async def test_m_measures_the_machine_and_every_model_gets_a_hint(
    open_app: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = MachineSpeed(80.0, 98_000_000, 2)

    def measure(paths: Paths, open_engine: object) -> MachineSpeed:
        monkeypatch.setattr("assistant.tui.models_screen.known_speed", lambda _: found)
        return found

    monkeypatch.setattr("assistant.library.speed.measure", measure)
    async with open_app() as driver:
        await open_models(driver)
        await driver.sees("m measures about how fast")
        await driver.press("m")
        await driver.sees("80 tokens a second here", "embedded 98 MB", "~80", "~27")


async def test_an_unreachable_hub_is_told(open_app: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(self: Shelf, name: str) -> RemoteFile:
        raise NetworkError("The hub cannot be reached.")

    monkeypatch.setattr(Shelf, "look_up", look_up)
    async with open_app() as driver:
        await open_models(driver)
        await driver.press("down", "enter")
        await driver.sees("The hub cannot be reached. Check the connection")


async def test_settings_are_switched_asked_for_and_put_back(open_app: Opener, store) -> None:
    async with open_app() as driver:
        await driver.app.run_action("settings")
        await driver.until(lambda: isinstance(driver.app.screen, SettingsScreen))
        table = driver.app.screen.query_one(DataTable)

        async def go_to(name: str) -> None:
            table.move_cursor(row=table.get_row_index(name))
            await driver.pilot.pause()

        await go_to("learn")
        await driver.sees("Allow learning on this machine.")
        await driver.press("enter")
        await driver.sees("learn is off. It holds from the next time", "* learn")
        await go_to("temperature")
        await driver.press("enter")
        await driver.type("9")
        await driver.press("enter")
        await driver.sees("less than or equal to 2")
        await driver.press("enter")
        await driver.type("0.9")
        await driver.press("enter")
        await driver.sees("temperature is 0.9.")
        await driver.press("enter", "escape", "delete")
        await driver.sees("temperature is at its default.")
        await go_to("tuning_method")
        await driver.press("enter")
        await driver.sees("tuning_method is zeroth-order.")
    settings = load_settings(store.paths)
    assert (settings.learn, settings.temperature, settings.tuning_method) == (False, 0.3, "zeroth-order")


@pytest.fixture
def fresh(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "fresh")


def words(app: FirstRunApp) -> str:
    rows = ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]
    return " ".join(" ".join(rows).split())


@pytest.mark.parametrize("size", [(120, 40), (60, 24)])
async def test_the_first_run_is_four_pages_and_keeps_what_was_chosen(
    fresh: Paths, size: tuple[int, int]
) -> None:
    assert is_first_run(fresh)
    app = FirstRunApp(fresh, Settings())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert "1 of 4" in words(app) and "Nothing you write leaves this machine" in words(app)
        await pilot.press("enter")
        assert "2 of 4" in words(app) and "m Models" in words(app)
        await pilot.press("enter")
        assert "3 of 4" in words(app)
        assert not app.screen.query_one("#share", Checkbox).value
        await pilot.press("tab", "space")
        await pilot.press("enter", "left", "enter")
        assert "4 of 4" in words(app) and "Biscuit" in words(app)
        await pilot.press("enter")
    assert app.return_value is not None
    assert (app.return_value.learn, app.return_value.remember_chats) == (False, True)
    assert load_settings(fresh).learn is False
    assert "# Keep chats on this machine." in fresh.settings.read_text()
    assert not is_first_run(fresh)


async def test_the_first_run_can_be_skipped_and_is_not_shown_again(fresh: Paths) -> None:
    app = FirstRunApp(fresh, Settings())
    async with app.run_test() as pilot:
        await pilot.press("escape")
    assert load_settings(fresh).model_dump() == Settings().model_dump()
    assert not is_first_run(fresh)


async def test_the_model_page_leads_to_the_picker_and_back(fresh: Paths) -> None:
    app = FirstRunApp(fresh, Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("enter", "m")
        assert isinstance(app.screen, ModelsScreen)
        await pilot.press("escape")
        assert "2 of 4" in words(app)
