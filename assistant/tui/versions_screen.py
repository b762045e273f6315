"""The learned versions: which there are, which is in force, and switching between them.

Knows version records and the learner's switches; nothing of adapters or the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import DataTable, Static

from assistant.comparing import BASE, NOW
from assistant.store.records import Version
from assistant.tui.bindings import bound
from assistant.tui.checks_plot import ChecksPlot
from assistant.tui.dialogs import ConfirmDialog
from assistant.tui.key_footer import KeyFooter
from assistant.tui.reporting import reporting
from assistant.tui.status import Notice
from assistant.version_care import effects_of_deleting

if TYPE_CHECKING:
    from assistant.services import Services

STRENGTH_STEP = 0.1
STRENGTH_MAX = 1.5
# Lower terminals need the room for the table and the details.
TALL = 34


class VersionsScreen(Screen[None]):
    """A table of versions, the newest first, and what is known about the highlighted one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("versions.use", "use", priority=True),
        bound("versions.off", "off"),
        bound("versions.rollback", "rollback"),
        bound("versions.stronger", "strength(1)"),
        bound("versions.weaker", "strength(-1)"),
        bound("versions.compare", "compare"),
        bound("versions.delete", "delete"),
        bound("versions.close", "close"),
    ]
    DEFAULT_CSS = """
    VersionsScreen {
        .versions--title { padding: 1 2 0 2; height: auto; }
        DataTable { height: auto; max-height: 50%; margin: 1 1; background: $background; }
        ChecksPlot { height: 12; margin: 0 2; display: none; &.-shown { display: block; } }
        #details { height: 1fr; margin: 0 2; border: round $foreground 30%; padding: 0 1; }
    }
    """

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services

    def compose(self) -> ComposeResult:
        yield Static(classes="versions--title")
        yield DataTable(cursor_type="row")
        yield ChecksPlot()
        with VerticalScroll(id="details", can_focus=False):
            yield Static()
        yield Notice()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._table.add_columns("Version", "State", "Kind", "Strength", "Pairs", "Made", "Method")
        self._refresh()
        self._table.focus()

    def _refresh(self) -> None:
        with reporting(self.app):
            versions = self._services.store.versions.list()
            highlighted = self._table.cursor_row
            self._table.clear()
            for version in reversed(sorted(versions, key=lambda version: version.id)):
                self._table.add_row(*_cells(version), key=version.id)
            if versions:
                self._table.move_cursor(row=min(highlighted, len(versions) - 1))
            active = self._services.store.versions.active("personal")
            self.query_one(".versions--title", Static).update(Content(_title(versions, active)))
            plot = self.query_one(ChecksPlot)
            plot.set_class(plot.show(versions) and self.app.size.height >= TALL, "-shown")
            self._show_details()

    def on_data_table_row_highlighted(self) -> None:
        self._show_details()

    def _show_details(self) -> None:
        version = self._highlighted()
        text = Content("") if version is None else _details(version)
        self.query_one("#details Static", Static).update(text)

    async def action_use(self) -> None:
        version = self._highlighted()
        if version is not None:
            await self._switch(
                lambda: self._services.learner.use(version.id), f"{version.id} is in force now."
            )

    async def action_off(self) -> None:
        kind = self._kind
        told = "the base model answers alone" if kind == "personal" else "nothing shared is in force"
        await self._switch(
            lambda: self._services.learner.off(kind), f"Switched off: {told}. Enter uses a version again."
        )

    async def action_rollback(self) -> None:
        kind = self._kind
        await self._switch(lambda: self._services.learner.rollback(kind), "")
        active = self._services.store.versions.active(kind)
        self._say(f"Rolled back to {active.id}." if active else "Rolled back to the base model.")

    def action_compare(self) -> None:
        """The highlighted version beside what answers now, or beside the base model if it answers now."""
        from assistant.tui.compare_screen import CompareScreen

        version = self._highlighted()
        if version is not None:
            left = BASE if version.state == "active" else NOW
            self.app.push_screen(CompareScreen(self._services, left, version.id))

    def action_delete(self) -> None:
        version = self._highlighted()
        if version is None:
            return
        with reporting(self.app):
            effects = effects_of_deleting(self._services.store, version.id).sentences()
            question = f"Delete {version.id} for good? {' '.join(effects)}"
            self.app.push_screen(ConfirmDialog(question, "Delete"), partial(self._delete, version.id))

    async def _delete(self, version_id: str, is_confirmed: bool | None) -> None:
        if is_confirmed:
            await self._switch(lambda: self._services.learner.delete(version_id), f"{version_id} is deleted.")

    async def action_strength(self, direction: int) -> None:
        version = self._highlighted()
        if version is None:
            return
        strength = round(min(STRENGTH_MAX, max(0.0, version.strength + direction * STRENGTH_STEP)), 2)
        await self._switch(
            lambda: self._services.learner.set_strength(version.id, strength),
            f"{version.id} has strength {strength:g} now; 1 is as trained.",
        )

    def action_close(self) -> None:
        self.dismiss(None)

    async def _switch(self, change: Callable[[], object], told: str) -> None:
        """Run a change that waits for the engine in a thread, then show where things stand."""
        with reporting(self.app):
            await asyncio.to_thread(change)
            self._say(told)
        self._refresh()

    def _say(self, text: str) -> None:
        self.query_one(Notice).say(text)

    def _highlighted(self) -> Version | None:
        if not self._table.row_count:
            return None
        key = self._table.coordinate_to_cell_key(self._table.cursor_coordinate).row_key.value
        with reporting(self.app):
            return self._services.store.versions.get(str(key))
        return None

    @property
    def _kind(self) -> str:
        version = self._highlighted()
        return "personal" if version is None else version.kind

    @property
    def _table(self) -> DataTable[str]:
        return self.query_one(DataTable)


def _title(versions: list[Version], active: Version | None) -> str:
    if not versions:
        return "Nothing is learned yet. Correct an answer with e, then press F5 in the chat."
    state = f"{active.id} is in force." if active else "No version is in force; the base model answers alone."
    return f"Learned versions. {state} The base model itself is never changed."


def _cells(version: Version) -> tuple[str, ...]:
    return (
        version.id,
        version.state,
        version.kind,
        f"{version.strength:g}",
        str(len(version.pair_ids)),
        version.created[:10],
        version.method,
    )


def _details(version: Version) -> Content:
    """Lineage, then the report: reasons as sentences, numbers and words as lines."""
    lines = [
        f"{version.id}: {version.kind}, {version.state}, made from {version.parent or 'the base model'} "
        f"with {version.method}."
    ]
    reasons = version.report.get("reasons", ())
    if isinstance(reasons, list | tuple):
        lines.extend(f"- {reason}" for reason in reasons)
    for name, value in version.report.items():
        if isinstance(value, float):
            lines.append(f"{name.replace('_', ' ')}: {value:.4g}")
        elif isinstance(value, int | str):
            lines.append(f"{name.replace('_', ' ')}: {value}")
    return Content("\n".join(lines))
