"""Write what an answer should have said. Knows a question and an answer; returns the new text."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from assistant.tui.bindings import bound
from assistant.tui.prompt import PromptInput


class EditScreen(ModalScreen[str | None]):
    """The answer in an editor; Enter or Ctrl+S saves it as a correction, None means nothing changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("edit.save", "save", priority=True),
        bound("edit.cancel", "cancel"),
    ]
    DEFAULT_CSS = """
    EditScreen {
        align: center middle;
        & > Vertical {
            width: 90; max-width: 96%; height: auto; max-height: 92%;
            border: round $border; padding: 1 2; background: $surface;
        }
        .edit--question { color: $text-muted; max-height: 6; overflow-y: auto; margin-bottom: 1; }
        .edit--keys { color: $text-muted; width: 100%; }
        PromptInput { max-height: 16; }
    }
    """

    def __init__(self, question: str, answer: str) -> None:
        super().__init__()
        self._question = question
        self._answer = answer
        self._has_warned = False

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Content.styled("What should it have said?", "bold"))
            yield Static(Content(f"You asked: {self._question}"), classes="edit--question")
            yield PromptInput(self._answer, placeholder="The answer you wanted")
            yield Label(
                "Typing replaces it, an arrow key lets you change it · Enter saves it as a correction · "
                "Ctrl+J adds a line · Esc leaves it",
                classes="edit--keys",
            )

    def on_mount(self) -> None:
        editor = self.query_one(PromptInput)
        editor.focus()
        # One's own short answer usually replaces all of it; an arrow key keeps the text for a small change.
        editor.select_all()

    def on_prompt_input_submitted(self, event: PromptInput.Submitted) -> None:
        event.stop()
        self.action_save()

    def action_save(self) -> None:
        text = self.query_one(PromptInput).text.strip()
        if not text:
            self.app.notify("A correction needs text. Esc leaves the answer as it is.", severity="warning")
        elif text == self._answer.strip():
            self.app.notify("The answer is unchanged. Press + if it was good, or Esc to leave.")
        else:
            self.dismiss(text)

    def action_cancel(self) -> None:
        text = self.query_one(PromptInput).text
        if text.strip() != self._answer.strip() and not self._has_warned:
            self._has_warned = True
            self.app.notify("Your correction is not saved. Enter saves it, Esc again drops it.")
            return
        self.dismiss(None)
