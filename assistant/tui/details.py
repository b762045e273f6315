"""What a chat is like: its title, tags, pin, and what the model is told before it.

Asks, does it, and says what was done. An unsaved chat has only the last of these.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from assistant.tui.chat_pane import ChatPane
from assistant.tui.dialogs import LineDialog
from assistant.tui.pick_dialog import PickDialog
from assistant.tui.reporting import reporting
from assistant.tui.text_dialog import TextDialog

if TYPE_CHECKING:
    from assistant.services import Services

NOT_SAVED = "Only a chat that is kept has this; send a first message."


class Details:
    """Works on the chat with this id; None is the one that is shown and not saved yet."""

    def __init__(self, services: Services, pane: ChatPane) -> None:
        self._store = services.store
        self._settings = services.settings
        self._pane = pane

    def pin(self, chat_id: int | None) -> None:
        """List a chat first, or no longer."""
        if chat_id is None:
            self._pane.say(NOT_SAVED)
            return
        with reporting(self._pane.app):
            chat = self._store.chats.set_pinned(chat_id, not self._store.chats.get(chat_id).pinned)
            self._changed("Pinned: it is listed first." if chat.pinned else "No longer pinned.")

    def tag(self, chat_id: int | None, tags: str | None = None) -> None:
        """Give a chat these tags, or ask for them."""
        if chat_id is None:
            self._pane.say(NOT_SAVED)
            return
        with reporting(self._pane.app):
            if tags is not None:
                self._tag(chat_id, tags)
                return
            present = " ".join(self._store.chats.get(chat_id).tags)
            label = "Tags, separated by spaces. Enter saves, Esc leaves them as they are."
            self._pane.app.push_screen(
                LineDialog(label, present, "work garden", may_be_empty=True), partial(self._tag, chat_id)
            )

    def title(self, chat_id: int | None, title: str) -> None:
        """Give a chat this title."""
        if chat_id is None:
            self._pane.say(NOT_SAVED)
            return
        with reporting(self._pane.app):
            self._store.chats.rename(chat_id, title)
            self._changed(f"Renamed to “{title}”.")

    def system(self, text: str = "") -> None:
        """Tell the model this before the chat that is shown, or ask what to tell it."""
        if text:
            self._set_system(text)
            return
        label = "What the model is told before this chat. Empty is what the settings say."
        self._pane.app.push_screen(
            TextDialog(label, self._pane.conversation.system, "You are a helpful assistant."),
            self._set_system,
        )

    def persona(self, words: str = "") -> None:
        """Begin as a persona; with a text behind the name, make it first; alone, choose from a list."""
        with reporting(self._pane.app):
            name, _, prompt = words.partition(" ")
            if prompt.strip():
                self._store.personas.set(name, prompt)
            if words:
                self._use(self._store.personas.get(name if prompt.strip() else words).name)
                return
            names = [persona.name for persona in self._store.personas.list()]
            if not names:
                self._pane.say("There is no persona yet. /persona NAME TEXT makes one.")
                return
            rows = {"": "None: what the settings say", **{name: name for name in names}}
            self._pane.app.push_screen(PickDialog("Persona of this chat", rows), self._use)

    def _use(self, name: str | None) -> None:
        if name is None:
            return
        with reporting(self._pane.app):
            conversation = self._pane.conversation
            if not name:
                conversation.set_system(None)
            else:
                persona = self._store.personas.get(name)
                conversation.set_system(persona.prompt, persona=persona.name)
            self._changed(f"{name} answers from now on." if name else "No persona in this chat.")

    def _set_system(self, text: str | None) -> None:
        if text is None:
            return
        with reporting(self._pane.app):
            is_own = text.strip() and text.strip() != self._settings.system_prompt
            self._pane.conversation.set_system(text.strip() if is_own else None)
            told = "The model is told this" if is_own else "The model is told what the settings say"
            self._changed(f"{told} from the next answer on.")

    def _tag(self, chat_id: int, tags: str | None) -> None:
        if tags is None:
            return
        with reporting(self._pane.app):
            chat = self._store.chats.set_tags(chat_id, tags.split())
            told = " ".join(f"#{tag}" for tag in chat.tags)
            self._changed(f"Tags: {told}." if told else "No tags.")

    def _changed(self, told: str) -> None:
        self._pane.post_message(ChatPane.ChatsChanged())
        self._pane.say(told)
