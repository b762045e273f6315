"""What shows a chat: messages, the last notice, a question, and the prompt with a draft kept for each chat.

Knows the open conversation and its marks; not how replies are made or what the keys are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from assistant.conversation import Conversation
from assistant.store.records import Mark, Turn
from assistant.tui.prompt import PromptInput
from assistant.tui.question_line import QuestionLine
from assistant.tui.reply_pump import ReplyPump
from assistant.tui.status import Notice
from assistant.tui.transcript import Transcript
from assistant.tui.turn_view import AnswerView, TurnView

if TYPE_CHECKING:
    from assistant.services import Services


class ChatPane(Vertical):
    """One open chat, at first an empty new one."""

    @dataclass
    class ChatsChanged(Message):
        """There are other chats than before, or one has another title or more messages."""

    def __init__(self, services: Services) -> None:
        super().__init__(id="main")
        self._services = services
        self._drafts: dict[int | None, str] = {}
        self.conversation = self._conversation_of(None)

    def compose(self) -> ComposeResult:
        yield Transcript()
        yield Notice()
        yield QuestionLine(self._services.settings.keys)
        yield PromptInput(placeholder="Type a message. Enter sends, Ctrl+J adds a line.", id="prompt")

    async def open(self, chat_id: int | None, target: int | None, reply: ReplyPump | None) -> None:
        """Show a chat, or an empty new one; `target` is the turn to focus.

        `reply` is the one that is being written: it goes on in its own chat, and unseen beside another one.
        Raises UsageError for an unknown chat; then nothing changes.
        """
        if chat_id is not None:
            self._services.store.chats.get(chat_id)
        self._keep_draft()
        running = reply.job.conversation if reply else None
        is_running = running is not None and chat_id is not None and running.chat_id == chat_id
        self.conversation = running if is_running and running else self._conversation_of(chat_id)
        await self.show([turn for turn in self.conversation.turns() if turn.state != "streaming"], target)
        if reply is not None:
            view = AnswerView(None) if is_running else None
            if view is not None:
                await self.transcript.add(view)
            reply.attach(view)
        self.prompt.text = self._drafts.pop(self.conversation.chat_id, "")
        self.prompt.move_cursor(self.prompt.document.end)
        self.say("")

    async def show(self, turns: Sequence[Turn], target: int | None = None) -> None:
        """Replace the messages by these, with their marks; `target` is the turn to focus."""
        await self.transcript.show(turns, self._marks_of(turns), target)

    def say(self, text: str) -> None:
        """Put a sentence above the prompt; an empty one hides the line."""
        self.query_one(Notice).say(text)

    def forget_draft(self, chat_id: int) -> None:
        """Drop what was typed for a chat that is gone."""
        self._drafts.pop(chat_id, None)

    @property
    def prompt(self) -> PromptInput:
        return self.query_one("#prompt", PromptInput)

    @property
    def question(self) -> QuestionLine:
        return self.query_one(QuestionLine)

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def has_unsent_text(self) -> bool:
        return bool(self.prompt.text.strip() or any(draft.strip() for draft in self._drafts.values()))

    @property
    def focused_message(self) -> TurnView | None:
        focused = self.screen.focused
        return focused if isinstance(focused, TurnView) else None

    @property
    def chosen_answer(self) -> AnswerView | None:
        """The answer that a mark is meant for: the focused one, else the last."""
        focused = self.focused_message
        return focused if isinstance(focused, AnswerView) else self.transcript.last_answer

    def _conversation_of(self, chat_id: int | None) -> Conversation:
        services = self._services
        return Conversation(
            services.store, services.engine, services.settings, chat_id, after_turn=services.after_turn
        )

    def _keep_draft(self) -> None:
        if self.prompt.text.strip():
            self._drafts[self.conversation.chat_id] = self.prompt.text

    def _marks_of(self, turns: Sequence[Turn]) -> dict[int, Mark]:
        saved = [turn.id for turn in turns if turn.role == "assistant" and turn.id > 0]
        marks = {turn_id: self._services.store.marks.latest(turn_id) for turn_id in saved}
        return {turn_id: mark for turn_id, mark in marks.items() if mark is not None}
