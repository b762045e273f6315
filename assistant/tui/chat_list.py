"""The chats at the side, newest first. Knows chat records; opening and deleting is asked for by messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from assistant.store.records import Chat
from assistant.tui.bindings import bound


class ChatList(OptionList):
    """Choose a chat with the arrows, open it with Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("chats.open", "select"),
        bound("chats.delete", "delete"),
        bound("chats.pin", "screen.pin_chat"),
        bound("chats.tag", "screen.tag_chat", show=False),
        bound("chats.new", "screen.new_chat", show=False),
    ]

    DEFAULT_CSS = """
    ChatList {
        width: 32;
        height: 1fr;
        border: none;
        border-right: solid $foreground 30%;
        background: $background;
        padding: 0;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        &:focus { border: none; border-right: solid $border; }
        &:ansi { background: ansi_default; }
    }
    """

    @dataclass
    class Chosen(Message):
        """The owner wants to read this chat."""

        chat_id: int

    @dataclass
    class DeleteAsked(Message):
        """The owner wants this chat gone; nothing is deleted yet."""

        chat_id: int

    @dataclass
    class EndReached(Message):
        """The last listed chat is highlighted; there may be more."""

    def show(self, chats: Sequence[Chat], current: int | None) -> None:
        """List these chats; the open one carries a ▸ besides its highlight."""
        kept = self.highlighted_chat if self.has_focus else None
        self.clear_options()
        if not chats:
            self.add_option(Option(Content.styled("No chats yet", "dim"), disabled=True))
            return
        for chat in chats:
            self.add_option(Option(_label(chat, chat.id == current), id=str(chat.id)))
        listed = {chat.id for chat in chats}
        wanted = next((each for each in (kept, current) if each in listed), None)
        self.highlighted = 0 if wanted is None else self.get_option_index(str(wanted))

    @property
    def highlighted_chat(self) -> int | None:
        return self._chat_id(self.highlighted_option)

    def action_delete(self) -> None:
        if self.highlighted_chat is not None:
            self.post_message(self.DeleteAsked(self.highlighted_chat))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self.has_focus and event.option_index == self.option_count - 1:
            self.post_message(self.EndReached())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        chat_id = self._chat_id(event.option)
        if chat_id is not None:
            self.post_message(self.Chosen(chat_id))

    @staticmethod
    def _chat_id(option: Option | None) -> int | None:
        return None if option is None or option.id is None else int(option.id)


def _label(chat: Chat, is_current: bool) -> Content:
    sign = "▸ " if is_current else "  "
    # What the owner said of the chat comes first: the end of the line may be cut off.
    facts = [
        *(["pinned"] if chat.pinned else []),
        *([" ".join(f"#{tag}" for tag in chat.tags)] if chat.tags else []),
        "1 message" if chat.turns == 1 else f"{chat.turns} messages",
        chat.updated[:10],
        *([] if chat.learn else ["not learned from"]),
    ]
    return Content.assemble(
        (sign + (chat.title or "Untitled"), "bold" if is_current else ""),
        (f"\n  {' · '.join(facts)}", "dim"),
    )
