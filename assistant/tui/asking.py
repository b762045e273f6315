"""What asks: watches for a pause after a reply, shows at most one question, and passes on the answer.

Knows when something was typed last. Whether, when and about what to ask is decided in `assistant.annotation`.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from assistant.annotation.asking import Judgement, Subject
from assistant.annotation.policy import Moment
from assistant.tui.chat_pane import ChatPane
from assistant.tui.edit_screen import EditScreen
from assistant.tui.marking import Marking
from assistant.tui.replies import Replies
from assistant.tui.reporting import reporting

if TYPE_CHECKING:
    from assistant.services import Services

LOOK_EVERY_S = 0.5


class Asking:
    """At most one look for a question follows each finished reply."""

    def __init__(self, services: Services, pane: ChatPane, replies: Replies, marking: Marking) -> None:
        self._services = services
        self._pane = pane
        self._replies = replies
        self._marking = marking
        self._last_key = time.monotonic()
        self._is_due = False

    def start(self) -> None:
        """Begin to watch; called once the pane is there."""
        self._pane.set_interval(LOOK_EVERY_S, self._look)

    def key_pressed(self) -> None:
        """The owner types, so this is no pause."""
        self._last_key = time.monotonic()

    def reply_finished(self) -> None:
        """From now on there may be a pause."""
        self._last_key = time.monotonic()
        self._is_due = True

    def withdraw(self) -> None:
        """The owner goes on with something else: the question goes, which is no dismissal."""
        self._is_due = False
        self._pane.question.show(None)

    def drop_if_marked(self) -> None:
        """The reply may have been judged elsewhere, in the review for one. Raises StoreError."""
        subject = self._pane.question.subject
        if subject is not None and self._services.store.marks.latest(subject.turn_id) is not None:
            self._pane.question.show(None)

    async def answer(self, outcome: str) -> None:
        """`outcome` is fine, corrected (opens the editor) or never."""
        subject = self._pane.question.subject
        if subject is None:
            self._pane.say("No question is open. The review has answers to judge.")
        elif outcome == "corrected":
            editor = EditScreen(subject.question, subject.answer)
            self._pane.app.push_screen(editor, partial(self._correct, subject))
        else:
            await self._settle(subject, outcome)

    async def dismiss(self) -> bool:
        """Put the question off; returns whether there was one."""
        subject = self._pane.question.subject
        if subject is None:
            return False
        self._pane.question.show(None)
        with reporting(self._pane.app):
            self._pane.say(await asyncio.to_thread(self._services.annotation.dismiss, subject))
        return True

    async def _correct(self, subject: Subject, text: str | None) -> None:
        if text is not None:
            await self._settle(subject, "corrected", text)

    async def _settle(self, subject: Subject, outcome: str, text: str | None = None) -> None:
        self._pane.question.show(None)
        with reporting(self._pane.app):
            judgement: Judgement = await asyncio.to_thread(
                self._services.annotation.answer, subject, outcome, text
            )
            await self._marking.refresh()
            self._pane.say(judgement.message)

    async def _look(self) -> None:
        # A dialog or another screen on top means that the owner is busy with it.
        if not self._is_due or self._pane.app.screen is not self._pane.screen:
            return
        with reporting(self._pane.app):
            moment = self._moment()
            if not self._services.annotation.is_pause(moment):
                return
            self._is_due = False
            subject = await asyncio.to_thread(self._services.annotation.next_subject, moment)
            # The owner may have sent something, or opened a private chat, during the look.
            now = self._moment()
            if not (now.is_busy or now.is_private):
                self._pane.question.show(subject)

    def _moment(self) -> Moment:
        conversation = self._pane.conversation
        is_learned = conversation.is_saved and (
            conversation.chat_id is None or self._services.store.chats.get(conversation.chat_id).learn
        )
        return Moment(
            idle_s=time.monotonic() - self._last_key,
            is_private=not is_learned,
            is_busy=self._replies.running is not None,
            is_typing=bool(self._pane.prompt.text.strip()),
        )
