"""All keys on one page, read from the bindings themselves so that it cannot be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from assistant.tui.bindings import bound

Sections = Sequence[tuple[str, Iterable[BindingType]]]


class HelpScreen(ModalScreen[None]):
    """Shows sections of bindings; `key_names` prints the keys of one as the owner has them."""

    BINDINGS: ClassVar[list[BindingType]] = [bound("help.close", "close")]
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > VerticalScroll {
            width: 72; max-width: 96%; height: auto; max-height: 92%;
            border: round $border; padding: 1 2; background: $surface;
        }
        Label { margin-bottom: 1; }
    }
    """

    def __init__(self, sections: Sections, key_names: Callable[[Binding], str]) -> None:
        super().__init__()
        self._sections = sections
        self._key_names = key_names

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Label(Content.styled("Keys · Esc closes", "dim"))
            for title, bindings in self._sections:
                yield Static(Content.assemble((title, "bold"), "\n", self._lines(bindings)))

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        self.dismiss(None)

    def _lines(self, bindings: Iterable[BindingType]) -> str:
        """One line for each action; a user's own keymap is respected."""
        lines = []
        for binding in bindings:
            if not isinstance(binding, Binding) or not binding.description:
                continue
            keys = self._key_names(binding)
            lines.append(f"  {keys:<14} {binding.description}")
        return "\n".join(lines) + "\n"
