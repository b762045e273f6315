"""Write a longer text over the screen. Knows a label and a text; returns the text."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label

from assistant.tui.bindings import bound
from assistant.tui.dialogs import DIALOG_CSS
from assistant.tui.prompt import PromptInput


class TextDialog(ModalScreen[str | None]):
    """Enter or Ctrl+S saves, Ctrl+J adds a line, Esc leaves things as they are (None)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("edit.save", "save", priority=True),
        bound("edit.cancel", "cancel"),
    ]
    DEFAULT_CSS = f"TextDialog {{ {DIALOG_CSS} PromptInput {{ max-height: 16; }} }}"

    def __init__(self, label: str, text: str, placeholder: str = "") -> None:
        super().__init__()
        self._label = label
        self._text = text
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Content(f"{self._label} Enter saves, Ctrl+J adds a line, Esc leaves it."))
            yield PromptInput(self._text, placeholder=self._placeholder)

    def on_mount(self) -> None:
        self.query_one(PromptInput).focus()

    def on_prompt_input_submitted(self, event: PromptInput.Submitted) -> None:
        event.stop()
        self.action_save()

    def action_save(self) -> None:
        self.dismiss(self.query_one(PromptInput).text)

    def action_cancel(self) -> None:
        self.dismiss(None)
