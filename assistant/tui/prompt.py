"""Where the owner types: Enter sends, Ctrl+J or a trailing backslash adds a line, paste keeps its lines.

Knows text only; earlier messages and the rest of a /command are asked for by messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from assistant.tui.bindings import bound


def _key(binding: BindingType) -> str:
    return binding.key if isinstance(binding, Binding) else binding[0]


class PromptInput(TextArea, inherit_bindings=False):
    """A multi-line input that grows with its text."""

    OWN_BINDINGS: ClassVar[list[BindingType]] = [
        bound("prompt.send", "submit"),
        bound("prompt.newline", "newline", show=False),
        bound("prompt.older", "walk(-1)", show=False),
        bound("prompt.newer", "walk(1)", show=False),
        bound("prompt.complete", "complete", show=False),
    ]
    # F6 and F7 of the text area (select line, select all) give way to the app's own keys.
    EDITING_BINDINGS: ClassVar[list[BindingType]] = [
        binding for binding in TextArea.BINDINGS if _key(binding) not in ("f6", "f7")
    ]
    BINDINGS: ClassVar[list[BindingType]] = [*OWN_BINDINGS, *EDITING_BINDINGS]

    DEFAULT_CSS = """
    PromptInput {
        height: auto;
        min-height: 3;
        max-height: 10;
        border: round $foreground 30%;
        padding: 0 1;
        background: $background;
        &:focus { border: round $border; }
        &:ansi { background: ansi_default; }
    }
    """

    @dataclass
    class Submitted(Message):
        """The owner pressed Enter; the text stays until the receiver clears it."""

        prompt: PromptInput
        text: str

        @property
        def control(self) -> PromptInput:
            return self.prompt

    @dataclass
    class LeftUpwards(Message):
        """Up was pressed on the first line of an empty prompt."""

        prompt: PromptInput

    @dataclass
    class Walked(Message):
        """The message before (-1) or after (1) the one that is shown is wanted."""

        prompt: PromptInput
        step: int

    @dataclass
    class CompletionAsked(Message):
        """The rest of a /command is wanted."""

        prompt: PromptInput

    def __init__(
        self, text: str = "", *, placeholder: str = "", id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(text, placeholder=placeholder, id=id, classes=classes, highlight_cursor_line=False)

    def action_submit(self) -> None:
        line = self.document.get_line(self.cursor_location[0])
        if line.endswith("\\") and self.cursor_at_end_of_line:
            row = self.cursor_location[0]
            self.replace("\n", (row, len(line) - 1), (row, len(line)))
            return
        self.post_message(self.Submitted(self, self.text))

    def action_newline(self) -> None:
        self.replace("\n", *self.selection)

    def action_walk(self, step: int) -> None:
        self.post_message(self.Walked(self, step))

    def action_complete(self) -> None:
        if self.text.startswith("/"):
            self.post_message(self.CompletionAsked(self))
        else:
            self.screen.focus_next()

    def put(self, text: str) -> None:
        """Replace the text, with the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)

    def take(self, text: str) -> None:
        """Remove a message that was received; what was typed after it stays."""
        self.text = self.text.removeprefix(text)
        self.move_cursor(self.document.end)

    async def _on_key(self, event: events.Key) -> None:
        # The two keys that act on the text are obeyed here, in the order in which keys arrive: the app would
        # run their bindings ahead of, or behind, letters that still wait in this widget's queue.
        # Asked of the screen, which knows the owner's own keys.
        active = self.screen.active_bindings.get(event.key)
        action = active.binding.action if active is not None and active.node is self else ""
        if event.key == "up" and not self.text:
            self.post_message(self.LeftUpwards(self))
        elif action == "submit":
            self.action_submit()
        elif action == "newline":
            self.action_newline()
        else:
            await super()._on_key(event)
            return
        event.prevent_default()
        event.stop()
