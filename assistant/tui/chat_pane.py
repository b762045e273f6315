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


PRIVATE = -1
"""The draft of the private chat; saved chats have positive numbers."""
PRIVATE_WORDS = "private chat · never stored, never learned from"
PRIVATE_WELCOME = (
    "A private chat. It stays in memory until you end it or leave the program: nothing of it is stored, "
    "found by search or learned from.\n\nCtrl+N leads back to chats that are kept."
)


class ChatPane(Vertical):
    """One open chat, at first an empty new one."""

    DEFAULT_CSS = """
    ChatPane.-private {
        PromptInput { border: round $warning; border-title-color: $text-warning; }
        Transcript > .transcript--welcome { color: $text-warning; }
    }
    """

    @dataclass
    class ChatsChanged(Message):
        """There are other chats than before, or one has another title or more messages."""

    def __init__(self, services: Services) -> None:
        super().__init__(id="main")
        self._services = services
        self._drafts: dict[int | None, str] = {}
        self._private: Conversation | None = None
        self.conversation = self.conversation_of(None)

    def compose(self) -> ComposeResult:
        yield Transcript()
        yield Notice()
        yield QuestionLine(self._services.settings.keys)
        yield PromptInput(placeholder="Type a message. Enter sends, Ctrl+J adds a line.", id="prompt")

    async def open(
        self, chat_id: int | None, target: int | None, reply: ReplyPump | None, *, private: bool = False
    ) -> None:
        """Show a chat, or an empty new one; `target` is the turn to focus.

        The one private chat is kept in memory until it is ended. `reply` is the one that is being written: it
        goes on in its own chat, and unseen beside another one. Raises UsageError for an unknown chat; then
        nothing changes.
        """
        running = reply.job.conversation if reply else None
        if private:
            self._private = self._private or self.conversation_of(None, private=True)
            chosen = self._private
        elif running is not None and chat_id is not None and running.chat_id == chat_id:
            chosen = running
        else:
            chosen = self.conversation_of(chat_id)
        self._keep_draft()
        self.conversation = chosen
        self.show_kind()
        await self.show([turn for turn in chosen.turns() if turn.state != "streaming"], target)
        if reply is not None:
            view = AnswerView(None, begun=reply.job.begun) if chosen is running else None
            if view is not None:
                await self.transcript.add(view)
            reply.attach(view)
        self.prompt.text = self._drafts.pop(self._draft_key, "")
        self.prompt.move_cursor(self.prompt.document.end)
        self.say("")

    async def show(self, turns: Sequence[Turn], target: int | None = None) -> None:
        """Replace the messages by these, with their marks and versions; `target` is the turn to focus."""
        await self.transcript.show(turns, self._marks_of(turns), target, self.conversation.versions())

    def end_private(self) -> None:
        """Forget the private chat and what was typed for it."""
        self._private = None
        self._drafts.pop(PRIVATE, None)
        if self.conversation.is_private:
            self.prompt.text = ""

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

    def conversation_of(self, chat_id: int | None, *, private: bool = False) -> Conversation:
        """The chat with this id, or a new one; it is not shown by this."""
        services = self._services
        return Conversation(
            services.store,
            services.engine,
            services.settings,
            chat_id,
            private=private,
            after_turn=services.after_turn,
        )

    def show_kind(self) -> None:
        """Mark a private chat in colour and in words."""
        is_private = self.conversation.is_private
        self.set_class(is_private, "-private")
        self.prompt.border_title = PRIVATE_WORDS if is_private else ""
        self.transcript.welcome = PRIVATE_WELCOME if is_private else Transcript.WELCOME

    @property
    def _draft_key(self) -> int | None:
        return PRIVATE if self.conversation.is_private else self.conversation.chat_id

    def _keep_draft(self) -> None:
        if self.prompt.text.strip():
            self._drafts[self._draft_key] = self.prompt.text

    def _marks_of(self, turns: Sequence[Turn]) -> dict[int, Mark]:
        saved = [turn.id for turn in turns if turn.role == "assistant" and turn.id > 0]
        return self._services.store.marks.latest_of(saved)
