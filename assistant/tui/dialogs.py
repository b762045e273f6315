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


class LineDialog(ModalScreen[str | None]):
    """Ask for one line of text; None means leave things as they are."""

    BINDINGS: ClassVar[list[BindingType]] = [bound("rename.cancel", "cancel")]
    DEFAULT_CSS = f"LineDialog {{ {DIALOG_CSS} }}"

    def __init__(self, label: str, text: str, placeholder: str = "", *, may_be_empty: bool = False) -> None:
        super().__init__()
        self._label = label
        self._former = text
        self._placeholder = placeholder
        self._may_be_empty = may_be_empty

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Content(self._label))
            yield Input(self._former, placeholder=self._placeholder, select_on_focus=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        self.dismiss(text if text or self._may_be_empty else None)

    def action_cancel(self) -> None:
        self.dismiss(None)


class RenameDialog(LineDialog):
    """Ask for a chat's title."""

    BINDINGS: ClassVar[list[BindingType]] = LineDialog.BINDINGS

    def __init__(self, title: str) -> None:
        super().__init__("Rename this chat. Enter saves, Esc leaves it as it is.", title, "Title")


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
