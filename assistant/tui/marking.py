"""What marks an answer: good, bad, corrected, not to be learned from, and the way back.

Knows the pane and the marks; what a mark leads to is decided in `assistant.marks`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from assistant.errors import UsageError
from assistant.marks import apply_mark, undo_mark
from assistant.tui.chat_pane import ChatPane
from assistant.tui.edit_screen import EditScreen
from assistant.tui.reporting import reporting
from assistant.tui.turn_view import AnswerView

if TYPE_CHECKING:
    from assistant.services import Services


class Marking:
    """Marks the focused answer, else the last one, and says what will come of it."""

    def __init__(self, services: Services, pane: ChatPane) -> None:
        self._services = services
        self._pane = pane

    async def mark(self, kind: str) -> None:
        """`kind` is good, bad or skip."""
        await self._mark(self._pane.chosen_answer, kind)

    async def correct_with(self, text: str) -> None:
        """Take this text as the correction; without one open the editor."""
        if text:
            await self._mark(self._pane.chosen_answer, "edit", text)
        else:
            self.correct()

    def correct(self) -> None:
        """Open the answer in an editor; what is saved there becomes the correction."""
        view = self._pane.chosen_answer
        if view is None or view.turn is None:
            self._pane.say("There is no finished answer to correct yet.")
            return
        with reporting(self._pane.app):
            if view.turn.id <= 0 or view.turn.reply_to is None:
                raise UsageError(
                    "Only saved answers to a message can be corrected.", hint="Saving is off in the settings."
                )
            question = self._services.store.chats.turn(view.turn.reply_to).content
            self._pane.app.push_screen(EditScreen(question, view.text), partial(self._save, view))

    async def undo(self) -> None:
        """Take back the last mark of this chat."""
        pane, services = self._pane, self._services
        chat_id = pane.conversation.chat_id
        if chat_id is None:
            pane.say("Nothing to undo: no mark in this chat.")
            return
        with reporting(pane.app):
            undo = partial(undo_mark, services.store, chat_id, waiting=services.learner.waiting)
            result = await asyncio.to_thread(undo)
            await self.refresh()
            pane.say(result.message)

    async def refresh(self) -> None:
        """Show the marks that stand now: they can be made elsewhere too. Raises StoreError."""
        for view in self._pane.transcript.query(AnswerView):
            if view.turn is not None:
                await view.show_mark(self._services.store.marks.latest(view.turn.id))

    async def _save(self, view: AnswerView, text: str | None) -> None:
        if text is not None:
            await self._mark(view, "edit", text)

    async def _mark(self, view: AnswerView | None, kind: str, text: str | None = None) -> None:
        if view is None or view.turn is None:
            self._pane.say("There is no finished answer to mark yet.")
            return
        services = self._services
        turn_id = view.turn.id
        with reporting(self._pane.app):
            mark = partial(apply_mark, on_skip=services.on_skip, waiting=services.learner.waiting)
            result = await asyncio.to_thread(mark, services.store, turn_id, kind, text)
            await view.show_mark(services.store.marks.latest(turn_id))
            self._pane.say(result.message)
