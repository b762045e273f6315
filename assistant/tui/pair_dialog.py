"""Change a pair before it is learned: its question and its answer."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from assistant.store.records import Pair
from assistant.tui.bindings import bound
from assistant.tui.dialogs import DIALOG_CSS


class PairDialog(ModalScreen[tuple[str, str] | None]):
    """Returns question and answer, or None to leave the pair as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [bound("pair.cancel", "cancel")]
    DEFAULT_CSS = f"PairDialog {{ {DIALOG_CSS} }}"

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self._pair = pair

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("What is asked, and what should be answered. Enter saves, Esc leaves it as it is.")
            yield Input(" ".join(self._pair.question.split()), placeholder="Question", id="question")
            yield Input(self._pair.answer, placeholder="Answer", id="answer")

    def on_mount(self) -> None:
        self.query_one("#answer").focus()

    def on_input_submitted(self) -> None:
        question = self.query_one("#question", Input).value.strip()
        answer = self.query_one("#answer", Input).value.strip()
        self.dismiss((question, answer) if question and answer else None)

    def action_cancel(self) -> None:
        self.dismiss(None)
