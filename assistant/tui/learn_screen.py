"""What waits to be learned, and a tuning run as it happens: stage, progress, loss, and what came of it.

Knows pairs and a LearnJob. The job belongs to the app and goes on when this screen is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, ProgressBar, Static
from textual.widgets.option_list import Option
from textual_plotext import PlotextPlot

from assistant.pair_edits import edit_pair
from assistant.store.records import Pair
from assistant.tui.bindings import bound
from assistant.tui.dialogs import ConfirmDialog
from assistant.tui.key_footer import KeyFooter
from assistant.tui.learn_job import LearnJob
from assistant.tui.pair_dialog import PairDialog
from assistant.tui.reporting import reporting
from assistant.tui.status import Notice
from assistant.tuning_cost import estimate

if TYPE_CHECKING:
    from assistant.services import Services

REFRESH_EVERY_S = 0.1
STAGE_WORDS = {
    "synthesise": "finding other wordings",
    "features": "reading the pairs",
    "tune": "tuning",
    "gate": "checking",
    "activate": "putting it in force",
}
SOURCE_WORDS = {
    "edit": "your correction",
    "good": "an answer you called good",
    "statement": "something you said",
    "added": "added by you",
    "own": "its own reply, without complaint",
}


class LossCurve(PlotextPlot):
    """Loss over the tuning steps so far."""

    def show(self, losses: list[float]) -> None:
        """Draw the curve anew."""
        self.plt.clear_data()
        self.plt.title("loss while tuning")
        self.plt.xlabel("step")
        if losses:
            self.plt.plot(list(range(1, len(losses) + 1)), losses, marker="braille")
        self.refresh()


class LearnScreen(Screen[None]):
    """`job` is the run in progress or the last one; `start` begins a new one and returns it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("learn.start", "start", priority=True),
        bound("learn.cancel", "cancel"),
        bound("learn.drop", "drop_pair"),
        bound("learn.edit", "edit_pair"),
        bound("learn.delete", "delete_pair"),
        bound("learn.behind", "behind"),
        bound("learn.close", "close"),
    ]
    DEFAULT_CSS = """
    LearnScreen {
        .learn--title { padding: 1 2 0 2; height: auto; }
        OptionList { height: auto; max-height: 45%; margin: 1 2 0 2; border: round $foreground 30%;
            background: $background; &:focus { border: round $border; } }
        #progress { height: 1; margin: 1 2 0 2; display: none; }
        #progress ProgressBar { width: 1fr; }
        #progress Bar { width: 1fr; }
        LossCurve { margin: 1 2 0 2; min-height: 8; display: none; }
        #outcome { padding: 1 2 0 2; height: auto; }
        &.-ran #progress { display: block; }
        &.-curve LossCurve { display: block; }
    }
    """

    def __init__(self, services: Services, job: LearnJob | None, start: Callable[[], LearnJob]) -> None:
        super().__init__()
        self._services = services
        self._job = job
        self._start = start
        self._shown_losses = -1
        self._shown_end = False

    def compose(self) -> ComposeResult:
        yield Static(classes="learn--title")
        yield OptionList()
        with Horizontal(id="progress"):
            yield ProgressBar(total=100, show_eta=False)
        yield LossCurve()
        yield Static(id="outcome")
        yield Notice()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._list_pairs()
        self.query_one(OptionList).focus()
        self.set_interval(REFRESH_EVERY_S, self._show_job)
        self._show_job()

    def action_start(self) -> None:
        if self._job is not None and not self._job.finished:
            self._say("A run is already going on. Press c to cancel it.")
            return
        with reporting(self.app):
            if self._services.learner.waiting() == 0:
                self._say("Nothing waits. Correct an answer with e in the chat first.")
                return
            self._job = self._start()
            self._shown_losses, self._shown_end = -1, False
            self._say("")
            self.query_one("#outcome", Static).update("")
            self._show_job()

    def action_cancel(self) -> None:
        if self._job is None or self._job.finished:
            self._say("No run is going on.")
        else:
            self._job.cancel()
            self._say("Cancelling at the next step; nothing will be changed.")

    def action_drop_pair(self) -> None:
        pair = self._chosen()
        if pair is None:
            return
        with reporting(self.app):
            self._services.store.pairs.set_state(pair.id, "off")
            self._list_pairs()
            self._say("Dropped: this pair will not be learned.")

    def action_edit_pair(self) -> None:
        pair = self._chosen()
        if pair is not None:
            self.app.push_screen(PairDialog(pair), partial(self._edit, pair.id))

    def _edit(self, pair_id: int, words: tuple[str, str] | None) -> None:
        if words is None:
            return
        with reporting(self.app):
            edit_pair(self._services.store, pair_id, *words)
            self._list_pairs()
            self._say("Changed: this is what will be learned.")

    def action_delete_pair(self) -> None:
        pair = self._chosen()
        if pair is not None:
            question = "Delete this pair for good? Dropping it only leaves it out. The chat it is from stays."
            self.app.push_screen(ConfirmDialog(question, "Delete"), partial(self._delete, pair.id))

    async def _delete(self, pair_id: int, is_confirmed: bool | None) -> None:
        if is_confirmed:
            with reporting(self.app):
                await asyncio.to_thread(self._services.store.pairs.delete, pair_id)
                self._list_pairs()
                self._say("Deleted.")

    def action_behind(self) -> None:
        from assistant.tui.behind_screen import BehindScreen

        self.app.push_screen(BehindScreen(self._services))

    def action_close(self) -> None:
        self.dismiss(None)

    def _chosen(self) -> Pair | None:
        """The highlighted pair, unless a run is reading the pairs just now."""
        chosen = self.query_one(OptionList).highlighted_option
        if chosen is None or chosen.id is None:
            return None
        if self._job is not None and not self._job.finished:
            self._say("Wait for the run to end, or cancel it with c.")
            return None
        with reporting(self.app):
            return self._services.store.pairs.get(int(chosen.id))
        return None

    def _list_pairs(self) -> None:
        with reporting(self.app):
            pairs = [pair for pair in self._services.store.pairs.list("active") if not pair.learned_in]
            count = self._services.learner.waiting()
            waits = "1 pair waits" if count == 1 else f"{count} pairs wait"
            title = f"{waits} to be learned." if count else "Nothing waits to be learned."
            title = f"{title} {self._plan()}" if count else title
            self.query_one(".learn--title", Static).update(Content(title))
            listed = self.query_one(OptionList)
            listed.clear_options()
            listed.add_options([Option(_label(pair), id=str(pair.id)) for pair in pairs])
            listed.display = bool(pairs)
            listed.highlighted = 0 if pairs else None

    def _plan(self) -> str:
        """What the next tuning costs, and what starts it."""
        store, settings = self._services.store, self._services.settings
        cost = estimate(store.versions.list(), store.pairs.list("active"), settings.tuning_method)
        told = cost.sentence() if cost else "What tuning costs is known after the first run."
        starts = {
            "by-hand": "",
            "after-pairs": f" It starts by itself with {settings.tune_after_pairs} new pairs.",
            "idle": f" It starts by itself after {settings.tune_idle_minutes} minutes without typing.",
        }[settings.tune_when]
        return told + starts

    def _show_job(self) -> None:
        job = self._job
        if job is None:
            return
        self.add_class("-ran")
        self.query_one(ProgressBar).update(progress=100 if job.report else job.percent)
        if len(job.losses) != self._shown_losses:
            self._shown_losses = len(job.losses)
            self.set_class(bool(job.losses), "-curve")
            self.query_one(LossCurve).show(list(job.losses))
        if not job.finished:
            self.query_one("#outcome", Static).update(Content(_activity(job)))
        elif not self._shown_end:
            self._shown_end = True
            self.query_one("#outcome", Static).update(_outcome(job))
            self._list_pairs()
            self._say("")

    def _say(self, text: str) -> None:
        self.query_one(Notice).say(text)


def _activity(job: LearnJob) -> str:
    if job.cancelling:
        return "cancelling…"
    if job.progress is None:
        return "starting…"
    stage = STAGE_WORDS.get(job.progress.stage, job.progress.stage)
    loss = "" if job.progress.loss is None else f" · loss {job.progress.loss:.3f}"
    return f"{stage} · {job.percent} %{loss} · {job.progress.message}\nYou can go back and chat; it goes on."


def _outcome(job: LearnJob) -> Content:
    if job.report is None:
        return Content(job.outcome)
    head = f"{job.report.version_id or 'No version'}: {job.report.state}. "
    reasons = "".join(f"\n- {reason}" for reason in job.report.reasons)
    return Content.assemble((head, "bold"), job.report.summary, reasons)


def _label(pair: Pair) -> Content:
    source = SOURCE_WORDS.get(pair.source, pair.source)
    return Content.assemble(
        (_one_line(pair.question), "bold"), f"\n→ {_one_line(pair.answer)}", (f"  ({source})", "dim")
    )


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else line[:119] + "…"
