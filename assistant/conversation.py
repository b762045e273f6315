"""One chat between the owner and the model: saves each turn, streams the reply, remembers what was said.

Knows the store and the engine; never sees the screen. Methods block, so a screen calls them from a thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from assistant.branching import following
from assistant.engine.types import AdapterUse, Message, Reply, Sampling, opening
from assistant.errors import AssistantError, UsageError
from assistant.reply_saver import OnPiece, ReplySaver, both
from assistant.store.records import Deletion, Turn
from assistant.unsaved import UnsavedTurns

if TYPE_CHECKING:
    from assistant.settings import Settings
    from assistant.store import Store

TITLE_LENGTH = 40
# More than any text has per token on average, so that what is left out would not have fitted.
CHARACTERS_PER_TOKEN = 16
# Greedy or nearly greedy drawing would write the same answer again.
AGAIN_TEMPERATURE = 0.7

AfterTurn = Callable[[Turn, Turn], None]


class ChatEngine(Protocol):
    """The part of the engine that a conversation uses."""

    @property
    def model_name(self) -> str: ...
    @property
    def context_tokens(self) -> int: ...
    @property
    def adapters(self) -> tuple[AdapterUse, ...]: ...
    def chat(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        on_piece: OnPiece | None = None,
        cancel: threading.Event | None = None,
        prefix: str = "",
    ) -> Reply: ...
    def context_used(self, messages: Sequence[Message]) -> int: ...


class Conversation:
    """A chat that can be continued.

    `chat_id` None starts a new chat, which is created in the store with the first message. In a `private`
    one, or with the setting `remember_chats` off, nothing is written and turns have negative ids.

    Attributes:
        left_out: how many of the oldest messages the model did not see when it wrote the last answer, because
            the context was full.
        is_cut_short: whether the last answer ended because it reached the longest length.
    """

    def __init__(
        self,
        store: Store,
        engine: ChatEngine,
        settings: Settings,
        chat_id: int | None = None,
        *,
        private: bool = False,
        after_turn: AfterTurn | None = None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._settings = settings
        self._after_turn = after_turn
        self._unsaved = UnsavedTurns()
        self._is_private = private
        self._system: str | None = None
        self._persona = ""
        self.chat_id = chat_id
        self.left_out = 0
        self.is_cut_short = False
        if chat_id is not None:
            chat = store.chats.get(chat_id)
            self._system, self._persona = chat.system, chat.persona

    @property
    def is_private(self) -> bool:
        """Whether the owner asked for a chat that is never stored and never learned from."""
        return self._is_private

    @property
    def is_saved(self) -> bool:
        """Whether this chat is written to the store."""
        return not self._is_private and (self.chat_id is not None or self._settings.remember_chats)

    @property
    def persona(self) -> str:
        """The name of the persona this chat began with; empty without one."""
        return self._persona

    @property
    def system(self) -> str:
        """What the model is told before this chat."""
        return self._settings.system_prompt if self._system is None else self._system

    def set_system(self, system: str | None, *, persona: str = "") -> None:
        """Tell the model this before the chat from now on; None is what the settings say."""
        if self.chat_id is not None:
            self._store.chats.set_system(self.chat_id, system, persona=persona)
        self._system, self._persona = system, persona

    def turns(self) -> list[Turn]:
        """What is shown, in order; the ones of an unsaved chat included."""
        return self._unsaved.path() if self.chat_id is None else self._store.chats.turns(self.chat_id)

    def versions(self) -> dict[int, tuple[int, ...]]:
        """For each turn shown that has other versions: the ids of all of them, itself included."""
        if self.chat_id is None:
            return self._unsaved.versions()
        return self._store.branches.versions(self.chat_id)

    def send(self, text: str, on_piece: OnPiece | None = None, cancel: threading.Event | None = None) -> Turn:
        """Save the owner's message, answer it, and return the finished reply.

        Raises StoreError before anything was sent when the message cannot be saved, ModelError when the
        engine cannot answer; the message then stays saved and `answer` tries again.
        """
        return self.answer(self.add_message(text), on_piece, cancel)

    def add_message(self, text: str) -> Turn:
        """Save the owner's message; it is on disk when this returns."""
        if not text.strip():
            raise UsageError("An empty message has nothing to answer.", hint="Type something first.")
        if not self.is_saved:
            return self._unsaved.add(self._local_turn("user", text, state="done"))
        if self.chat_id is None:
            chat = self._store.chats.create(title_from(text))
            if self._system is not None:
                self._store.chats.set_system(chat.id, self._system, persona=self._persona)
            self.chat_id = chat.id
        return self._store.chats.add_turn(self.chat_id, "user", text)

    def edit_message(self, turn_id: int, text: str) -> Turn:
        """Another version of an earlier message, shown instead of it; what followed that is kept beside it.

        Raises UsageError: the text is empty, or the turn is no message of the owner.
        """
        former = self._turn(turn_id)
        if former.role != "user":
            raise UsageError("Only your own messages can be sent again.", hint="Move to one with ↑.")
        if not text.strip():
            raise UsageError("An empty message has nothing to answer.", hint="Type something first.")
        with self._rearranging():
            self._cut(former.parent)
            return self.add_message(text)

    def show_version(self, turn_id: int) -> None:
        """Show the path through this turn."""
        with self._rearranging():
            if self.chat_id is None:
                self._unsaved.choose(turn_id)
            else:
                self._store.branches.choose(turn_id)

    def going_with(self, turn_id: int) -> list[int]:
        """The turns that deleting this one takes along, itself first."""
        return self._unsaved.going_with(turn_id) if turn_id < 0 else self._store.branches.going_with(turn_id)

    def delete(self, turn_id: int) -> Deletion:
        """Delete a turn for good with what goes with it (see `going_with`); what hung on it goes too."""
        going = self.going_with(turn_id)
        if self.chat_id is None:
            self._unsaved.delete(going)
            return Deletion(len(going), 0, ())
        with following(self._store, self.chat_id, self._after_turn, together=False):
            return self._store.chats.delete_turns(going)

    def answer(
        self, user_turn: Turn, on_piece: OnPiece | None = None, cancel: threading.Event | None = None
    ) -> Turn:
        """Answer a message of this chat; what was streamed is saved at least every half second.

        If it has an answer already this one is another version, and the former one is kept.
        """
        messages, skipped = self._seen(self._until(user_turn.id))
        if not self.is_saved:
            self._unsaved.cut(user_turn.id)
            try:
                reply = self._engine.chat(
                    messages, self._sampling(user_turn), on_piece=on_piece, cancel=cancel
                )
            except AssistantError:
                self._unsaved.mend()
                raise
            self._note(reply, skipped)
            return self._unsaved.add(
                self._local_turn(
                    "assistant", reply.text, state=_state(reply), reply=reply, reply_to=user_turn.id
                )
            )
        chats = self._store.chats
        adapters = tuple(use.version for use in self._engine.adapters)
        sampling = self._sampling(user_turn)
        with self._rearranging():
            self._cut(user_turn.id)
            reply_turn = chats.begin_reply(
                user_turn.chat_id, reply_to=user_turn.id, model=self._engine.model_name, adapters=adapters
            )
        saver = ReplySaver(lambda text: chats.append_reply(reply_turn.id, text))
        try:
            with saver:
                reply = self._engine.chat(
                    messages, sampling, on_piece=both(saver.add, on_piece), cancel=cancel
                )
        except AssistantError:
            self._keep_lost(reply_turn, saver.text)
            raise
        self._note(reply, skipped)
        finished = chats.finish_reply(
            reply_turn.id,
            reply.text,
            state=_state(reply),
            tokens=reply.tokens,
            tokens_per_s=reply.tokens_per_s,
            loss=reply.mean_loss,
        )
        self._hand_on(user_turn, finished)
        return finished

    def resume(
        self, turn: Turn, on_piece: OnPiece | None = None, cancel: threading.Event | None = None
    ) -> Turn:
        """Let the model go on with the last answer where it ended; it keeps its place and its number.

        `on_piece` gets only what is new. Raises UsageError when the answer is not the last turn or is marked.
        """
        path = self.turns()
        if not path or path[-1].id != turn.id or turn.role != "assistant":
            raise UsageError("Only the last answer can go on.", hint="Ask for more instead.")
        if turn.id > 0 and self._store.marks.latest(turn.id) is not None:
            raise UsageError("This answer is marked, so it stays as it is.", hint="Undo the mark first.")
        messages, skipped = self._seen(path[:-1])
        if not self.is_saved:
            reply = self._engine.chat(
                messages, self._sampling(), on_piece=on_piece, cancel=cancel, prefix=turn.content
            )
            self._note(reply, skipped)
            grown = replace(
                turn,
                content=turn.content + reply.text,
                state=_state(reply),
                tokens=(turn.tokens or 0) + reply.tokens,
                tokens_per_s=reply.tokens_per_s or turn.tokens_per_s,
            )
            self._unsaved.change(grown)
            return grown
        chats = self._store.chats
        chats.resume_reply(turn.id)
        saver = ReplySaver(lambda text: chats.append_reply(turn.id, turn.content + text))
        try:
            with saver:
                reply = self._engine.chat(
                    messages,
                    self._sampling(),
                    on_piece=both(saver.add, on_piece),
                    cancel=cancel,
                    prefix=turn.content,
                )
        except AssistantError:
            chats.finish_reply(turn.id, turn.content + saver.text, state="stopped", tokens=turn.tokens)
            raise
        self._note(reply, skipped)
        finished = chats.finish_reply(
            turn.id,
            turn.content + reply.text,
            state=_state(reply),
            tokens=(turn.tokens or 0) + reply.tokens,
            tokens_per_s=reply.tokens_per_s or turn.tokens_per_s,
            loss=_mean_loss(turn, reply),
        )
        if finished.reply_to is not None:
            self._hand_on(chats.turn(finished.reply_to), finished)
        return finished

    def messages(self, *, until: int | None = None) -> list[Message]:
        """The system prompt and the turns up to and including turn `until`, as the engine gets them.

        An answer the owner corrected is shown to the model as corrected. Neighbouring messages of one
        role are joined because many chat templates insist on alternation. Of a chat that is far longer than
        the context only the end is given.
        """
        return self._seen(self.turns() if until is None else self._until(until))[0]

    def context_used(self) -> int:
        """Tokens of the whole chat under the model's template; waits for the engine."""
        return self._engine.context_used(self.messages())

    def _seen(self, turns: Sequence[Turn]) -> tuple[list[Message], int]:
        """These turns as the engine gets them, and how many of the oldest were left out from the start.

        The engine itself leaves out what does not fit; counting the tokens of a chat of thousands of turns
        over and over would keep the owner waiting.
        """
        room = CHARACTERS_PER_TOKEN * self._engine.context_tokens
        contents: list[str] = []
        for turn in reversed(turns):
            contents.append(self._content(turn))
            room -= len(contents[-1])
            if room < 0 and turn.role == "user":
                break
        contents.reverse()
        skipped = len(turns) - len(contents)
        messages = opening(self.system)
        for turn, content in zip(turns[skipped:], contents, strict=True):
            if not content:
                continue
            if messages and messages[-1].role == turn.role:
                messages[-1] = Message(turn.role, f"{messages[-1].content}\n\n{content}")
            else:
                messages.append(Message(turn.role, content))
        return messages, skipped

    def _until(self, turn_id: int) -> list[Turn]:
        turns = self.turns()
        position = next((i for i, turn in enumerate(turns) if turn.id == turn_id), len(turns) - 1)
        return turns[: position + 1]

    def _content(self, turn: Turn) -> str:
        if turn.role == "assistant" and turn.id > 0:
            mark = self._store.marks.latest(turn.id)
            if mark is not None and mark.kind == "edit" and mark.text:
                return mark.text
        return turn.content

    def _turn(self, turn_id: int) -> Turn:
        return self._unsaved.get(turn_id) if turn_id < 0 else self._store.chats.turn(turn_id)

    def _rearranging(self) -> contextlib.AbstractContextManager[None]:
        """What the block does to the path is followed by learning."""
        if self.chat_id is None:
            return contextlib.nullcontext()
        return following(self._store, self.chat_id, self._after_turn)

    def _cut(self, after: int | None) -> None:
        if self.chat_id is None:
            self._unsaved.cut(after)
        else:
            self._store.branches.cut(self.chat_id, after)

    def _hand_on(self, user_turn: Turn, finished: Turn) -> None:
        if (
            finished.state == "done"
            and self._after_turn is not None
            and self._settings.learn
            and self._store.chats.get(finished.chat_id).learn
        ):
            self._after_turn(user_turn, finished)

    def _note(self, reply: Reply, skipped: int) -> None:
        self.left_out = skipped + reply.dropped
        self.is_cut_short = reply.stopped == "length"

    def _local_turn(
        self, role: str, content: str, *, state: str, reply: Reply | None = None, reply_to: int | None = None
    ) -> Turn:
        return Turn(
            id=self._unsaved.next_id(),
            chat_id=0,
            role=role,
            content=content,
            state=state,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            tokens=reply.tokens if reply else None,
            tokens_per_s=reply.tokens_per_s if reply else None,
            model=self._engine.model_name if reply else None,
            adapters=tuple(use.version for use in self._engine.adapters) if reply else (),
            reply_to=reply_to,
        )

    def _keep_lost(self, reply_turn: Turn, text: str) -> None:
        """After an engine error: keep what was streamed as "lost", or go back to the former answer if any."""
        if text:
            self._store.chats.finish_reply(reply_turn.id, text, state="lost", tokens=None, tokens_per_s=None)
            return
        with following(self._store, reply_turn.chat_id, self._after_turn, together=False):
            self._store.chats.delete_turn(reply_turn.id)

    def _sampling(self, answered: Turn | None = None) -> Sampling:
        """How the answer is drawn: each version with a seed of its own, or they would all be the same."""
        settings = self._settings
        earlier = 0 if answered is None else self._answers_to(answered)
        return Sampling(
            temperature=settings.temperature if not earlier else max(settings.temperature, AGAIN_TEMPERATURE),
            top_p=settings.top_p,
            repeat_penalty=settings.repeat_penalty,
            seed=settings.seed + earlier,
            max_tokens=settings.max_tokens,
        )

    def _answers_to(self, user_turn: Turn) -> int:
        if user_turn.id > 0:
            return len(self._store.chats.replies(user_turn.id))
        return self._unsaved.answers_to(user_turn.id)


def title_from(text: str) -> str:
    """A chat title from its first message: the first line, cut at a word."""
    line = " ".join(text.strip().splitlines()[0].split()) if text.strip() else ""
    if len(line) <= TITLE_LENGTH:
        return line
    return line[: TITLE_LENGTH - 1].rsplit(" ", 1)[0] + "…"


def _state(reply: Reply) -> str:
    return "stopped" if reply.stopped == "cancelled" else "done"


def _mean_loss(turn: Turn, reply: Reply) -> float | None:
    """Nats per token over both parts of an answer; None where one was not measured."""
    if turn.loss is None or reply.mean_loss is None or not turn.tokens:
        return None
    whole = turn.loss * turn.tokens + reply.mean_loss * reply.tokens
    return whole / (turn.tokens + reply.tokens)
