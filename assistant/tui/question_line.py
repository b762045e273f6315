"""One line above the prompt that shows which reply the owner is asked about, and the keys that answer.

It never takes the focus, so that no letter meant for a message answers it; the keys are function keys. Knows
a subject; when it is shown is decided in `asking.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from assistant.annotation.asking import Subject
from assistant.tui.bindings import bound

WIDE = 90
# In fewer columns an excerpt says nothing.
LEAST_EXCERPT = 12


class QuestionLine(Static):
    """Hidden until there is a question. `keys` are the keys in force, by action."""

    # They belong to the screen, which has them in its own list: the line is never focused.
    SCREEN_BINDINGS: ClassVar[list[Binding]] = [
        bound("asked.fine", "answer_question('fine')", show=False),
        bound("asked.write", "answer_question('corrected')", show=False),
        bound("asked.never", "answer_question('never')", show=False),
    ]
    DEFAULT_CSS = """
    QuestionLine {
        height: 1; padding: 0 2; display: none; color: $text-accent;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    QuestionLine.-asking { display: block; }
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._keys = keys
        self.subject: Subject | None = None

    def show(self, subject: Subject | None) -> None:
        """Ask about this reply, or hide the line."""
        self.subject = subject
        self.set_class(subject is not None, "-asking")
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        # Without a width yet (it was hidden until now) the resize that follows draws it.
        if self.subject is None or not self.content_size.width:
            return
        keys = [self._printed(binding.id or "") for binding in self.SCREEN_BINDINGS]
        self.update(Content(sentence(self.subject, self.content_size.width, keys)))

    def _printed(self, action: str) -> str:
        """The first key of an action in the table of keys, as it is printed."""
        return self.app.get_key_display(Binding(self._keys[action].partition(",")[0], ""))


def sentence(subject: Subject, room: int, keys: Sequence[str]) -> str:
    """The question in one line of `room` columns, with as much of the exchange as fits."""
    fine, write, never = keys
    if room >= WIDE:
        head, tail = "Was this good? ", f"  {fine} fine · {write} write it · {never} never · Esc not now"
    else:
        head, tail = "Good? ", f" {fine} fine {write} write {never} never Esc no"
    free = room - len(head) - len(tail)
    asked, told = " ".join(subject.question.split()), " ".join(subject.answer.split())
    if free < LEAST_EXCERPT:
        return f"{head}{tail}".strip()
    arrow = " → "
    if free < 2 * LEAST_EXCERPT + len(arrow):
        return f"{head}{_quote(asked, free)}{tail}"
    # Half each; what one does not need, the other gets.
    half = (free - len(arrow)) // 2
    first = min(len(asked) + 2, max(half, free - len(arrow) - len(told) - 2))
    return f"{head}{_quote(asked, first)}{arrow}{_quote(told, free - len(arrow) - first)}{tail}"


def _quote(text: str, room: int) -> str:
    inner = room - 2
    return f"“{text if len(text) <= inner else text[: inner - 1] + '…'}”"
