"""The model picker: what each model needs, choosing one, and getting one from the hub.

Knows the shelf of models and the settings file; no model is loaded here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import DataTable, ProgressBar, Static

from assistant.errors import AssistantError
from assistant.library.shelf import EMBEDDED, Shelf, ShelfModel
from assistant.library.speed import known_speed
from assistant.tui.bindings import bound
from assistant.tui.dialogs import ConfirmDialog
from assistant.tui.download_job import DownloadJob, current_job, start_job
from assistant.tui.key_footer import KeyFooter
from assistant.tui.reporting import reporting
from assistant.tui.status import Notice

if TYPE_CHECKING:
    from assistant.library.hub import RemoteFile
    from assistant.paths import Paths
    from assistant.settings import Settings

REFRESH_EVERY_S = 0.2
_LEARNS = {True: "learns from you", False: "learns with tuning_method zeroth-order only", None: ""}


class ModelsScreen(Screen[None]):
    """A table of models, and what is known about the highlighted one. Needs nothing that is loaded."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("models.use", "use", priority=True),
        bound("models.measure", "measure"),
        bound("models.cancel", "cancel"),
        bound("models.close", "close"),
    ]
    DEFAULT_CSS = """
    ModelsScreen {
        .models--title { padding: 1 2 0 2; height: auto; }
        DataTable { height: auto; max-height: 60%; margin: 1 1; background: $background; }
        #details { height: 1fr; margin: 0 2; border: round $foreground 30%; padding: 0 1; }
        ProgressBar { margin: 0 2; display: none; }
        &.-loading ProgressBar { display: block; }
        Bar { width: 1fr; }
    }
    """

    def __init__(self, paths: Paths, settings: Settings) -> None:
        super().__init__()
        self._paths = paths
        self._settings = settings
        self._chosen_file = settings.model
        self._shelf = Shelf(paths, settings.context_tokens)
        self._models: dict[str, ShelfModel] = {}

    def compose(self) -> ComposeResult:
        yield Static(
            "Models. Enter chooses one; what is not here yet is downloaded first.", classes="models--title"
        )
        yield DataTable(cursor_type="row")
        with VerticalScroll(id="details", can_focus=False):
            yield Static()
        yield ProgressBar(total=100, show_eta=True)
        yield Notice()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._table.add_columns("", "Model", "Size", "Memory", "Tokens/s", "Where")
        self._refresh()
        self._table.focus()
        self.set_interval(REFRESH_EVERY_S, self._show_job)

    def on_data_table_row_highlighted(self, _: DataTable.RowHighlighted) -> None:
        self._describe()

    def action_use(self) -> None:
        model = self._highlighted
        if model is None:
            return
        if model.is_here:
            with reporting(self.app):
                self._say(self._choose(model))
            return
        job = current_job(self.app)
        if job is not None and not job.finished:
            self._say("A download is going on. Press c to stop it.")
            return
        if not model.repository:
            self._say("The file is gone. Add it again with `assistant models add`.")
            return
        self._say(f"Asking the hub about {model.title}…")
        self.run_worker(lambda: self._ask_size(model), thread=True, group="hub", exit_on_error=False)

    def action_measure(self) -> None:
        self._say("Measuring how fast this machine writes, with the model that is installed along…")
        self.run_worker(self._measure, thread=True, group="measure", exclusive=True, exit_on_error=False)

    def action_cancel(self) -> None:
        job = current_job(self.app)
        if job is None or job.finished:
            self._say("No download is going on.")
        else:
            job.cancel()
            self._say("Stopping; what arrived is kept.")

    def action_close(self) -> None:
        self.dismiss(None)

    def _measure(self) -> None:
        """In a thread, with an engine of its own: the chat's goes on answering."""
        from assistant.library import speed
        from assistant.models import chosen_model
        from assistant.services import open_engine

        try:
            found = speed.measure(self._paths, lambda: open_engine(self._settings, chosen_model(None)))
        except AssistantError as error:
            self.app.call_from_thread(self._say, f"{error.message} {error.hint}")
            return
        self.app.call_from_thread(self._refresh)
        told = f"{found.tokens_per_s:.0f} tokens a second here; the others are estimated from their size."
        self.app.call_from_thread(self._say, told)

    def _ask_size(self, model: ShelfModel) -> None:
        """In a thread: the exact size comes before the question."""
        try:
            remote = self._shelf.look_up(model.name)
        except AssistantError as error:
            self.app.call_from_thread(self._say, f"{error.message} {error.hint}")
            return
        self.app.call_from_thread(self._confirm, model, remote)

    def _confirm(self, model: ShelfModel, remote: RemoteFile) -> None:
        self._say("")
        question = f"Download {model.title}, {_size(remote.size_bytes)}, from {remote.repository}?"

        def answered(yes: bool | None) -> None:
            if yes:
                start_job(self.app, DownloadJob(model.title, self._fetching(model.name, remote)))

        self.app.push_screen(ConfirmDialog(question, "Download"), answered)

    def _fetching(
        self, name: str, remote: RemoteFile
    ) -> Callable[[Callable[[int, int], None], threading.Event], str]:
        def fetch(on_progress: Callable[[int, int], None], cancel: threading.Event) -> str:
            model = self._shelf.fetch(name, remote, on_progress=on_progress, cancel=cancel)
            return f"{model.title} is here. " + self._choose(model)

        return fetch

    def _choose(self, model: ShelfModel) -> str:
        """Write the setting; says what that means. Raises AssistantError."""
        from assistant.settings_file import set_value

        notes = self._notes(model)
        file = "" if model.name == EMBEDDED else str(model.path)
        set_value(self._paths, "model", file or None)
        self._chosen_file = file
        return " ".join([f"{model.title} answers the next time the assistant is opened.", *notes])

    def _notes(self, model: ShelfModel) -> list[str]:
        from assistant.library.switching import switch_to
        from assistant.models import model_sha256
        from assistant.store import Store

        if model.path is None or not self._paths.database.exists():
            return []
        with Store.open(self._paths, write=False) as store:
            return switch_to(store, model_sha256(model.path, self._paths)).notes()

    def _show_job(self) -> None:
        job = current_job(self.app)
        is_going = job is not None and not job.finished
        was_going = self.has_class("-loading")
        self.set_class(is_going, "-loading")
        if job is not None and is_going:
            self.query_one(ProgressBar).update(total=job.total_bytes or None, progress=job.done_bytes)
            done = f"{_size(job.done_bytes)} of {_size(job.total_bytes)}" if job.total_bytes else "beginning"
            self._say(f"{'Stopping' if job.cancelling else 'Downloading'} {job.name}: {done}. c stops it.")
        elif job is not None and was_going:
            self._say(job.outcome)
            self._refresh()

    def _refresh(self) -> None:
        speed = known_speed(self._paths)
        models = self._shelf.list()
        self._models = {model.name: model for model in models}
        chosen = self._chosen_name(models)
        row = max(0, self._table.cursor_row)
        self._table.clear()
        for model in models:
            rate = f"~{speed.estimate(model.size_bytes):.0f}" if speed and model.size_bytes else "?"
            self._table.add_row(
                "*" if model.name == chosen else "",
                model.name,
                _size(model.size_bytes),
                _size(model.memory_bytes or 0),
                rate,
                "here" if model.is_here else "on the hub",
                key=model.name,
            )
        self._table.move_cursor(row=row)
        self._describe()

    def _chosen_name(self, models: list[ShelfModel]) -> str:
        if not self._chosen_file:
            return EMBEDDED
        return next((model.name for model in models if str(model.path) == self._chosen_file), "")

    def _describe(self) -> None:
        model = self._highlighted
        if model is None:
            return
        facts = [model.title, model.licence, _LEARNS[model.learns]]
        place = str(model.path) if model.path else f"{model.repository} on the Hugging Face hub"
        text = " · ".join(fact for fact in facts if fact) + f"\n{place}"
        if known_speed(self._paths) is None:
            text += "\nm measures about how fast each would be on this machine."
        self.query_one("#details Static", Static).update(Content(text))

    @property
    def _table(self) -> DataTable[str]:
        return self.query_one(DataTable)

    @property
    def _highlighted(self) -> ShelfModel | None:
        if not self._table.row_count:
            return None
        key = self._table.coordinate_to_cell_key(self._table.cursor_coordinate).row_key.value
        return self._models.get(key or "")

    def _say(self, text: str) -> None:
        self.query_one(Notice).say(text)


def _size(count: int) -> str:
    if not count:
        return "?"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
