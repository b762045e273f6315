"""The main screen: chats at the side, messages, the prompt, and the status lines.

Turns keys into calls of the conversation, the marks and the store, and shows what came back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Markdown

from assistant.conversation import Conversation
from assistant.errors import AssistantError, UsageError
from assistant.marks import apply_mark, undo_mark
from assistant.store.records import Mark, SearchHit, Turn
from assistant.tui.chat_list import ChatList
from assistant.tui.dialogs import ConfirmDialog, RenameDialog
from assistant.tui.edit_screen import EditScreen
from assistant.tui.prompt import PromptInput
from assistant.tui.reply_job import ReplyJob
from assistant.tui.reply_pump import PUMP_EVERY_S, ReplyPump
from assistant.tui.reporting import reporting, show_error
from assistant.tui.search_screen import SearchScreen
from assistant.tui.status import Facts, Notice, StatusLine
from assistant.tui.transcript import Transcript
from assistant.tui.turn_view import AnswerView, TurnView, UserView

if TYPE_CHECKING:
    from assistant.services import Services


class ChatScreen(Screen[None]):
    """One open chat. `loading` says in words how the model's load goes and is empty when it is ready."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (84, "-wide")]  # noqa: RUF012  (declared by Screen)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop the reply, or go to the prompt", show=False, id="chat.stop"),
        Binding("ctrl+n", "new_chat", "New chat", id="chat.new", priority=True),
        Binding("f2", "rename_chat", "Rename chat", show=False, id="chat.rename"),
        Binding("f3,ctrl+f", "search", "Search", id="chat.search", priority=True),
        Binding("f4", "toggle_chats", "Chats", id="chat.list"),
        Binding("ctrl+up", "focus_last_message", "Go to the messages", show=False, id="chat.messages"),
        Binding("ctrl+down", "focus_prompt", "Go to the prompt", show=False, id="chat.prompt"),
    ]

    DEFAULT_CSS = """
    ChatScreen {
        #main { width: 1fr; }
        &.-narrow ChatList { display: none; }
        &.-narrow.-chats ChatList { display: block; width: 100%; border-right: none; }
        &.-narrow.-chats #main { display: none; }
    }
    """

    @dataclass
    class ContextMeasured(Message):
        """How many tokens a chat takes; measured by the engine in a thread."""

        conversation: Conversation
        tokens: int

    def __init__(self, services: Services, loading: Callable[[], str]) -> None:
        super().__init__()
        self._services = services
        self._loading = loading
        self._conversation = self._conversation_of(None)
        self._pump: ReplyPump | None = None
        self._drafts: dict[int | None, str] = {}

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield ChatList()
            with Vertical(id="main"):
                yield Transcript()
                yield Notice()
                yield PromptInput(placeholder="Type a message. Enter sends, Ctrl+J adds a line.", id="prompt")
        yield StatusLine()
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        engine = self._services.engine
        self._status.facts = Facts(engine.model_name, engine.context_tokens)
        self._pumping = self.set_interval(PUMP_EVERY_S, self._pump_reply, pause=True)
        self.refresh_chats()
        self.refresh_facts()
        self._prompt.focus()
        recovered = getattr(self._services.store, "recovered", 0)
        if recovered:
            self.say("The last session ended in the middle of a reply; what had arrived was kept.")

    def on_screen_resume(self) -> None:
        self.refresh_facts()

    @property
    def has_unsent_text(self) -> bool:
        return bool(self._prompt.text.strip() or any(draft.strip() for draft in self._drafts.values()))

    def say(self, text: str) -> None:
        """Put a sentence into the status line."""
        self.query_one(Notice).say(text)

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
                is_saving=self._conversation.is_saved,
            )

    def refresh_chats(self) -> None:
        """Read the list of chats again."""
        with reporting(self.app):
            self.query_one(ChatList).show(self._services.store.chats.list(), self._conversation.chat_id)

    def measure_context(self) -> None:
        """Ask the engine, in a thread, how many tokens this chat takes."""
        work = partial(self._measure_context, self._conversation)
        self.app.run_worker(work, thread=True, group="context", exclusive=True, exit_on_error=False)

    def stop_reply(self) -> None:
        """Stop a reply that is being written; what has arrived is kept."""
        if self._pump is not None:
            self._pump.job.stop()

    # Sending and receiving

    async def on_prompt_input_submitted(self, event: PromptInput.Submitted) -> None:
        event.stop()
        if self._pump is not None:
            self.say("A reply is still being written. Esc stops it; your text stays here.")
            return
        if not event.text.strip():
            return
        with reporting(self.app):
            turn = self._conversation.add_message(event.text)
            event.prompt.take(event.text)
            self.say("")
            if self._transcript.ends_early:
                turns = self._conversation.turns()[:-1]
                await self._transcript.show(turns, self._marks_of(turns))
            await self._transcript.add(UserView(turn, "user"))
            await self._start_reply(turn)
            self.refresh_chats()

    async def _start_reply(self, user_turn: Turn) -> None:
        view = AnswerView(None)
        await self._transcript.add(view)
        job = ReplyJob(self._conversation, user_turn)
        self._pump = ReplyPump(job, self._loading)
        self._pump.attach(view)
        self.app.run_worker(job.run, thread=True, group="reply", exit_on_error=False)
        self._pumping.resume()

    async def _pump_reply(self) -> None:
        pump = self._pump
        if pump is None or not await pump.tick():
            return
        self._pump = None
        self._pumping.pause()
        job = pump.job
        if job.error is not None:
            show_error(self.app, job.error)
            self.say("No answer. Your message is kept; press ↑ and r to try again.")
        elif pump.view is None:
            self.say("The reply in the other chat is finished.")
        elif job.turn is not None:
            self.change_facts(tokens_per_s=job.turn.tokens_per_s)
            self.measure_context()
        self.refresh_chats()

    def _measure_context(self, conversation: Conversation) -> None:
        try:
            tokens = conversation.context_used()
        except AssistantError:
            return  # The meter keeps its last value; the reply itself reports what is wrong.
        self.post_message(self.ContextMeasured(conversation, tokens))

    def on_chat_screen_context_measured(self, event: ContextMeasured) -> None:
        if event.conversation is self._conversation:
            self.change_facts(context_used=event.tokens)

    # Chats

    async def action_new_chat(self) -> None:
        await self.open_chat(None)

    async def open_chat(self, chat_id: int | None, target: int | None = None) -> None:
        """Show a chat, or an empty new one; `target` is the turn to focus."""
        with reporting(self.app):
            store = self._services.store
            if chat_id is not None:
                store.chats.get(chat_id)
            self._keep_draft()
            running = self._pump.job.conversation if self._pump else None
            is_running = running is not None and chat_id is not None and running.chat_id == chat_id
            self._conversation = running if is_running and running else self._conversation_of(chat_id)
            turns = [turn for turn in self._conversation.turns() if turn.state != "streaming"]
            await self._transcript.show(turns, self._marks_of(turns), target)
            if self._pump is not None:
                view = AnswerView(None) if is_running else None
                if view is not None:
                    await self._transcript.add(view)
                self._pump.attach(view)
            self.remove_class("-chats")
            self._prompt.text = self._drafts.pop(self._conversation.chat_id, "")
            self._prompt.move_cursor(self._prompt.document.end)
            if target is None:
                self._prompt.focus()
            self.say("")
            self.change_facts(context_used=None, tokens_per_s=None)
            self.refresh_facts()
            self.refresh_chats()
            if turns and not self._loading():
                self.measure_context()

    async def on_chat_list_chosen(self, event: ChatList.Chosen) -> None:
        await self.open_chat(event.chat_id)

    def on_chat_list_delete_asked(self, event: ChatList.DeleteAsked) -> None:
        self._ask_delete(event.chat_id)

    def action_delete_chat(self) -> None:
        if self._conversation.chat_id is None:
            self.say("This chat has no messages yet, so there is nothing to delete.")
        else:
            self._ask_delete(self._conversation.chat_id)

    def _ask_delete(self, chat_id: int) -> None:
        if self._pump is not None and self._pump.job.conversation.chat_id == chat_id:
            self.say("A reply is still being written in this chat. Stop it with Esc first.")
            return
        with reporting(self.app):
            chat = self._services.store.chats.get(chat_id)
            question = (
                f"Delete “{chat.title or 'Untitled'}” with its {chat.turns} messages and the pairs made "
                "from them? This cannot be undone."
            )
            self.app.push_screen(ConfirmDialog(question, "Delete"), partial(self._delete, chat_id))

    async def _delete(self, chat_id: int, is_confirmed: bool | None) -> None:
        if not is_confirmed:
            self.say("Nothing was deleted.")
            return
        with reporting(self.app):
            gone = await asyncio.to_thread(self._services.store.chats.delete, chat_id)
            self._drafts.pop(chat_id, None)
            if self._conversation.chat_id == chat_id:
                await self.open_chat(None)
            self.refresh_chats()
            learned = ", ".join(getattr(gone, "versions", ()))
            told = f" {learned} had learned from it; F6 switches versions." if learned else ""
            self.say(f"The chat is deleted, its pairs too.{told}")

    def action_rename_chat(self) -> None:
        chat_id = self._conversation.chat_id
        listed = self.query_one(ChatList)
        if listed.has_focus and listed.highlighted_chat is not None:
            chat_id = listed.highlighted_chat
        if chat_id is None:
            self.say("This chat gets its title from the first message; rename it after that.")
            return
        with reporting(self.app):
            chat = self._services.store.chats.get(chat_id)
            self.app.push_screen(RenameDialog(chat.title), partial(self._rename, chat_id))

    def _rename(self, chat_id: int, title: str | None) -> None:
        if title is not None:
            with reporting(self.app):
                self._services.store.chats.rename(chat_id, title)
                self.refresh_chats()
                self.say(f"Renamed to “{title}”.")

    def action_search(self) -> None:
        self.app.push_screen(SearchScreen(self._search), self._jump)

    def _search(self, query: str) -> list[SearchHit]:
        with reporting(self.app):
            return list(self._services.store.chats.search(query))
        return []

    async def _jump(self, hit: SearchHit | None) -> None:
        if hit is not None:
            await self.open_chat(hit.chat_id, hit.turn_id)

    def action_toggle_chats(self) -> None:
        listed = self.query_one(ChatList)
        if listed.has_focus:
            self.remove_class("-chats")
            self._prompt.focus()
        else:
            self.add_class("-chats")
            self.call_after_refresh(listed.focus)

    # Messages

    def action_stop(self) -> None:
        if self._pump is not None and self._pump.view is not None:
            self.stop_reply()
        else:
            self.action_focus_prompt()

    def action_focus_prompt(self) -> None:
        self.remove_class("-chats")
        self._prompt.focus()

    def action_focus_last_message(self) -> None:
        if self._transcript.views:
            self._transcript.views[-1].focus()

    def on_prompt_input_left_upwards(self) -> None:
        self.action_focus_last_message()

    def action_focus_message(self, step: int) -> None:
        if isinstance(self.focused, TurnView):
            neighbour = self._transcript.neighbour(self.focused, step)
            if neighbour is not None:
                neighbour.focus()
            elif step > 0:
                self._prompt.focus()

    def action_copy_message(self) -> None:
        view = self.focused if isinstance(self.focused, TurnView) else self._transcript.last_answer
        if view is None or not view.text:
            self.say("There is nothing to copy yet.")
            return
        self.app.copy_to_clipboard(view.text)
        self.say(f"Copied {len(view.text)} characters.")

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        # Opening a browser would leave the machine on a model's word; the owner decides.
        self.app.copy_to_clipboard(event.href)
        self.say(f"Copied the address {event.href}; links are not opened from here.")

    # Marks

    async def action_mark(self, kind: str) -> None:
        await self._mark(self._marked_view(), kind)

    def action_edit_answer(self) -> None:
        view = self._marked_view()
        if view is None or view.turn is None:
            self.say("There is no finished answer to correct yet.")
            return
        with reporting(self.app):
            if view.turn.id <= 0 or view.turn.reply_to is None:
                raise UsageError(
                    "Only saved answers to a message can be corrected.", hint="Saving is off in the settings."
                )
            question = self._services.store.chats.turn(view.turn.reply_to).content
            self.app.push_screen(EditScreen(question, view.text), partial(self._save_edit, view))

    async def _save_edit(self, view: AnswerView, text: str | None) -> None:
        if text is not None:
            await self._mark(view, "edit", text)

    async def _mark(self, view: AnswerView | None, kind: str, text: str | None = None) -> None:
        if view is None or view.turn is None:
            self.say("There is no finished answer to mark yet.")
            return
        services = self._services
        turn_id = view.turn.id
        with reporting(self.app):
            mark = partial(apply_mark, on_skip=services.on_skip, waiting=services.learner.waiting)
            result = await asyncio.to_thread(mark, services.store, turn_id, kind, text)
            await view.show_mark(services.store.marks.latest(turn_id))
            self.say(result.message)

    async def action_undo_mark(self) -> None:
        chat_id = self._conversation.chat_id
        if chat_id is None:
            self.say("Nothing to undo: no mark in this chat.")
            return
        services = self._services
        with reporting(self.app):
            result = await asyncio.to_thread(
                partial(undo_mark, services.store, chat_id, waiting=services.learner.waiting)
            )
            for view in self._transcript.query(AnswerView):
                if view.turn is not None:
                    await view.show_mark(services.store.marks.latest(view.turn.id))
            self.say(result.message)

    async def action_answer_again(self) -> None:
        """Write the last answer anew, or answer a message whose reply had failed."""
        view = self._transcript.last_answer
        if self._pump is not None or view is None:
            self.say("There is no finished answer to write again.")
            return
        if isinstance(self.focused, AnswerView) and self.focused is not view:
            self.say("Only the last answer can be written again.")
            return
        with reporting(self.app):
            store = self._services.store
            if view.turn is not None and (view.turn.id <= 0 or store.marks.latest(view.turn.id)):
                self.say("This answer is marked or not saved, so it stays. Undo the mark with u first.")
                return
            question = [turn for turn in self._conversation.turns() if turn.role == "user"][-1]
            if view.turn is not None:
                store.chats.delete_turn(view.turn.id)
            await view.remove()
            await self._start_reply(question)
            self._prompt.focus()

    def _marked_view(self) -> AnswerView | None:
        return self.focused if isinstance(self.focused, AnswerView) else self._transcript.last_answer

    # Parts

    @property
    def _prompt(self) -> PromptInput:
        return self.query_one("#prompt", PromptInput)

    @property
    def _transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def _status(self) -> StatusLine:
        return self.query_one(StatusLine)

    def _conversation_of(self, chat_id: int | None) -> Conversation:
        services = self._services
        return Conversation(
            services.store, services.engine, services.settings, chat_id, after_turn=services.after_turn
        )

    def _keep_draft(self) -> None:
        if self._prompt.text.strip():
            self._drafts[self._conversation.chat_id] = self._prompt.text

    def _marks_of(self, turns: list[Turn]) -> dict[int, Mark]:
        saved = [turn.id for turn in turns if turn.role == "assistant" and turn.id > 0]
        marks = {turn_id: self._services.store.marks.latest(turn_id) for turn_id in saved}
        return {turn_id: mark for turn_id, mark in marks.items() if mark is not None}
