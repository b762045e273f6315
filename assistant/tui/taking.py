"""What takes a message out of the chat: to the clipboard, code block by code block, or into a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from assistant.saving import save_text
from assistant.tui.chat_pane import ChatPane
from assistant.tui.code_blocks import code_blocks
from assistant.tui.dialogs import LineDialog
from assistant.tui.reporting import reporting
from assistant.tui.turn_view import TurnView


class Taking:
    """Takes the focused message, else the last answer."""

    def __init__(self, pane: ChatPane) -> None:
        self._pane = pane
        self._last: tuple[TurnView | None, int] = (None, -1)

    def copy(self) -> None:
        """Copy the message."""
        view = self._chosen()
        if view is not None:
            self._pane.app.copy_to_clipboard(view.text)
            self._pane.say(f"Copied {len(view.text)} characters.")

    def copy_code(self) -> None:
        """Copy the next code block of the message; after the last one comes the first."""
        view = self._chosen()
        if view is None:
            return
        blocks = code_blocks(view.text)
        if not blocks:
            self._pane.say("There is no code block in this message.")
            return
        former, position = self._last
        position = (position + 1) % len(blocks) if former is view else 0
        self._last = view, position
        self._pane.app.copy_to_clipboard(blocks[position])
        lines = blocks[position].count("\n") + 1
        count = "1 line" if lines == 1 else f"{lines} lines"
        self._pane.say(f"Copied code block {position + 1} of {len(blocks)}, {count}.")

    def save(self, file: str = "") -> None:
        """Write the message to a file, asking for its name unless it is given."""
        view = self._chosen()
        if view is None:
            return
        if file:
            self._save(view.text, file)
            return
        number = abs(view.turn.id) if view.turn else 0
        dialog = LineDialog(
            "Save this message to a file. Enter saves, Esc leaves it.",
            str(Path.cwd() / f"message-{number}.md"),
        )
        self._pane.app.push_screen(dialog, partial(self._save, view.text))

    def _save(self, text: str, file: str | None) -> None:
        if file:
            with reporting(self._pane.app):
                self._pane.say(f"Saved to {save_text(text, Path(file))}.")

    def _chosen(self) -> TurnView | None:
        view = self._pane.focused_message or self._pane.transcript.last_answer
        if view is None or not view.text:
            self._pane.say("There is no message to take yet.")
            return None
        return view
