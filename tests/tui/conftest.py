"""A real store, scripted edges, a fixed terminal size and no animation."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store
from assistant.tui.app import AssistantApp
from assistant.tui.chat_screen import ChatScreen
from tests.doubles import ScriptedEngine, ScriptedLearner, ScriptedServices

SIZE = (110, 36)
PATIENCE_S = 10


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Paths(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def services(store: Store) -> ScriptedServices:
    return ScriptedServices(store, ScriptedEngine(), Settings(), ScriptedLearner(store))


class Driver:
    """Presses keys, waits for what should become true, and reads the screen as text."""

    def __init__(self, app: AssistantApp, pilot: Pilot[Any], services: ScriptedServices) -> None:
        self.app = app
        self.pilot = pilot
        self.services = services
        self.store = services.store

    @property
    def chat(self) -> ChatScreen:
        return next(screen for screen in self.app.screen_stack if isinstance(screen, ChatScreen))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        names = {" ": "space", "\n": "ctrl+j"}
        await self.press(*(names.get(character, character) for character in text))

    async def send(self, text: str) -> None:
        """Type a message, send it and wait until the answer is finished."""
        await self.type(text)
        await self.press("enter")
        await self.until(lambda: not self.chat.is_answering)

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait until something is so; gives up with a picture of the screen."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_true():
            if time.monotonic() > deadline:
                raise AssertionError(f"It did not happen. The screen says:\n{self.screen_text()}")
            await self.pilot.pause(0.02)
        await self.pilot.pause()

    async def sees(self, *texts: str) -> None:
        """Wait until all of these words are on the screen."""
        await self.until(lambda: all(text in self.screen_text() for text in texts))

    def screen_text(self) -> str:
        """The words on the screen, row by row, then the texts that may be wrapped, each in one piece."""
        rows = ["".join(segment.text for segment in strip) for strip in self._strips()]
        wrapped = [str(static.visual) for static in self.app.screen.query(Static) if static.display]
        notices = [notice.message for notice in self.app._notifications]
        return " ".join(" ".join([*rows, *wrapped, *notices]).split())

    def _strips(self) -> list[Any]:
        return self.app.screen._compositor.render_strips()


Opener = Callable[..., AbstractAsyncContextManager[Driver]]


@pytest.fixture
def open_app(services: ScriptedServices) -> Opener:
    """Open the app with these services (the default ones unless given) in a terminal of fixed size."""

    @asynccontextmanager
    async def opener(
        chosen: ScriptedServices = services, size: tuple[int, int] = SIZE
    ) -> AsyncIterator[Driver]:
        app = AssistantApp(chosen)  # type: ignore[arg-type]
        app.animation_level = "none"
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            try:
                yield Driver(app, pilot, chosen)
            finally:
                chosen.engine.release.set()
                chosen.learner.release.set()

    return opener
