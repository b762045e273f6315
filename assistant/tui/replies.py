"""What answers: sends what was typed, and brings at most one reply at a time into the pane.

The reply is written in a thread of the app, so that it goes on while another chat or screen is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.timer import Timer

from assistant.conversation import Conversation
from assistant.errors import AssistantError
from assistant.store.records import Turn
from assistant.tui.chat_pane import ChatPane
from assistant.tui.prompt import PromptInput
from assistant.tui.reply_job import ReplyJob
from assistant.tui.reply_pump import PUMP_EVERY_S, ReplyPump
from assistant.tui.reporting import reporting, show_error
from assistant.tui.turn_view import AnswerView, UserView

if TYPE_CHECKING:
    from assistant.services import Services


class Replies:
    """`loading` says in words how the model's load goes and is empty when it is ready."""

    @dataclass
    class Measured(Message):
        """Something was measured about this chat: new values for the status line, by field name."""

        conversation: Conversation
        facts: dict[str, Any]

    @dataclass
    class Finished(Message):
        """A reply in the chat that is shown is complete."""

    def __init__(self, services: Services, pane: ChatPane, loading: Callable[[], str]) -> None:
        self._services = services
        self._pane = pane
        self._loading = loading
        self._pumping: Timer | None = None
        self.running: ReplyPump | None = None

    def is_writing_in(self, chat_id: int) -> bool:
        """Whether a reply is being written in this chat."""
        return self.running is not None and self.running.job.conversation.chat_id == chat_id

    @property
    def is_in_view(self) -> bool:
        """Whether a reply is being written in the chat that is shown."""
        return self.running is not None and self.running.view is not None

    async def submit(self, prompt: PromptInput, text: str) -> None:
        """Save a message, show it, and start the reply. Until then the text stays in the prompt."""
        pane = self._pane
        if self.running is not None:
            pane.say("A reply is still being written. Esc stops it; your text stays here.")
            return
        if not text.strip():
            return
        with reporting(pane.app):
            turn = pane.conversation.add_message(text)
            prompt.take(text)
            pane.say("")
            if pane.transcript.ends_early:
                await pane.show(pane.conversation.turns()[:-1])
            await pane.transcript.add(UserView(turn))
            await self.answer(turn)
            pane.post_message(ChatPane.ChatsChanged())

    def stop(self) -> None:
        """Stop the reply that is being written; what has arrived is kept."""
        if self.running is not None:
            self.running.job.stop()

    def measure(self) -> None:
        """Ask the engine, in a thread, how many tokens the chat that is shown takes."""
        work = partial(self._measure, self._pane.conversation)
        self._pane.app.run_worker(work, thread=True, group="context", exclusive=True, exit_on_error=False)

    async def answer(self, user_turn: Turn) -> None:
        """Begin the answer to a message, which is the last one shown."""
        conversation = self._pane.conversation
        view = AnswerView(None)
        await self._pane.transcript.add(view)
        self._start(ReplyJob(conversation, partial(conversation.answer, user_turn)), view)

    def resume(self, view: AnswerView, turn: Turn) -> None:
        """Let the answer in this view go on."""
        conversation = self._pane.conversation
        view.go_on()
        write = partial(conversation.resume, turn)
        self._start(ReplyJob(conversation, write, begun=turn.content), view)

    def _start(self, job: ReplyJob, view: AnswerView) -> None:
        self.running = ReplyPump(job, self._loading)
        self.running.attach(view)
        self._pane.app.run_worker(job.run, thread=True, group="reply", exit_on_error=False)
        if self._pumping is None:
            self._pumping = self._pane.set_interval(PUMP_EVERY_S, self._pump)
        self._pumping.resume()

    async def _pump(self) -> None:
        running = self.running
        if running is None or not await running.tick():
            return
        self.running = None
        if self._pumping is not None:
            self._pumping.pause()
        pane, job = self._pane, running.job
        if job.error is not None:
            show_error(pane.app, job.error)
            pane.say("No answer. Your message is kept; press ↑ and r to try again.")
        elif running.view is None:
            pane.say("The reply in the other chat is finished.")
        elif job.turn is not None:
            facts = {"tokens_per_s": job.turn.tokens_per_s, "tokens": job.turn.tokens}
            pane.post_message(self.Measured(job.conversation, facts))
            pane.post_message(self.Finished())
            await self._say_what_is_missing(job)
            self.measure()
        pane.post_message(ChatPane.ChatsChanged())

    async def _say_what_is_missing(self, job: ReplyJob) -> None:
        conversation = job.conversation
        await self._pane.transcript.say_unseen(conversation.left_out)
        if conversation.left_out:
            count = conversation.left_out
            oldest = "oldest message" if count == 1 else f"{count} oldest messages"
            self._pane.say(
                f"The context is full: the model did not see the {oldest}. A new chat has all of it again."
            )
        elif conversation.is_cut_short:
            self._pane.say("The answer reached the longest length. ↑ and c let it go on.")
        elif job.begun and not job.has_text:
            self._pane.say("The model has nothing to add.")

    def _measure(self, conversation: Conversation) -> None:
        try:
            tokens = conversation.context_used()
        except AssistantError:
            return  # The meter keeps its last value; the reply itself reports what is wrong.
        self._pane.post_message(self.Measured(conversation, {"context_used": tokens}))
