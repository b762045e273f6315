"""What is done to whole chats: find, rename and delete, each in a dialog over the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from assistant.store.records import SearchHit
from assistant.tui.chat_pane import ChatPane
from assistant.tui.dialogs import ConfirmDialog, RenameDialog
from assistant.tui.replies import Replies
from assistant.tui.reporting import reporting
from assistant.tui.search_screen import SearchScreen

if TYPE_CHECKING:
    from assistant.services import Services

OpenChat = Callable[[int | None, int | None], Awaitable[None]]
"""Shows the chat with this id (None is a new one) and focuses the turn with that id."""


class ChatDialogs:
    """Asks, does it, and says what was done."""

    def __init__(self, services: Services, pane: ChatPane, replies: Replies, open_chat: OpenChat) -> None:
        self._store = services.store
        self._pane = pane
        self._replies = replies
        self._open_chat = open_chat

    def search(self) -> None:
        """Find words in all chats and jump to the place."""
        self._pane.app.push_screen(SearchScreen(self._find), self._jump)

    def rename(self, chat_id: int | None) -> None:
        """Give a chat another title; None is the new one, which has no title yet."""
        if chat_id is None:
            self._pane.say("This chat gets its title from the first message; rename it after that.")
            return
        with reporting(self._pane.app):
            chat = self._store.chats.get(chat_id)
            self._pane.app.push_screen(RenameDialog(chat.title), partial(self._rename, chat_id))

    def delete(self, chat_id: int | None) -> None:
        """Delete a chat for good, if the owner says yes; None is the new one."""
        if chat_id is None:
            self._pane.say("This chat has no messages yet, so there is nothing to delete.")
            return
        if self._replies.is_writing_in(chat_id):
            self._pane.say("A reply is still being written in this chat. Stop it with Esc first.")
            return
        with reporting(self._pane.app):
            chat = self._store.chats.get(chat_id)
            question = (
                f"Delete “{chat.title or 'Untitled'}” with its {chat.turns} messages and the pairs made "
                "from them? This cannot be undone."
            )
            self._pane.app.push_screen(ConfirmDialog(question, "Delete"), partial(self._delete, chat_id))

    def _find(self, query: str) -> list[SearchHit]:
        with reporting(self._pane.app):
            return list(self._store.chats.search(query))
        return []

    async def _jump(self, hit: SearchHit | None) -> None:
        if hit is not None:
            await self._open_chat(hit.chat_id, hit.turn_id)

    def _rename(self, chat_id: int, title: str | None) -> None:
        if title is not None:
            with reporting(self._pane.app):
                self._store.chats.rename(chat_id, title)
                self._pane.post_message(ChatPane.ChatsChanged())
                self._pane.say(f"Renamed to “{title}”.")

    async def _delete(self, chat_id: int, is_confirmed: bool | None) -> None:
        if not is_confirmed:
            self._pane.say("Nothing was deleted.")
            return
        with reporting(self._pane.app):
            gone = await asyncio.to_thread(self._store.chats.delete, chat_id)
            self._pane.forget_draft(chat_id)
            if self._pane.conversation.chat_id == chat_id:
                await self._open_chat(None, None)
            self._pane.post_message(ChatPane.ChatsChanged())
            learned = ", ".join(getattr(gone, "versions", ()))
            told = f" {learned} had learned from it; F6 switches versions." if learned else ""
            self._pane.say(f"The chat is deleted, its pairs too.{told}")
