"""The messages of one chat in a column that sticks to its end until the owner scrolls away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.store.records import Mark, Turn
from assistant.tui.turn_view import AnswerView, TurnView, UserView

SHOWN_TURNS = 30
CONTEXT_TURNS = 6
"""A long chat shows its last turns, or the ones around a search hit with a few before it."""


class Transcript(VerticalScroll, can_focus=False):
    """Shows turns; knows nothing of where they come from."""

    DEFAULT_CSS = """
    Transcript { height: 1fr; padding: 1 1 0 1; scrollbar-size-vertical: 1; }
    Transcript > .transcript--welcome { color: $text-muted; height: auto; padding: 1 2; }
    Transcript > .transcript--left-out { color: $text-muted; height: auto; padding: 0 2 1 2; }
    """

    WELCOME = (
        "Ask something. When an answer is wrong, press ↑ to go to it and e to write what it should "
        "have said; F5 then learns it into the weights. Nothing leaves this machine.\n\nF1 shows all keys."
    )

    def compose(self) -> ComposeResult:
        yield Static(Content(self.WELCOME), classes="transcript--welcome")

    ends_early = False
    """Whether messages after the last one shown were left out."""

    async def show(self, turns: Sequence[Turn], marks: Mapping[int, Mark], target: int | None = None) -> None:
        """Replace what is shown by these turns; `target` is focused, else the end is in view."""
        if not turns:
            self.ends_early = False
            await self._replace([Static(Content(self.WELCOME), classes="transcript--welcome")])
            return
        first = max(0, len(turns) - SHOWN_TURNS)
        if target is not None:
            position = next((i for i, turn in enumerate(turns) if turn.id == target), first)
            first = min(first, max(0, position - CONTEXT_TURNS))
        last = min(len(turns), first + SHOWN_TURNS)
        self.ends_early = last < len(turns)
        views: list[Static | TurnView] = [_view(turn, marks.get(turn.id)) for turn in turns[first:last]]
        if first:
            views.insert(0, _left_out(f"{first} earlier messages; F3 finds them."))
        if self.ends_early:
            views.append(_left_out(f"{len(turns) - last} later messages; F4 and Enter show the end."))
        await self._replace(views)
        wanted = None if target is None else self.view_of(target)
        if wanted is None:
            self.anchor()
        else:
            wanted.focus()
            self.call_after_refresh(self.scroll_to_widget, wanted, animate=False, top=True)

    async def _replace(self, views: Sequence[Static | TurnView]) -> None:
        async with self.batch():  # one repaint, so that switching chats does not flicker
            await self.remove_children()
            await self.mount_all(views)

    async def add(self, view: TurnView) -> None:
        """Append a message and stay at the end."""
        await self.query(".transcript--welcome").remove()
        await self.mount(view)
        self.anchor()

    @property
    def views(self) -> list[TurnView]:
        return list(self.query(TurnView))

    @property
    def last_answer(self) -> AnswerView | None:
        answers = self.query(AnswerView)
        return answers.last() if answers else None

    def view_of(self, turn_id: int) -> TurnView | None:
        return next((view for view in self.views if view.turn and view.turn.id == turn_id), None)

    def neighbour(self, view: TurnView, step: int) -> TurnView | None:
        """The message `step` places further; None when that is beyond either end."""
        views = self.views
        position = views.index(view) + step
        return views[position] if 0 <= position < len(views) else None


def _left_out(text: str) -> Static:
    return Static(Content(text), classes="transcript--left-out")


def _view(turn: Turn, mark: Mark | None) -> TurnView:
    return AnswerView(turn, mark) if turn.role == "assistant" else UserView(turn, "user")
