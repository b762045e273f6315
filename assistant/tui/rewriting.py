"""What changes the course of a chat: answering again, going on, versions, sending again, deleting, forking.

Knows the pane and the replies; what learning makes of it is decided below.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from assistant.store.records import Turn
from assistant.tui.chat_dialogs import OpenChat
from assistant.tui.chat_pane import ChatPane
from assistant.tui.dialogs import ConfirmDialog
from assistant.tui.replies import Replies
from assistant.tui.reporting import reporting
from assistant.tui.turn_view import AnswerView, UserView

if TYPE_CHECKING:
    from assistant.services import Services

EDITING_WORDS = "another version of your message · Enter sends it, Esc leaves it"


class Rewriting:
    """Acts on the focused message, else on the last answer."""

    def __init__(self, services: Services, pane: ChatPane, replies: Replies, open_chat: OpenChat) -> None:
        self._services = services
        self._pane = pane
        self._replies = replies
        self._open_chat = open_chat
        self._editing: Turn | None = None
        self._draft = ""

    async def again(self) -> None:
        """Answer a message once more; the former answer, and what followed it, is kept as a version."""
        if self._is_busy():
            return
        pane = self._pane
        focused = pane.focused_message
        with reporting(pane.app):
            turns = pane.conversation.turns()
            turn = focused.turn if focused is not None and focused.turn is not None else None
            if turn is None or turn.role != "user":
                upto = next((n for n, each in enumerate(turns) if turn and each.id == turn.id), len(turns))
                asked = [n for n in range(upto) if turns[n].role == "user"]
                position = asked[-1] if asked else None
            else:
                position = next((n for n, each in enumerate(turns) if each.id == turn.id), None)
            if position is None:
                pane.say("There is no message to answer yet.")
                return
            followed = len(turns) - position - 2
            pane.say("")
            await pane.show(turns[: position + 1])
            await self._replies.answer(turns[position])
            pane.prompt.focus()
            if followed > 0:
                pane.say("What followed is kept with the former version; ← on the answer leads back to it.")

    def go_on(self) -> None:
        """Let the last answer go on where it ended."""
        if self._is_busy():
            return
        pane = self._pane
        view = pane.transcript.last_answer
        views = pane.transcript.views
        if view is None or view.turn is None or view is not views[-1] or pane.transcript.ends_early:
            pane.say("Only the last answer can go on.")
            return
        with reporting(pane.app):
            if view.is_marked:
                pane.say("This answer is marked, so it stays as it is. Undo the mark with u first.")
                return
            self._replies.resume(view, view.turn)
            pane.prompt.focus()

    async def show_version(self, step: int) -> None:
        """Show the version before or after this one, with what followed it."""
        view = self._pane.focused_message or self._pane.transcript.last_answer
        if view is None or view.turn is None or view.turn.id not in view.versions:
            self._pane.say("There is only one version. r on an answer writes another.")
            return
        if self._is_busy():
            return
        position = view.versions.index(view.turn.id) + step
        if not 0 <= position < len(view.versions):
            self._pane.say("There is no further version.")
            return
        with reporting(self._pane.app):
            wanted = view.versions[position]
            await asyncio.to_thread(self._pane.conversation.show_version, wanted)
            await self._pane.show(self._pane.conversation.turns(), wanted)
            self._replies.measure()
            self._pane.post_message(ChatPane.ChatsChanged())
            self._pane.say("Learning follows what is shown; the other version waits.")

    # Sending an earlier message again

    def edit(self) -> None:
        """Take an earlier message into the prompt, to send it as another version."""
        pane = self._pane
        views = [view for view in pane.transcript.views if isinstance(view, UserView)]
        focused = pane.focused_message
        view = focused if isinstance(focused, UserView) else views[-1] if views else None
        if view is None or view.turn is None:
            pane.say("There is no message of yours to edit yet.")
            return
        if self._is_busy():
            return
        if self._editing is None:
            self._draft = pane.prompt.text
        self._editing = view.turn
        pane.prompt.text = view.turn.content
        pane.prompt.border_title = EDITING_WORDS
        pane.prompt.move_cursor(pane.prompt.document.end)
        pane.prompt.focus()

    @property
    def is_editing(self) -> bool:
        return self._editing is not None

    def leave_edit(self) -> None:
        """Leave the message as it was; the prompt is again what it was."""
        if self._editing is not None:
            self._editing = None
            self._pane.prompt.text = self._draft
            self._pane.prompt.move_cursor(self._pane.prompt.document.end)
            self._pane.show_kind()

    async def resend(self, text: str) -> None:
        """Send the last message in other words."""
        if not text:
            self.edit()
            return
        asked = [turn for turn in self._pane.conversation.turns() if turn.role == "user"]
        if not asked:
            self._pane.say("There is no message of yours to edit yet.")
            return
        self._editing, self._draft = asked[-1], ""
        await self.send_edit(text)

    async def send_edit(self, text: str) -> None:
        """Send the message that is being edited as another version of itself."""
        pane, former = self._pane, self._editing
        if former is None or self._is_busy():
            return
        with reporting(pane.app):
            turn = await asyncio.to_thread(pane.conversation.edit_message, former.id, text)
            self.leave_edit()
            pane.say("")
            await pane.show(pane.conversation.turns())
            await self._replies.answer(turn)
            pane.post_message(ChatPane.ChatsChanged())

    # Deleting and forking

    def delete(self) -> None:
        """Delete the message for good, if the owner says yes."""
        pane = self._pane
        view = pane.focused_message or pane.transcript.last_answer
        if view is None or view.turn is None:
            pane.say("There is no finished message to delete.")
            return
        if self._is_busy():
            return
        with reporting(pane.app):
            going = pane.conversation.going_with(view.turn.id)
            more = len(going) - 1
            if more and view.versions:
                what = f"this version with the {more} message{'s' if more > 1 else ''} after it"
            elif more:
                what = "this message with its answer"
            else:
                what = "this answer" if isinstance(view, AnswerView) else "this message"
            question = f"Delete {what}, and what was learned from it? This cannot be undone."
            pane.app.push_screen(ConfirmDialog(question, "Delete"), partial(self._delete, view.turn.id))

    async def _delete(self, turn_id: int, is_confirmed: bool | None) -> None:
        pane = self._pane
        if not is_confirmed:
            pane.say("Nothing was deleted.")
            return
        with reporting(pane.app):
            gone = await asyncio.to_thread(pane.conversation.delete, turn_id)
            await pane.show(pane.conversation.turns())
            self._replies.measure()
            pane.prompt.focus()
            pane.post_message(ChatPane.ChatsChanged())
            messages = "1 message is" if gone.turns == 1 else f"{gone.turns} messages are"
            learned = ", ".join(gone.versions)
            told = f" {learned} had learned from it; F6 switches versions." if learned else ""
            pane.say(f"{messages} deleted.{told}")

    async def fork(self) -> None:
        """Go on from this message in a new chat; this one stays as it is."""
        pane = self._pane
        view = pane.focused_message or pane.transcript.last_answer
        if view is None or view.turn is None or pane.conversation.chat_id is None:
            pane.say("Only a saved chat with a finished message can be forked.")
            return
        with reporting(pane.app):
            fork = self._services.store.branches.fork(view.turn.id)
            await self._open_chat(fork.id, None)
            pane.say(f"This is a new chat with copies of the messages so far: “{fork.title}”.")

    def _is_busy(self) -> bool:
        if self._replies.running is not None:
            self._pane.say("A reply is still being written. Stop it with Esc first.")
            return True
        return False
