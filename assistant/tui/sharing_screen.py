"""Learning together: where this device stands, what is asked now, and every byte that has left.

Knows sentences and bytes; nothing of rounds or the network.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import DataTable, Static

from assistant.federating.sharing_view import Sent, SharingView
from assistant.tui.bindings import bound
from assistant.tui.key_footer import KeyFooter
from assistant.tui.reporting import reporting
from assistant.tui.status import Notice

LOOK_EVERY_S = 1.0
_HEX_WIDTH = 32
_NOT_JOINED = (
    "This device takes part in no federation. `assistant federation join INVITE` joins one; nothing is sent"
    " until you agree."
)
_INFERRED = (
    "Each number says how much better or worse your shareable pairs fare when the shared adapter is nudged in"
    " one public direction. No text leaves; whoever sees many of them can test guesses about your pairs."
)


class SharingScreen(Screen[None]):
    """Consent, preview and ledger on one page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("sharing.send", "answer(True)"),
        bound("sharing.keep", "answer(False)"),
        bound("sharing.ask", "choose('ask')"),
        bound("sharing.automatic", "choose('automatic')"),
        bound("sharing.pause", "choose('pause')"),
        bound("sharing.resume", "choose('resume')"),
        bound("sharing.off", "choose('off')"),
        bound("sharing.verify", "verify"),
        bound("sharing.close", "close"),
    ]
    DEFAULT_CSS = """
    SharingScreen {
        .sharing--title { padding: 1 2 0 2; height: auto; }
        #asked { margin: 1 2 0 2; padding: 0 1; height: auto; border: round $warning; display: none; }
        #asked.-asked { display: block; }
        DataTable { height: auto; max-height: 40%; margin: 1 1; background: $background; }
        #details { height: 1fr; margin: 0 2; border: round $foreground 30%; padding: 0 1; }
    }
    """

    def __init__(self, view: SharingView) -> None:
        super().__init__()
        self._view = view
        self._asked: bytes | None = None
        self._sent: dict[int, Sent] = {}

    def compose(self) -> ComposeResult:
        yield Static(classes="sharing--title")
        yield Static(id="asked")
        yield DataTable(cursor_type="row")
        with VerticalScroll(id="details", can_focus=False):
            yield Static()
        yield Notice()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._table.add_columns("Number", "Time", "Round", "Bytes", "Consent", "SHA-256")
        self._refresh()
        self._table.focus()
        self.set_interval(LOOK_EVERY_S, self._refresh)

    def _refresh(self) -> None:
        with reporting(self.app):
            joined = self._view.is_joined
            told = "\n".join(self._view.lines()) if joined else _NOT_JOINED
            self.query_one(".sharing--title", Static).update(Content(told))
            self._show_asked()
            sent = {each.number: each for each in self._view.sent()} if joined else {}
            if sent.keys() != self._sent.keys() or not joined:
                self._sent = sent
                self._table.clear()
                for each in sent.values():
                    self._table.add_row(*_cells(each), key=str(each.number))
            self._show_details()

    def _show_asked(self) -> None:
        self._asked = self._view.asked
        box = self.query_one("#asked", Static)
        box.set_class(self._asked is not None, "-asked")
        if self._asked is not None:
            box.update(Content("Send the report below? y sends it, n keeps it here."))

    def on_data_table_row_highlighted(self) -> None:
        self._show_details()

    def _show_details(self) -> None:
        text = _INFERRED
        if self._asked is not None:
            text = "\n".join(self._view.explain(self._asked))
        elif self._table.row_count:
            key = self._table.coordinate_to_cell_key(self._table.cursor_coordinate).row_key.value
            sent = self._sent.get(int(str(key)))
            if sent is not None:
                text = f"{_dump(sent.payload)}\nSHA-256 {sent.sha256}\n\n{_INFERRED}"
        self.query_one("#details Static", Static).update(Content(text))

    def action_answer(self, word: bool) -> None:
        asked = self._asked
        if asked is None:
            self._say("Nothing is asked now.")
        elif not self._view.answer(asked, word):
            self._say("The round does not wait for it any more.")
        else:
            self._say("Sent." if word else "Kept here.")
        self._show_asked()

    async def action_choose(self, mode: str) -> None:
        with reporting(self.app):
            chosen = await asyncio.to_thread(self._view.choose, mode)
            self._say(f"Taking part: {chosen}.")
        self._refresh()

    async def action_verify(self) -> None:
        with reporting(self.app):
            self._say(await asyncio.to_thread(self._view.verify))

    def action_close(self) -> None:
        self.dismiss(None)

    def _say(self, text: str) -> None:
        self.query_one(Notice).say(text)

    @property
    def _table(self) -> DataTable[str]:
        return self.query_one(DataTable)


def _cells(sent: Sent) -> tuple[str, ...]:
    return (
        str(sent.number),
        sent.time,
        str(sent.round),
        str(len(sent.payload)),
        sent.consent,
        sent.sha256[:16],
    )


def _dump(payload: bytes) -> str:
    lines = [payload[start : start + _HEX_WIDTH].hex(" ", -4) for start in range(0, len(payload), _HEX_WIDTH)]
    return "\n".join([f"{len(payload)} bytes:", *lines])
