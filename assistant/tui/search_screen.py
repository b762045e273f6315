"""Find words in all chats. Takes a search function, run in a thread; returns the place the owner picked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from assistant.errors import AssistantError
from assistant.store.records import SearchHit
from assistant.tui.bindings import bound
from assistant.tui.reporting import show_error

ROLE_WORDS = {"user": "You", "assistant": "Assistant", "title": "Title", "system": "System"}


class SearchScreen(ModalScreen[SearchHit | None]):
    """Results appear while typing; the arrows move through them, Enter jumps there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("search.close", "cancel"),
        bound("search.next", "move(1)", show=False),
        bound("search.previous", "move(-1)", show=False),
    ]
    DEFAULT_CSS = """
    SearchScreen {
        align: center middle;
        & > Vertical {
            width: 90; max-width: 96%; height: 80%;
            border: round $border; padding: 1 2; background: $surface;
        }
        OptionList { height: 1fr; border: none; background: $surface; padding: 0; margin-top: 1; }
        Label { color: $text-muted; }
    }
    """

    @dataclass
    class Found(Message):
        """The places that match what was typed."""

        query: str
        hits: Sequence[SearchHit]

    def __init__(self, search: Callable[[str], Sequence[SearchHit]], query: str = "") -> None:
        super().__init__()
        self._search = search
        self._query = query
        self._hits: Sequence[SearchHit] = ()
        self._shown = ""
        self._is_chosen = False

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Input(self._query, placeholder="Search all chats; #tag looks in chats with that tag")
            yield OptionList()
            yield Label("Type to search · ↑ ↓ choose · Enter opens · Esc closes")

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        if self._query:
            self._look()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.value.strip() != self._query:
            self._query = event.value.strip()
            self._look()

    def _look(self) -> None:
        self._is_chosen = False
        if self._query:
            work = partial(self._find, self._query)
            self.run_worker(work, thread=True, group="search", exclusive=True, exit_on_error=False)
        else:
            self.on_search_screen_found(self.Found("", ()))

    def _find(self, query: str) -> None:
        try:
            hits = self._search(query)
        except AssistantError as error:
            self.app.call_from_thread(show_error, self.app, error)
            hits = ()
        self.post_message(self.Found(query, hits))

    def on_search_screen_found(self, event: Found) -> None:
        if event.query != self._query:
            return  # More was typed meanwhile.
        self._hits = event.hits
        results = self.query_one(OptionList)
        results.clear_options()
        results.add_options([Option(_label(hit)) for hit in self._hits])
        if self._hits:
            results.highlighted = 0
        self.query_one(Label).update(_summary(event.query, len(self._hits)))
        self._shown = event.query
        if self._is_chosen:
            self.on_input_submitted()

    def on_input_submitted(self) -> None:
        """Open the chosen place, at once or as soon as it is found."""
        chosen = self.query_one(OptionList).highlighted
        self._is_chosen = self._shown != self._query
        if chosen is not None and not self._is_chosen:
            self.dismiss(self._hits[chosen])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._hits[event.option_index])

    def action_move(self, step: int) -> None:
        results = self.query_one(OptionList)
        if step > 0:
            results.action_cursor_down()
        else:
            results.action_cursor_up()

    def action_cancel(self) -> None:
        self.dismiss(None)


def _summary(query: str, count: int) -> str:
    if not query:
        return "Type to search · ↑ ↓ choose · Enter opens · Esc closes"
    return f"{count or 'Nothing'} found · ↑ ↓ choose · Enter opens · Esc closes"


def _label(hit: SearchHit) -> Content:
    """The hit with its matches, which the store encloses in « », in bold."""
    pieces: list[tuple[str, str]] = [
        (hit.chat_title or "Untitled", "bold"),
        (f" · {hit.created[:10]}\n", "dim"),
        (f"{ROLE_WORDS.get(hit.role, hit.role)}: ", "dim"),
    ]
    for number, part in enumerate(hit.snippet.replace("\n", " ").split("«")):
        if number == 0:
            pieces.append((part, ""))
            continue
        match, _, rest = part.partition("»")
        pieces.extend([(match, "bold underline"), (rest, "")])
    return Content.assemble(*pieces)
