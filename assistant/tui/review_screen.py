"""The review tray: ten kept replies at a time, judged with single keys.

Knows subjects and what an answer is called; which replies come, and what an answer does, is decided in
`assistant.annotation`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.annotation.asking import Judgement, Subject
from assistant.tui.bindings import bound
from assistant.tui.edit_screen import EditScreen
from assistant.tui.key_footer import KeyFooter
from assistant.tui.reporting import reporting
from assistant.tui.status import Notice

if TYPE_CHECKING:
    from assistant.services import Services


class ReviewScreen(Screen[None]):
    """A list of replies, the most useful to judge first, and the highlighted one in full."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("review.fine", "judge('fine')"),
        bound("review.write", "write"),
        bound("review.bad", "judge('bad')"),
        bound("review.never", "judge('never')"),
        bound("review.undo", "undo"),
        bound("review.more", "more"),
        bound("review.close", "close"),
    ]
    DEFAULT_CSS = """
    ReviewScreen {
        .review--title { padding: 1 2 0 2; height: auto; }
        OptionList { height: auto; max-height: 45%; margin: 1 2 0 2; border: round $foreground 30%;
            background: $background; text-wrap: nowrap; text-overflow: ellipsis;
            &:focus { border: round $border; } }
        #exchange { height: 1fr; margin: 1 2 0 2; border: round $foreground 30%; padding: 0 1; }
    }
    """

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._annotation = services.annotation
        self._is_learning = services.settings.learn
        self._subjects: list[Subject] = []
        self._offered: list[int] = []
        self._made: list[Judgement] = []

    def compose(self) -> ComposeResult:
        yield Static(classes="review--title")
        yield OptionList()
        with VerticalScroll(id="exchange", can_focus=False):
            yield Static()
        yield Notice()
        yield KeyFooter()

    async def on_mount(self) -> None:
        await self._load()
        self._list.focus()

    async def action_judge(self, outcome: str) -> None:
        subject = self._highlighted()
        if subject is not None:
            await self._judge(subject, outcome)

    def action_write(self) -> None:
        subject = self._highlighted()
        if subject is not None:
            self.app.push_screen(
                EditScreen(subject.question, subject.answer), partial(self._correct, subject)
            )

    async def _correct(self, subject: Subject, text: str | None) -> None:
        if text is not None:
            await self._judge(subject, "corrected", text)

    async def _judge(self, subject: Subject, outcome: str, text: str | None = None) -> None:
        with reporting(self.app):
            judgement = await asyncio.to_thread(self._annotation.answer, subject, outcome, text)
            self._made.append(judgement)
            self._subjects.remove(subject)
            if not self._subjects:
                await self._load()
            self._show()
            self._say(judgement.message)

    async def action_undo(self) -> None:
        if not self._made:
            self._say("There is nothing to take back yet.")
            return
        with reporting(self.app):
            judgement = self._made.pop()
            told = await asyncio.to_thread(self._annotation.take_back, judgement)
            self._subjects.insert(0, judgement.subject)
            self._show(highlight=0)
            self._say(told)

    async def action_more(self) -> None:
        """The next ten; the ones that are left over come again in another review."""
        with reporting(self.app):
            further = await asyncio.to_thread(self._annotation.review, without=self._offered)
            if not further:
                self._say("These are the last ones.")
                return
            self._offer(further)
            self._show(highlight=0)
            self._say("")

    def action_close(self) -> None:
        self.dismiss(None)

    def on_option_list_option_highlighted(self) -> None:
        self._show_exchange()

    async def _load(self) -> None:
        with reporting(self.app):
            self._offer(await asyncio.to_thread(self._annotation.review, without=self._offered))
            self._show(highlight=0)

    def _offer(self, subjects: list[Subject]) -> None:
        self._subjects = list(subjects)
        self._offered += [subject.turn_id for subject in subjects]

    def _show(self, highlight: int | None = None) -> None:
        position = self._list.highlighted if highlight is None else highlight
        self.query_one(".review--title", Static).update(Content(self._title()))
        self._list.clear_options()
        self._list.add_options([Option(_label(subject)) for subject in self._subjects])
        self._list.display = bool(self._subjects)
        if self._subjects:
            self._list.highlighted = min(position or 0, len(self._subjects) - 1)
        self._show_exchange()

    def _show_exchange(self) -> None:
        subject = self._highlighted()
        self.query_one("#exchange").display = subject is not None
        if subject is not None:
            self.query_one("#exchange Static", Static).update(_exchange(subject))
            self.query_one("#exchange", VerticalScroll).scroll_home(animate=False)

    def _highlighted(self) -> Subject | None:
        position = self._list.highlighted
        return self._subjects[position] if position is not None and position < len(self._subjects) else None

    def _title(self) -> str:
        if not self._is_learning:
            return "Learning is off in the settings, so there is nothing to review."
        if not self._subjects:
            return "Nothing is left to review. Answers come here when they are kept as representative."
        count = len(self._subjects)
        return (
            f"Was this good? {count} answer{'' if count == 1 else 's'} here, the most useful to judge first."
        )

    def _say(self, text: str) -> None:
        self.query_one(Notice).say(text)

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)


def _label(subject: Subject) -> Content:
    return Content.assemble(
        (" ".join(subject.question.split()), "bold"), (f" → {' '.join(subject.answer.split())}", "dim")
    )


def _why(subject: Subject) -> str:
    return (
        f"Why this one: {subject.novelty:.0%} unlike what you have judged, and the model was "
        f"{subject.uncertainty:.1f} times as unsure as usual."
    )


def _exchange(subject: Subject) -> Content:
    return Content.assemble(
        ("You\n", "bold $text-primary"),
        subject.question,
        ("\n\nAssistant\n", "bold $text-success"),
        subject.answer,
        (f"\n\n{_why(subject)}", "dim"),
    )
