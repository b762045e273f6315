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
"""A long chat shows its last turns, or the ones around a search hit with a few before it; going up past the
first one brings more."""

Versions = Mapping[int, Sequence[int]]


class Transcript(VerticalScroll, can_focus=False):
    """Shows turns; knows nothing of where they come from.

    `welcome` is what an empty chat says; `ends_early` whether messages after the last one are left out.
    """

    DEFAULT_CSS = """
    Transcript { height: 1fr; padding: 1 1 0 1; scrollbar-size-vertical: 1; }
    Transcript > .transcript--welcome { color: $text-muted; height: auto; padding: 1 2; }
    Transcript > .transcript--left-out { color: $text-muted; height: auto; padding: 0 2 1 2; }
    Transcript > .transcript--unseen { color: $text-warning; height: auto; padding: 0 2 1 2; }
    """

    WELCOME = (
        "Ask something. When an answer is wrong, press ↑ to go to it and e to write what it should "
        "have said; F5 then learns it into the weights. Nothing leaves this machine.\n\nF1 shows all keys."
    )

    def __init__(self) -> None:
        super().__init__()
        self.welcome = self.WELCOME
        self.ends_early = False
        self._earlier: Sequence[Turn] = ()
        self._marks: Mapping[int, Mark] = {}
        self._versions: Versions = {}

    def compose(self) -> ComposeResult:
        yield Static(Content(self.welcome), classes="transcript--welcome")

    async def show(
        self,
        turns: Sequence[Turn],
        marks: Mapping[int, Mark],
        target: int | None = None,
        versions: Versions | None = None,
    ) -> None:
        """Replace what is shown by these turns; `target` is focused, else the end is in view."""
        self._marks, self._versions, self._earlier = marks, versions or {}, ()
        if not turns:
            self.ends_early = False
            await self._replace([Static(Content(self.welcome), classes="transcript--welcome")])
            return
        first = max(0, len(turns) - SHOWN_TURNS)
        if target is not None:
            position = next((i for i, turn in enumerate(turns) if turn.id == target), first)
            first = min(first, max(0, position - CONTEXT_TURNS))
        last = min(len(turns), first + SHOWN_TURNS)
        self.ends_early = last < len(turns)
        self._earlier = turns[:first]
        views: list[Static | TurnView] = [self._view(turn) for turn in turns[first:last]]
        if first:
            views.insert(0, self._earlier_line())
        if self.ends_early:
            views.append(_left_out(f"{len(turns) - last} later messages; F4 and Enter show the end."))
        await self._replace(views)
        wanted = None if target is None else self.view_of(target)
        if wanted is None:
            self.anchor()
        else:
            wanted.focus()
            self.call_after_refresh(self.scroll_to_widget, wanted, animate=False, top=True)

    async def show_earlier(self) -> bool:
        """Mount the messages before the first one shown, above what is in view; False when there are none."""
        if not self._earlier:
            return False
        turns, self._earlier = self._earlier[-SHOWN_TURNS:], self._earlier[:-SHOWN_TURNS]
        views: list[Static | TurnView] = [self._view(turn) for turn in turns]
        if self._earlier:
            views.insert(0, self._earlier_line())
        first = self.views[0]
        async with self.batch():
            await self.query(".transcript--left-out.-earlier").remove()
            await self.mount_all(views, before=first)
        self.call_after_refresh(self.scroll_to_widget, first, animate=False, top=True)
        return True

    async def say_unseen(self, left_out: int) -> None:
        """Draw the line above which the model no longer sees the messages; 0 takes it away."""
        await self.query(".transcript--unseen").remove()
        shown_before = left_out - len(self._earlier)
        if left_out and 0 < shown_before < len(self.views):
            line = "▲ The context is full: the model no longer sees what is above. It stays saved."
            await self.mount(
                Static(Content(line), classes="transcript--unseen"), before=self.views[shown_before]
            )

    def _view(self, turn: Turn) -> TurnView:
        versions = self._versions.get(turn.id, ())
        if turn.role == "assistant":
            return AnswerView(turn, self._marks.get(turn.id), versions)
        return UserView(turn, versions)

    def _earlier_line(self) -> Static:
        count = len(self._earlier)
        line = _left_out(f"{count} earlier messages; ↑ on the first one shows more.")
        line.add_class("-earlier")
        return line

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
