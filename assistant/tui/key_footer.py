"""The keys that act right now, on the last line of a screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Footer


class KeyFooter(Footer):
    """A compact footer that begins with the way to all keys, because a narrow screen cuts off its end."""

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        yield from sorted(super().compose(), key=lambda shown: getattr(shown, "action", "") != "keys")
