"""One line above the prompt that asks, at a pause, whether a kept reply was good.

Never takes the focus, so that no letter meant for a message answers it; function keys do. When and what to ask
is decided by `assistant.annotation`; this widget only knows when the last key came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from assistant.annotation.asking import Judgement, Subject
from assistant.annotation.policy import Moment
from assistant.tui.edit_screen import EditScreen
from assistant.tui.reporting import reporting

LOOK_EVERY_S = 0.5
NARROW = 90
# Below this many columns an excerpt says nothing.
LEAST_EXCERPT = 12


class Annotation(Protocol):
    """What is asked about replies, as the line uses it; all methods but `is_pause` may block."""

    def is_pause(self, moment: Moment) -> bool: ...
    def next_subject(self, moment: Moment) -> Subject | None: ...
    def answer(self, subject: Subject, outcome: str, text: str | None = None) -> Judgement: ...
    def dismiss(self, subject: Subject) -> str: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How the chat stands: see `Moment`."""

    is_private: bool
    is_busy: bool
    is_typing: bool


class QuestionLine(Static):
    """Hidden until there is a question; `surroundings` tells how the chat stands now."""

    # For the screen that shows the line: it has the focus, the line never does.
    SCREEN_BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f7", "answer_question('fine')", "Asked: it's fine", show=False, id="question.fine"),
        Binding("f8", "answer_question('corrected')", "Asked: write it", show=False, id="question.write"),
        Binding("f9", "answer_question('never')", "Asked: never", show=False, id="question.never"),
    ]
    DEFAULT_CSS = """
    QuestionLine {
        height: 1; padding: 0 2; display: none; text-wrap: nowrap; text-overflow: ellipsis;
        color: $text-accent;
    }
    QuestionLine.-asking { display: block; }
    """

    @dataclass
    class Settled(Message):
        """The question is answered or dismissed; `turn_id` names the reply that may be marked now."""

        turn_id: int
        told: str

    def __init__(self, annotation: Annotation, surroundings: Callable[[], Surroundings]) -> None:
        super().__init__()
        self._annotation = annotation
        self._surroundings = surroundings
        self._last_key = time.monotonic()
        self._is_due = False
        self.subject: Subject | None = None

    def on_mount(self) -> None:
        self.set_interval(LOOK_EVERY_S, self._look)

    def key_pressed(self) -> None:
        """The owner types, so this is no pause."""
        self._last_key = time.monotonic()

    def reply_finished(self) -> None:
        """A pause may begin: one look for a question follows."""
        self._last_key = time.monotonic()
        self._is_due = True

    def withdraw(self) -> None:
        """The owner goes on with something else: drop the question, which is no dismissal."""
        self._is_due = False
        self._show(None)

    async def answer(self, outcome: str) -> str:
        """Answer the question with fine, corrected or never; returns what to say if there is none."""
        subject = self.subject
        if subject is None:
            return "No question is open. Ctrl+R reviews answers."
        if outcome == "corrected":
            self.app.push_screen(
                EditScreen(subject.question, subject.answer), partial(self._correct, subject)
            )
        else:
            await self._settle(subject, partial(self._annotation.answer, subject, outcome))
        return ""

    async def dismiss(self) -> bool:
        """Dismiss the question; returns whether there was one."""
        subject = self.subject
        if subject is None:
            return False
        await self._settle(subject, partial(self._annotation.dismiss, subject))
        return True

    async def _correct(self, subject: Subject, text: str | None) -> None:
        if text is not None:
            await self._settle(subject, partial(self._annotation.answer, subject, "corrected", text))

    async def _settle(self, subject: Subject, act: Callable[[], Judgement | str]) -> None:
        self._show(None)
        with reporting(self.app):
            result = await asyncio.to_thread(act)
            told = result if isinstance(result, str) else result.message
            self.post_message(self.Settled(subject.turn_id, told))

    async def _look(self) -> None:
        # A dialog or another screen on top means that the owner is busy with it.
        if not self._is_due or self.subject is not None or self.app.screen is not self.screen:
            return
        around = self._surroundings()
        idle_s = time.monotonic() - self._last_key
        moment = Moment(idle_s, around.is_private, around.is_busy, around.is_typing)
        if not self._annotation.is_pause(moment):
            return
        self._is_due = False
        with reporting(self.app):
            subject = await asyncio.to_thread(self._annotation.next_subject, moment)
            # What is recorded as asked must be seen, unless the owner went elsewhere meanwhile.
            if not self._surroundings().is_private:
                self._show(subject)

    def _show(self, subject: Subject | None) -> None:
        self.subject = subject
        self.set_class(subject is not None, "-asking")
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        if self.subject is None:
            self.update("")
            return
        # The line has no width of its own while it is hidden.
        room = (self.size.width or self.screen.size.width) - 4
        self.update(Content(sentence(self.subject.question, self.subject.answer, room, self._keys())))

    def _keys(self) -> list[str]:
        """The keys of the three answers, after the owner's own keymap."""
        names = []
        for binding in self.SCREEN_BINDINGS:
            if isinstance(binding, Binding):
                key = self.app._keymap.get(binding.id or "", binding.key)
                names.append(self.app.get_key_display(binding.with_key(key)))
        return names


def sentence(question: str, answer: str, room: int, keys: list[str]) -> str:
    """The question in one line of at most `room` columns, with as much of the exchange as fits."""
    fine, write, never = keys
    if room >= NARROW:
        head, tail = "Was this good? ", f"  {fine} fine · {write} write it · {never} never · Esc not now"
    else:
        head, tail = "Good? ", f" {fine} fine {write} write {never} never Esc no"
    free = room - len(head) - len(tail)
    asked, told = " ".join(question.split()), " ".join(answer.split())
    if free < LEAST_EXCERPT:
        return f"{head}{tail}".strip()
    if free < 2 * LEAST_EXCERPT + 5:
        return f"{head}{_quote(asked, free)}{tail}"
    # The question is what the owner recognises; the answer gets what it leaves, and the other way round.
    first = min(len(asked) + 2, max((free - 3) // 2, free - 3 - len(told) - 2))
    return f"{head}{_quote(asked, first)} → {_quote(told, free - 3 - first)}{tail}"


def _quote(text: str, room: int) -> str:
    inner = room - 2
    return f"“{text if len(text) <= inner else text[: inner - 1] + '…'}”"
