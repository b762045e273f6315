"""Why does it know this? The evidence about one answer, gathered in the background. Knows no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from assistant.embedder import LazyEmbedder
from assistant.errors import AssistantError
from assistant.tui.bindings import bound
from assistant.tui.key_footer import KeyFooter
from assistant.tui.reporting import show_error
from assistant.why import Evidence, why

if TYPE_CHECKING:
    from assistant.services import Services


class WhyScreen(Screen[None]):
    """`turn_id` is a saved answer."""

    BINDINGS: ClassVar[list[BindingType]] = [bound("why.close", "close")]
    DEFAULT_CSS = """
    WhyScreen VerticalScroll { margin: 1 2 0 2; border: round $foreground 30%; padding: 0 1; }
    """

    def __init__(self, services: Services, turn_id: int) -> None:
        super().__init__()
        self._services = services
        self._turn_id = turn_id

    def compose(self) -> ComposeResult:
        with VerticalScroll() as found:
            found.border_title = "Why does it know this?"
            yield Static("Asking the base model the same, and measuring… This takes a moment.")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._gather()

    def action_close(self) -> None:
        self.dismiss(None)

    @work(thread=True, exclusive=True, group="why", exit_on_error=False)
    def _gather(self) -> None:
        services = self._services
        try:
            embed = LazyEmbedder(services.settings.embedding_model)
            evidence = why(services.store, services.engine, services.settings, embed, self._turn_id)
            self.app.call_from_thread(self._show, evidence)
        except AssistantError as error:
            self.app.call_from_thread(show_error, self.app, error)

    def _show(self, evidence: Evidence) -> None:
        if self.is_mounted:
            self.query_one(Static).update(_as_content(evidence))


def _as_content(evidence: Evidence) -> Content:
    parts: list[tuple[str, str]] = []

    def add(title: str, *lines: str) -> None:
        parts.append((f"{title}\n", "bold"))
        parts.extend((f"{each}\n", "") for each in lines)
        parts.append(("\n", ""))

    add("What this suggests", *(f"- {sentence}" for sentence in evidence.sentences()))
    add("The answer", evidence.answer.strip())
    add("The base model alone, same seed", evidence.base_answer.strip())
    add("What answers now, same seed", evidence.answer_now.strip())
    if evidence.losses:
        losses = [f"{each.loss:6.2f}  {each.name}" for each in evidence.losses]
        add("Loss of the answer in nats per token (lower: likelier)", *losses)
    near = [
        f"{each.similarity:.2f}  pair {each.pair.id}: {each.pair.question} → {each.pair.answer}"
        f"  ({'added by hand' if each.pair.turn_id is None else f'turn {each.pair.turn_id}'},"
        f" learned in {', '.join(each.pair.learned_in)})"
        for each in evidence.nearest
    ]
    add("Learned pairs that mean nearly the same", *(near or ["none"]))
    return Content.assemble(*parts)
