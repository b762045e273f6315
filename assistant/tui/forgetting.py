"""Opens the screen for forgetting from the chat, and brings the chat up to date afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from assistant.forgetting import Forgetter
from assistant.tui.forget_screen import ForgetScreen
from assistant.tui.learn_job import Progress, Report

if TYPE_CHECKING:
    from assistant.services import Services
    from assistant.store.forgetting import Forgetting
    from assistant.tui.app import AssistantApp
    from assistant.tui.chat_screen import ChatScreen


class Relearning:
    """Learning what is left after forgetting, as a run that the app owns."""

    def __init__(self, forgetter: Forgetter, forgetting: Forgetting) -> None:
        self._forgetter = forgetter
        self._forgetting = forgetting

    def learn_now(
        self, method: str | None, on_progress: Callable[[Progress], None], cancel: threading.Event
    ) -> Report:
        """The run; see `Forgetter.relearn`."""
        return self._forgetter.relearn(self._forgetting, on_progress, cancel)


def open_forget_screen(app: AssistantApp, services: Services, chat: ChatScreen) -> None:
    """Show the screen for the chat and the message that are open."""
    if chat.is_answering:
        chat.say("A reply is still being written. Stop it with Esc first.")
        return
    forgetter = Forgetter(services.store, services.engine, services.settings, services.learner)

    def relearn(forgetting: Forgetting) -> None:
        app.start_learning(Relearning(forgetter, forgetting))

    async def refresh(has_forgotten: bool | None) -> None:
        if has_forgotten:
            await chat.reopen()

    screen = ForgetScreen(forgetter, chat.focused_turn, chat.open_chat_id, relearn)
    app.push_screen(screen, refresh)
