"""Choose one of a few. Knows keys and labels; returns the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from assistant.tui.bindings import bound
from assistant.tui.dialogs import DIALOG_CSS


class PickDialog(ModalScreen[str | None]):
    """Arrows choose, Enter takes it, Esc leaves things as they are."""

    BINDINGS: ClassVar[list[BindingType]] = [bound("rename.cancel", "cancel")]
    DEFAULT_CSS = f"PickDialog {{ {DIALOG_CSS} OptionList {{ height: auto; max-height: 16; }} }}"

    def __init__(self, label: str, rows: Mapping[str, str]) -> None:
        super().__init__()
        self._label = label
        self._rows = dict(rows)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Content(f"{self._label}. Enter chooses, Esc leaves it."))
            yield OptionList(*(Option(Content(label)) for label in self._rows.values()))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(list(self._rows)[event.option_index])

    def action_cancel(self) -> None:
        self.dismiss(None)
