"""One chat between the owner and the model: saves each turn, streams the reply, remembers what was said.

Knows the store and the engine; never sees the screen. Methods block, so a screen calls them from a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from assistant.engine.types import AdapterUse, Message, Reply, Sampling, opening
from assistant.errors import AssistantError, StoreError, UsageError
from assistant.store.records import Turn

if TYPE_CHECKING:
    from assistant.settings import Settings
    from assistant.store import Store

SAVE_EVERY_S = 0.5
TITLE_LENGTH = 40

OnPiece = Callable[[str], None]
AfterTurn = Callable[[Turn, Turn], None]


class ChatEngine(Protocol):
    """The part of the engine that a conversation uses."""

    @property
    def model_name(self) -> str: ...
    @property
    def adapters(self) -> tuple[AdapterUse, ...]: ...
    def chat(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        on_piece: OnPiece | None = None,
        cancel: threading.Event | None = None,
    ) -> Reply: ...
    def context_used(self, messages: Sequence[Message]) -> int: ...


class Conversation:
    """A chat that can be continued.

    `chat_id` None starts a new chat, which is created in the store with the first message. With the
    setting `remember_chats` off nothing is written and turns have negative ids.
    """

    def __init__(
        self,
        store: Store,
        engine: ChatEngine,
        settings: Settings,
        chat_id: int | None = None,
        *,
        after_turn: AfterTurn | None = None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._settings = settings
        self._after_turn = after_turn
        self._unsaved: list[Turn] = []
        self.chat_id = chat_id

    @property
    def is_saved(self) -> bool:
        """Whether this chat is written to the store."""
        return self.chat_id is not None or self._settings.remember_chats

    def turns(self) -> list[Turn]:
        """All turns in order, the ones of an unsaved chat included."""
        return list(self._unsaved) if self.chat_id is None else self._store.chats.turns(self.chat_id)

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
            turn = self._local_turn("user", text, state="done")
            self._unsaved.append(turn)
            return turn
        if self.chat_id is None:
            self.chat_id = self._store.chats.create(title_from(text)).id
        return self._store.chats.add_turn(self.chat_id, "user", text)

    def answer(
        self, user_turn: Turn, on_piece: OnPiece | None = None, cancel: threading.Event | None = None
    ) -> Turn:
        """Answer a message of this chat; what was streamed is saved at least every half second."""
        messages = self.messages(until=user_turn.id)
        if not self.is_saved:
            return self._answer_unsaved(user_turn, messages, on_piece, cancel)
        chats = self._store.chats
        adapters = tuple(use.version for use in self._engine.adapters)
        reply_turn = chats.begin_reply(
            user_turn.chat_id, reply_to=user_turn.id, model=self._engine.model_name, adapters=adapters
        )
        saver = ReplySaver(lambda text: chats.append_reply(reply_turn.id, text))
        try:
            with saver:
                reply = self._engine.chat(
                    messages, self._sampling(), on_piece=_both(saver.add, on_piece), cancel=cancel
                )
        except AssistantError:
            self._keep_lost(reply_turn, saver.text)
            raise
        state = "stopped" if reply.stopped == "cancelled" else "done"
        finished = chats.finish_reply(
            reply_turn.id,
            reply.text,
            state=state,
            tokens=reply.tokens,
            tokens_per_s=reply.tokens_per_s,
            loss=reply.mean_loss,
        )
        if state == "done" and self._after_turn is not None and self._may_learn(user_turn.chat_id):
            self._after_turn(user_turn, finished)
        return finished

    def messages(self, *, until: int | None = None) -> list[Message]:
        """The system prompt and the turns up to and including turn `until`, as the engine gets them.

        An answer the owner corrected is shown to the model as corrected. Neighbouring messages of one
        role are joined because many chat templates insist on alternation.
        """
        turns = self.turns()
        if until is not None:
            position = next((i for i, turn in enumerate(turns) if turn.id == until), len(turns) - 1)
            turns = turns[: position + 1]
        messages = opening(self._settings.system_prompt)
        for turn in turns:
            content = self._content(turn)
            if not content:
                continue
            if messages and messages[-1].role == turn.role:
                messages[-1] = Message(turn.role, f"{messages[-1].content}\n\n{content}")
            else:
                messages.append(Message(turn.role, content))
        return messages

    def context_used(self) -> int:
        """Tokens of the whole chat under the model's template; waits for the engine."""
        return self._engine.context_used(self.messages())

    def _content(self, turn: Turn) -> str:
        if turn.role == "assistant" and turn.id > 0:
            mark = self._store.marks.latest(turn.id)
            if mark is not None and mark.kind == "edit" and mark.text:
                return mark.text
        return turn.content

    def _answer_unsaved(
        self,
        user_turn: Turn,
        messages: list[Message],
        on_piece: OnPiece | None,
        cancel: threading.Event | None,
    ) -> Turn:
        reply = self._engine.chat(messages, self._sampling(), on_piece=on_piece, cancel=cancel)
        state = "stopped" if reply.stopped == "cancelled" else "done"
        turn = self._local_turn("assistant", reply.text, state=state, reply=reply, reply_to=user_turn.id)
        self._unsaved.append(turn)
        return turn

    def _local_turn(
        self, role: str, content: str, *, state: str, reply: Reply | None = None, reply_to: int | None = None
    ) -> Turn:
        return Turn(
            id=-len(self._unsaved) - 1,
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
        """After an engine error: keep what was streamed as "lost", or remove the empty reply."""
        if text:
            self._store.chats.finish_reply(reply_turn.id, text, state="lost", tokens=None, tokens_per_s=None)
        else:
            self._store.chats.delete_turn(reply_turn.id)

    def _may_learn(self, chat_id: int) -> bool:
        return self._settings.learn and self._store.chats.get(chat_id).learn

    def _sampling(self) -> Sampling:
        settings = self._settings
        return Sampling(
            temperature=settings.temperature,
            top_p=settings.top_p,
            repeat_penalty=settings.repeat_penalty,
            seed=settings.seed,
            max_tokens=settings.max_tokens,
        )


class ReplySaver:
    """Saves a growing reply from its own thread, so that neither disk nor a stalled model costs text.

    Pieces arrive on the engine thread; every `SAVE_EVERY_S` seconds the text so far is handed to `save` if it
    grew. A StoreError stops further saving and is left to the final save, which meets the same disk.
    """

    def __init__(self, save: Callable[[str], None]) -> None:
        self._save = save
        self._pieces: list[str] = []
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reply-saver", daemon=True)

    @property
    def text(self) -> str:
        """What has arrived so far."""
        return "".join(self._pieces)

    def add(self, piece: str) -> None:
        """Take the next piece of text; returns at once."""
        self._pieces.append(piece)

    def __enter__(self) -> ReplySaver:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finished.set()
        self._thread.join()

    def _run(self) -> None:
        saved = 0
        while not self._finished.wait(SAVE_EVERY_S):
            count = len(self._pieces)
            if count == saved:
                continue
            try:
                self._save("".join(self._pieces[:count]))
            except StoreError:
                return
            saved = count


def title_from(text: str) -> str:
    """A chat title from its first message: the first line, cut at a word."""
    line = " ".join(text.strip().splitlines()[0].split()) if text.strip() else ""
    if len(line) <= TITLE_LENGTH:
        return line
    return line[: TITLE_LENGTH - 1].rsplit(" ", 1)[0] + "…"


def _both(first: OnPiece, second: OnPiece | None) -> OnPiece:
    if second is None:
        return first

    def on_piece(piece: str) -> None:
        first(piece)
        second(piece)

    return on_piece
