"""One message on the screen: a role word, its state and version in words, and the text.

Knows turns and marks' labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Markdown, Static
from textual.widgets.markdown import MarkdownStream

from assistant.marks import describe
from assistant.store.records import Mark, Turn
from assistant.tui.bindings import bound

STATE_WORDS = {"done": "", "streaming": "", "stopped": "stopped, partial answer kept", "lost": "cut off"}


class TurnView(Vertical, can_focus=True):
    """A message that can be focused, walked through and copied.

    `versions` are the ids of all turns that could be in its place, itself included; empty when it is alone.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("message.copy", "screen.copy_message"),
        bound("message.code", "screen.copy_code", show=False),
        bound("message.save", "screen.save_message", show=False),
        bound("message.fork", "screen.fork", show=False),
        bound("message.delete", "screen.delete_message", show=False),
        bound("message.older", "screen.show_version(-1)", show=False),
        bound("message.newer", "screen.show_version(1)", show=False),
        bound("message.previous", "screen.focus_message(-1)", show=False),
        bound("message.next", "screen.focus_message(1)", show=False),
        bound("message.prompt", "screen.focus_prompt", show=False),
    ]

    DEFAULT_CSS = """
    TurnView {
        height: auto;
        margin: 0 0 1 0;
        padding: 0 1 0 2;
        &:focus { padding: 0 1 0 1; border-left: outer $accent; }
        .turn--head { color: $text-muted; height: auto; }
        .turn--text { height: auto; }
    }
    """

    def __init__(self, turn: Turn | None, role: str, versions: Sequence[int] = ()) -> None:
        super().__init__(classes=f"-{role}")
        self.turn = turn
        self.versions = tuple(versions)

    @property
    def text(self) -> str:
        """The text as it should be copied."""
        return self.turn.content if self.turn else ""

    @property
    def place(self) -> str:
        """Which version this is, in words; empty when it is alone."""
        if self.turn is None or self.turn.id not in self.versions:
            return ""
        return f"version {self.versions.index(self.turn.id) + 1} of {len(self.versions)} ← →"


class UserView(TurnView):
    """What the owner wrote, shown literally."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("own.edit", "screen.edit_message"),
        bound("own.again", "screen.answer_again", show=False),
    ]

    def __init__(self, turn: Turn, versions: Sequence[int] = ()) -> None:
        super().__init__(turn, "user", versions)

    def compose(self) -> ComposeResult:
        tail = f" · {self.place}" if self.place else ""
        yield Static(Content.assemble(("You", "bold $text-primary"), (tail, "dim")), classes="turn--head")
        yield Static(Content(self.text), classes="turn--text")


class AnswerView(TurnView):
    """An answer as Markdown; grows while it is written, and can be marked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("answer.good", "screen.mark('good')"),
        bound("answer.bad", "screen.mark('bad')"),
        bound("answer.edit", "screen.edit_answer"),
        bound("answer.skip", "screen.mark('skip')"),
        bound("answer.undo", "screen.undo_mark"),
        bound("answer.again", "screen.answer_again"),
        bound("answer.why", "screen.why"),
        bound("answer.continue", "screen.continue_answer", show=False),
    ]

    DEFAULT_CSS = """
    AnswerView {
        Markdown { padding: 0; margin: 0; background: transparent; height: auto; }
        MarkdownParagraph { margin: 0 0 1 0; }
        MarkdownBlock:last-child { margin-bottom: 0; }
    }
    """

    def __init__(
        self, turn: Turn | None, mark: Mark | None = None, versions: Sequence[int] = (), *, begun: str = ""
    ) -> None:
        super().__init__(turn, "assistant", versions)
        self._mark = mark
        self._stream: MarkdownStream | None = None
        self._written = begun

    def compose(self) -> ComposeResult:
        yield Static(self._head(), classes="turn--head")
        yield Markdown(self.text, open_links=False, classes="turn--text")

    @property
    def text(self) -> str:
        """What the answer says now: the correction if there is one, else what the model wrote."""
        if self._mark is not None and self._mark.kind == "edit" and self._mark.text:
            return self._mark.text
        return self.turn.content if self.turn else self._written

    @property
    def is_marked(self) -> bool:
        """Whether the owner has judged this answer."""
        return self._mark is not None

    async def write(self, piece: str) -> None:
        """Append streamed Markdown."""
        if self._stream is None:
            self._stream = Markdown.get_stream(self.query_one(Markdown))
        self._written += piece
        await self._stream.write(piece)

    def go_on(self) -> None:
        """What is written now comes behind what is there."""
        self._written, self.turn = self.text, None

    async def finish(self, turn: Turn | None, versions: Sequence[int] = ()) -> None:
        """The reply is complete; `turn` None means that it failed and what is shown was not saved."""
        self.versions = tuple(versions)
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        self.turn = turn
        if turn is not None and turn.content != self._written:
            await self.query_one(Markdown).update(turn.content)
        self.say("" if turn else "cut off" if self._written else "no answer")

    async def show_mark(self, mark: Mark | None) -> None:
        """Show the mark in force and, for a correction, the corrected text."""
        before = self.text
        self._mark = mark
        if self.text != before:
            await self.query_one(Markdown).update(self.text)
        self.say("")

    def say(self, activity: str) -> None:
        """Show in words what is going on with this answer, for example "thinking… 2 s"."""
        self.query_one(".turn--head", Static).update(self._head(activity))

    def _head(self, activity: str = "") -> Content:
        facts = [activity]
        if self.turn is not None:
            facts.append(self.place)
            facts.append(STATE_WORDS.get(self.turn.state, self.turn.state))
            facts.extend([", ".join(self.turn.adapters)] if self.turn.adapters else [])
        if self._mark is not None:
            facts.append(describe(self._mark.kind))
        tail = "".join(f" · {fact}" for fact in facts if fact)
        return Content.assemble(("Assistant", "bold $text-success"), (tail, "dim"))
