"""What is behind learning: noticed, kept and why, asked next, and the history of versions. Only shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from assistant.errors import AssistantError
from assistant.learning_view import Section, sections
from assistant.selecting import view_buffer
from assistant.tui.bindings import bound
from assistant.tui.key_footer import KeyFooter
from assistant.tui.reporting import show_error

if TYPE_CHECKING:
    from assistant.services import Services


class BehindScreen(Screen[None]):
    """Read anew each time it is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [bound("behind.close", "close")]
    DEFAULT_CSS = """
    BehindScreen VerticalScroll { margin: 1 2 0 2; border: round $foreground 30%; padding: 0 1; }
    """

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services

    def compose(self) -> ComposeResult:
        with VerticalScroll() as found:
            found.border_title = "Behind learning"
            yield Static("Looking…")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._look()

    def action_close(self) -> None:
        self.dismiss(None)

    @work(thread=True, exclusive=True, group="behind", exit_on_error=False)
    def _look(self) -> None:
        services = self._services
        try:
            buffer = view_buffer(services.store, services.settings)
            found = sections(services.store, buffer, services.annotation)
            self.app.call_from_thread(self._show, found)
        except AssistantError as error:
            self.app.call_from_thread(show_error, self.app, error)

    def _show(self, found: list[Section]) -> None:
        if not self.is_mounted:
            return
        parts: list[tuple[str, str]] = []
        for section in found:
            parts.append((f"{section.title}\n", "bold"))
            parts += [(f"- {line}\n", "") for line in section.lines] or [(f"{section.empty}\n", "dim")]
            parts.append(("\n", ""))
        self.query_one(Static).update(Content.assemble(*parts))
