"""Two models side by side: the same question with the same seed, both answers as they are written.

Knows names of versions and an engine's chat; nothing of adapters. One engine answers, so the left side comes
first and the right one after it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Select, Static

from assistant.comparing import BASE, NAMES, NOW, answer, side
from assistant.engine.types import Message, opening
from assistant.errors import AssistantError
from assistant.models import model_sha256
from assistant.tui.bindings import bound
from assistant.tui.key_footer import KeyFooter
from assistant.tui.reporting import show_error
from assistant.tui.status import Notice

if TYPE_CHECKING:
    from assistant.services import Services

WRITE_EVERY_S = 0.05


class CompareScreen(Screen[None]):
    """`left` and `right` are base, now or ids of versions; `question` is asked at once unless it is empty."""

    BINDINGS: ClassVar[list[BindingType]] = [bound("compare.close", "close")]
    DEFAULT_CSS = """
    CompareScreen {
        #question { margin: 1 2 0 2; }
        #sides { height: 1fr; margin: 1 2 0 2; }
        #sides > Vertical { width: 1fr; }
        #sides VerticalScroll { height: 1fr; border: round $foreground 30%; padding: 0 1; }
    }
    """

    def __init__(self, services: Services, left: str = BASE, right: str = NOW, question: str = "") -> None:
        super().__init__()
        self._services = services
        self._chosen = [left, right]
        self._question = question
        self._cancel = threading.Event()
        self._texts = ["", ""]
        self._shown = ["", ""]

    def compose(self) -> ComposeResult:
        yield Input(self._question, placeholder="Ask both the same. Enter asks.", id="question")
        with Horizontal(id="sides"):
            for number, name in enumerate(self._chosen):
                with Vertical():
                    yield Select(self._names(), value=name, allow_blank=False, id=f"name-{number}")
                    with VerticalScroll():
                        yield Static(id=f"answer-{number}")
        yield Notice()
        yield KeyFooter()

    def on_mount(self) -> None:
        self.query_one("#question").focus()
        self.set_interval(WRITE_EVERY_S, self._write)
        if self._question:
            self._ask(self._question)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self._ask(event.value.strip())

    def on_select_changed(self, event: Select.Changed) -> None:
        self._chosen[int(str(event.select.id)[-1])] = str(event.value)

    def action_close(self) -> None:
        self._cancel.set()
        self.dismiss(None)

    def _ask(self, question: str) -> None:
        self._cancel.set()
        self._cancel = threading.Event()
        self._texts = ["", ""]
        self._say("Asking both…")
        self._run(question, tuple(self._chosen), self._texts, self._cancel)

    @work(thread=True, exclusive=True, group="compare", exit_on_error=False)
    def _run(self, question: str, names: Sequence[str], texts: list[str], cancel: threading.Event) -> None:
        services, settings = self._services, self._services.settings
        try:
            paths = services.store.paths
            base = model_sha256(services.engine.model_path, paths)
            sides = [side(services.store, paths, base, name) for name in names]
            messages = [*opening(settings.system_prompt), Message("user", question)]
            for number, chosen in enumerate(sides):

                def add(piece: str, number: int = number) -> None:
                    texts[number] += piece

                answer(services.engine, chosen, messages, settings, on_piece=add, cancel=cancel)
                if cancel.is_set():
                    return
            told = "Both say the same." if texts[0] == texts[1] else "Same question, same seed."
            self.app.call_from_thread(self._say, told)
        except AssistantError as error:
            self.app.call_from_thread(show_error, self.app, error)

    def _write(self) -> None:
        for number, text in enumerate(self._texts):
            if text != self._shown[number]:
                self._shown[number] = text
                self.query_one(f"#answer-{number}", Static).update(Content(text.strip()))

    def _names(self) -> list[tuple[str, str]]:
        versions = [version.id for version in self._services.store.versions.list()]
        return [(sentence, name) for name, sentence in NAMES.items()] + [(v, v) for v in versions]

    def _say(self, text: str) -> None:
        if self.is_mounted:
            self.query_one(Notice).say(text)
