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

    def search(self, query: str = "") -> None:
        """Find words in all chats and jump to the place."""
        self._pane.app.push_screen(SearchScreen(self._find, query), self._jump)

    def rename(self, chat_id: int | None) -> None:
        """Give a chat another title; None is the new one, which has no title yet."""
        if chat_id is None:
            self._pane.say("This chat gets its title from the first message; rename it after that.")
            return
        with reporting(self._pane.app):
            chat = self._store.chats.get(chat_id)
            self._pane.app.push_screen(RenameDialog(chat.title), partial(self._rename, chat_id))

    def delete(self, chat_id: int | None) -> None:
        """Delete a chat for good, if the owner says yes; None is the new one, or the private one."""
        if chat_id is None and self._pane.conversation.is_private:
            question = "End this private chat? It is nowhere else, so its messages are gone then."
            self._pane.app.push_screen(ConfirmDialog(question, "End it"), self._end_private)
            return
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
        return list(self._store.chats.search(query))

    async def _jump(self, hit: SearchHit | None) -> None:
        if hit is None:
            return
        with reporting(self._pane.app):
            is_hidden = hit.turn_id is not None and not self._store.chats.turn(hit.turn_id).visible
            if hit.turn_id is not None and is_hidden:
                if self._replies.is_writing_in(hit.chat_id):
                    self._pane.say("This is in another version of a chat in which a reply is being written.")
                    return
                conversation = self._pane.conversation_of(hit.chat_id)
                await asyncio.to_thread(conversation.show_version, hit.turn_id)
            await self._open_chat(hit.chat_id, hit.turn_id)
            if is_hidden:
                self._pane.say("This was in another version of the chat, which is shown now.")

    async def _end_private(self, is_confirmed: bool | None) -> None:
        if not is_confirmed:
            self._pane.say("The private chat goes on.")
            return
        if self._replies.is_in_view:
            self._replies.stop()
        self._pane.end_private()
        await self._open_chat(None, None)
        self._pane.say("The private chat is gone.")

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
