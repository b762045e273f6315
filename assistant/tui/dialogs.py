"""Small questions: a line of text, and yes or no with "no" under the cursor."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label

from assistant.tui.bindings import bound

DIALOG_CSS = """
    align: center middle;
    & > Vertical {
        width: 64; max-width: 94%; height: auto; max-height: 90%;
        border: round $border; padding: 1 2; background: $surface;
    }
    & > Vertical > Label { width: 100%; margin-bottom: 1; }
    & > Vertical > Horizontal { height: auto; align-horizontal: right; }
    & Button { margin-left: 2; }
"""


class RenameDialog(ModalScreen[str | None]):
    """Ask for a chat's title; None means leave it."""

    BINDINGS: ClassVar[list[BindingType]] = [bound("rename.cancel", "cancel")]
    DEFAULT_CSS = f"RenameDialog {{ {DIALOG_CSS} }}"

    def __init__(self, title: str) -> None:
        super().__init__()
        self._former = title

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Rename this chat. Enter saves, Esc leaves it as it is.")
            yield Input(self._former, placeholder="Title", select_on_focus=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)

    def action_cancel(self) -> None:
        self.dismiss(None)


class ConfirmDialog(ModalScreen[bool]):
    """Ask before something that cannot be undone; Enter right away means no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("confirm.no", "answer(False)"),
        bound("confirm.yes", "answer(True)"),
        bound("confirm.move", "app.focus_next", show=False),
    ]
    DEFAULT_CSS = f"ConfirmDialog {{ {DIALOG_CSS} }}"

    def __init__(self, question: str, verb: str) -> None:
        super().__init__()
        self._question = question
        self._verb = verb

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Content(self._question))
            with Horizontal():
                yield Button("Cancel (n)", id="no")
                yield Button(f"{self._verb} (y)", id="yes", variant="error")

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
