"""The main screen: the chats at the side, the open one beside them, and the status line.

Wires its parts together: turns keys into their calls, and tells the list and the status line what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Markdown, TextArea

from assistant.tui.asking import Asking
from assistant.tui.bindings import bound
from assistant.tui.chat_commands import chat_commands
from assistant.tui.chat_dialogs import ChatDialogs
from assistant.tui.chat_list import ChatList
from assistant.tui.chat_pane import ChatPane
from assistant.tui.details import Details
from assistant.tui.history import PromptHistory
from assistant.tui.key_footer import KeyFooter
from assistant.tui.marking import Marking
from assistant.tui.prompt import PromptInput
from assistant.tui.question_line import QuestionLine
from assistant.tui.replies import Replies
from assistant.tui.reporting import reporting
from assistant.tui.rewriting import Rewriting
from assistant.tui.slash import Slash
from assistant.tui.status import Facts, StatusLine
from assistant.tui.taking import Taking

if TYPE_CHECKING:
    from assistant.services import Services

LISTED_CHATS = 100
"""How many chats the list shows at first, and by how many it grows when its end is reached."""


class ChatScreen(Screen[None]):
    """One open chat. `loading` says in words how the model's load goes and is empty when it is ready."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (84, "-wide")]  # noqa: RUF012  (declared by Screen)

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("chat.stop", "stop", show=False),
        bound("chat.new", "new_chat", priority=True),
        bound("chat.private", "private_chat", show=False, priority=True),
        bound("chat.rename", "rename_chat", show=False),
        bound("chat.search", "search", priority=True),
        bound("chat.list", "toggle_chats"),
        bound("chat.messages", "focus_last_message", show=False),
        bound("chat.prompt", "focus_prompt", show=False),
        *QuestionLine.SCREEN_BINDINGS,
    ]

    DEFAULT_CSS = """
    ChatScreen {
        #main { width: 1fr; }
        &.-narrow ChatList { display: none; }
        &.-narrow.-chats ChatList { display: block; width: 100%; border-right: none; }
        &.-narrow.-chats #main { display: none; }
    }
    """

    def __init__(self, services: Services, loading: Callable[[], str], *, private: bool = False) -> None:
        super().__init__()
        self._services = services
        self._begins_private = private
        self._loading = loading
        self._pane = ChatPane(services)
        self._replies = Replies(services, self._pane, loading)
        self._marking = Marking(services, self._pane)
        self._asking = Asking(services, self._pane, self._replies, self._marking)
        self._dialogs = ChatDialogs(services, self._pane, self._replies, self.open_chat)
        self._rewriting = Rewriting(services, self._pane, self._replies, self.open_chat)
        self._details = Details(services, self._pane)
        self._taking = Taking(self._pane)
        self.commands = chat_commands(
            self,
            self._pane,
            details=self._details,
            dialogs=self._dialogs,
            marking=self._marking,
            rewriting=self._rewriting,
            taking=self._taking,
        )
        self._slash = Slash(self._pane, self.commands)
        self._history = PromptHistory(self._earlier_prompts)
        self._listed = LISTED_CHATS

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield ChatList()
            yield self._pane
        yield StatusLine()
        yield KeyFooter()

    async def on_mount(self) -> None:
        engine = self._services.engine
        self._status.facts = Facts(engine.model_name, engine.context_tokens)
        self.refresh_chats()
        self.refresh_facts()
        self._pane.prompt.focus()
        self._asking.start()
        recovered = getattr(self._services.store, "recovered", 0)
        if recovered:
            self.say("The last session ended in the middle of a reply; what had arrived was kept.")
        if self._services.store.completed:
            self.say("Forgetting was interrupted last time. It is complete now; the receipts tell.")
        if self._begins_private:
            await self.action_private_chat()

    async def on_screen_resume(self) -> None:
        self.refresh_facts()
        with reporting(self.app):
            await self._marking.refresh()
            self._asking.drop_if_marked()

    @property
    def has_unsent_text(self) -> bool:
        return self._pane.has_unsent_text

    @property
    def is_answering(self) -> bool:
        """Whether a reply is being written, in this chat or another one."""
        return self._replies.running is not None

    @property
    def open_chat_id(self) -> int | None:
        """The chat that is open; None for a new one that nothing was said in."""
        return self._pane.conversation.chat_id

    @property
    def focused_turn(self) -> int | None:
        """The saved message that has the focus."""
        focused = self._pane.focused_message
        turn = None if focused is None else focused.turn
        return turn.id if turn is not None and turn.id > 0 else None

    async def reopen(self) -> None:
        """Show the chat again as the store has it now, or an empty one when it is gone."""
        chats = {chat.id for chat in self._services.store.chats.list()}
        chat_id = self._pane.conversation.chat_id
        await self.open_chat(chat_id if chat_id in chats else None)

    def stop_reply(self) -> None:
        """Stop a reply that is being written; what has arrived is kept."""
        self._replies.stop()

    # What is told

    def say(self, text: str) -> None:
        """Put a sentence above the prompt."""
        self._pane.say(text)

    def change_facts(self, **changes: Any) -> None:
        """Update standing facts by field name."""
        self._status.change(**changes)

    def refresh_facts(self) -> None:
        """Read what is learned and what the switches say."""
        settings = self._services.settings
        with reporting(self.app):
            version = self._services.store.versions.active("personal")
            if version is not None:
                count = len(version.pair_ids)
                learned = f"{version.id} ({count} pair{'' if count == 1 else 's'})"
                if version.strength != 1:
                    learned += f" × {version.strength:g}"
            else:
                learned = "off" if self._services.store.versions.list("personal") else "nothing yet"
            self.change_facts(
                learned=learned,
                is_learning=settings.learn,
                is_sharing=settings.share,
                is_saving=self._pane.conversation.is_saved,
                is_private=self._pane.conversation.is_private,
                persona=self._pane.conversation.persona,
            )

    def refresh_chats(self) -> None:
        """Read the list of chats again."""
        with reporting(self.app):
            chats = self._services.store.chats.list(self._listed)
            self._list.show(chats, self._pane.conversation.chat_id)

    def on_chat_pane_chats_changed(self) -> None:
        self.refresh_chats()
        self.refresh_facts()

    def on_chat_list_end_reached(self) -> None:
        # A list that was not filled has all there is.
        if self._list.option_count == self._listed:
            self._listed += LISTED_CHATS
            self.refresh_chats()

    def on_replies_measured(self, event: Replies.Measured) -> None:
        if event.conversation is self._pane.conversation:
            self.change_facts(**event.facts)

    # Chats

    async def open_chat(
        self, chat_id: int | None, target: int | None = None, *, private: bool = False
    ) -> None:
        """Show a chat, or an empty new one; `target` is the turn to focus."""
        with reporting(self.app):
            self._asking.withdraw()
            self._rewriting.leave_edit()
            await self._pane.open(chat_id, target, self._replies.running, private=private)
            self.remove_class("-chats")
            if target is None:
                self._pane.prompt.focus()
            self.change_facts(context_used=None, tokens_per_s=None, tokens=None)
            self.refresh_facts()
            self.refresh_chats()
            if self._pane.transcript.views and not self._loading():
                self._replies.measure()

    async def action_new_chat(self) -> None:
        await self.open_chat(None)

    async def action_private_chat(self) -> None:
        await self.open_chat(None, private=True)

    def action_pin_chat(self) -> None:
        self._details.pin(self._meant_chat)

    def action_tag_chat(self) -> None:
        self._details.tag(self._meant_chat)

    def action_system(self) -> None:
        self._details.system()

    def action_persona(self) -> None:
        self._details.persona()

    async def action_fork(self) -> None:
        await self._rewriting.fork()

    async def on_chat_list_chosen(self, event: ChatList.Chosen) -> None:
        await self.open_chat(event.chat_id)

    def on_chat_list_delete_asked(self, event: ChatList.DeleteAsked) -> None:
        self._dialogs.delete(event.chat_id)

    def action_delete_chat(self) -> None:
        self._dialogs.delete(self._pane.conversation.chat_id)

    def action_rename_chat(self) -> None:
        self._dialogs.rename(self._meant_chat)

    def action_search(self) -> None:
        self._dialogs.search()

    def action_toggle_chats(self) -> None:
        if self._list.has_focus:
            self.action_focus_prompt()
        else:
            self.add_class("-chats")
            self.call_after_refresh(self._list.focus)

    # Messages

    async def on_prompt_input_submitted(self, event: PromptInput.Submitted) -> None:
        event.stop()
        if self._rewriting.is_editing:
            await self._rewriting.send_edit(event.text)
            return
        if await self._slash.run(event.text):
            return
        if event.text.strip():
            self._asking.withdraw()
        await self._replies.submit(event.prompt, event.text)

    def on_prompt_input_walked(self, event: PromptInput.Walked) -> None:
        event.stop()
        walk = self._history.older if event.step < 0 else self._history.newer
        text = walk(event.prompt.text)
        if text is not None:
            event.prompt.put(text)

    def on_prompt_input_completion_asked(self, event: PromptInput.CompletionAsked) -> None:
        event.stop()
        text = self._slash.complete(event.prompt.text)
        if text is not None:
            event.prompt.put(text)

    def _earlier_prompts(self, limit: int) -> list[str]:
        with reporting(self.app):
            return self._services.store.chats.prompts(limit)
        return []

    async def action_answer_again(self) -> None:
        self._asking.withdraw()
        await self._rewriting.again()

    def action_continue_answer(self) -> None:
        self._asking.withdraw()
        self._rewriting.go_on()

    def action_edit_message(self) -> None:
        self._rewriting.edit()

    async def action_show_version(self, step: int) -> None:
        await self._rewriting.show_version(step)

    def action_delete_message(self) -> None:
        self._rewriting.delete()

    async def action_stop(self) -> None:
        if self._replies.is_in_view:
            self.stop_reply()
        elif self._rewriting.is_editing:
            self._rewriting.leave_edit()
        elif not await self._asking.dismiss():
            self.action_focus_prompt()

    def on_replies_finished(self) -> None:
        self._asking.reply_finished()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._asking.key_pressed()
        self._slash.hint(event.text_area.text)

    async def action_answer_question(self, outcome: str) -> None:
        await self._asking.answer(outcome)

    async def action_mark(self, kind: str) -> None:
        await self._marking.mark(kind)

    def action_edit_answer(self) -> None:
        self._marking.correct()

    async def action_undo_mark(self) -> None:
        await self._marking.undo()

    def action_why(self) -> None:
        from assistant.tui.why_screen import WhyScreen

        view = self._pane.chosen_answer
        turn = None if view is None else view.turn
        if turn is None or turn.id <= 0 or turn.reply_to is None:
            self.say("There is no saved answer to look at.")
        else:
            self.app.push_screen(WhyScreen(self._services, turn.id))

    def action_copy_message(self) -> None:
        self._taking.copy()

    def action_copy_code(self) -> None:
        self._taking.copy_code()

    def action_save_message(self) -> None:
        self._taking.save()

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        # Opening a browser would leave the machine on a model's word; the owner decides.
        self.app.copy_to_clipboard(event.href)
        self.say(f"Copied the address {event.href}; links are not opened from here.")

    # Moving about

    def action_focus_prompt(self) -> None:
        self.remove_class("-chats")
        self._pane.prompt.focus()

    def action_focus_last_message(self) -> None:
        if self._pane.transcript.views:
            self._pane.transcript.views[-1].focus()

    def on_prompt_input_left_upwards(self) -> None:
        self.action_focus_last_message()

    async def action_focus_message(self, step: int) -> None:
        focused = self._pane.focused_message
        if focused is not None:
            transcript = self._pane.transcript
            neighbour = transcript.neighbour(focused, step)
            if neighbour is None and step < 0 and await transcript.show_earlier():
                neighbour = transcript.neighbour(focused, step)
            if neighbour is not None:
                neighbour.focus()
            elif step > 0:
                self._pane.prompt.focus()

    @property
    def _meant_chat(self) -> int | None:
        """The chat under the cursor of the list, else the open one."""
        listed = self._list.highlighted_chat if self._list.has_focus else None
        return self._pane.conversation.chat_id if listed is None else listed

    @property
    def _list(self) -> ChatList:
        return self.query_one(ChatList)

    @property
    def _status(self) -> StatusLine:
        return self.query_one(StatusLine)
