"""Every setting with its value and what it does, from the same schema as the file; knows none by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import DataTable, Input, Label, Static

from assistant.errors import AssistantError, SettingsError
from assistant.settings import Settings, describe, load_settings
from assistant.settings_file import choices, parse_value, set_value
from assistant.tui.bindings import bound
from assistant.tui.dialogs import DIALOG_CSS
from assistant.tui.key_footer import KeyFooter
from assistant.tui.reporting import reporting
from assistant.tui.status import Notice

if TYPE_CHECKING:
    from assistant.paths import Paths

_SHOWN_VALUE = 40


class ValueDialog(ModalScreen[str | None]):
    """Ask for a value; None means leave it."""

    BINDINGS: ClassVar[list[BindingType]] = [bound("value.cancel", "cancel")]
    DEFAULT_CSS = f"ValueDialog {{ {DIALOG_CSS} }}"

    def __init__(self, name: str, value: str, does: str) -> None:
        super().__init__()
        self._setting = name
        self._value = value
        self._does = does

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Content(f"{self._setting}: {self._does} Enter saves, Esc leaves it."))
            yield Input(self._value, select_on_focus=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_cancel(self) -> None:
        self.dismiss(None)


class SettingsScreen(Screen[None]):
    """A table of settings. Enter switches or asks for a value, Delete goes back to the default."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("settings.change", "change", priority=True),
        bound("settings.default", "default"),
        bound("settings.close", "close"),
    ]
    DEFAULT_CSS = """
    SettingsScreen {
        .settings--title { padding: 1 2 0 2; height: auto; }
        DataTable { height: 1fr; margin: 1 1; background: $background; }
        #does { height: auto; min-height: 3; margin: 0 2; border: round $foreground 30%; padding: 0 1; }
    }
    """

    def __init__(self, paths: Paths) -> None:
        super().__init__()
        self._paths = paths

    def compose(self) -> ComposeResult:
        yield Static(Content(f"Settings, kept in {self._paths.settings}"), classes="settings--title")
        yield DataTable(cursor_type="row")
        yield Static(id="does")
        yield Notice()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._table.add_columns("", "Setting", "Value")
        self._refresh()
        self._table.focus()

    def on_data_table_row_highlighted(self, _: DataTable.RowHighlighted) -> None:
        self.query_one("#does", Static).update(Content(describe(self._setting)))

    def action_change(self) -> None:
        name, value = self._setting, self._values()[self._setting]
        known = choices(name)
        if known:
            now = str(value).casefold() if isinstance(value, bool) else str(value)
            self._set(name, known[(known.index(now) + 1) % len(known)])
            return

        def answered(text: str | None) -> None:
            if text is not None:
                self._set(name, text)

        self.app.push_screen(ValueDialog(name, str(value), describe(name)), answered)

    def action_default(self) -> None:
        with reporting(self.app):
            set_value(self._paths, self._setting, None)
            self._told(f"{self._setting} is at its default.")

    def action_close(self) -> None:
        self.dismiss(None)

    def _set(self, name: str, text: str) -> None:
        try:
            set_value(self._paths, name, parse_value(name, text))
        except SettingsError as error:
            self.query_one(Notice).say(f"{error.message} {error.hint}")
        except AssistantError as error:
            self.query_one(Notice).say(error.message)
        else:
            self._told(f"{name} is {_words(self._values()[name])}.")

    def _told(self, text: str) -> None:
        self.query_one(Notice).say(f"{text} It holds from the next time the assistant is opened.")
        self._refresh()

    def _refresh(self) -> None:
        with reporting(self.app):
            row = max(0, self._table.cursor_row)
            defaults = Settings.model_construct()
            self._table.clear()
            for name, value in self._values().items():
                mark = "" if value == getattr(defaults, name) else "*"
                self._table.add_row(mark, name, _words(value), key=name)
            self._table.move_cursor(row=row)

    def _values(self) -> dict[str, object]:
        values: dict[str, object] = load_settings(self._paths).model_dump()
        # The keys of the screen are many; they are changed in the file or by `assistant settings set`.
        values.pop("keys", None)
        return values

    @property
    def _table(self) -> DataTable[str]:
        return self.query_one(DataTable)

    @property
    def _setting(self) -> str:
        return self._table.coordinate_to_cell_key(self._table.cursor_coordinate).row_key.value or ""


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = " ".join(str(value).split()) or "(empty)"
    return text if len(text) <= _SHOWN_VALUE else text[: _SHOWN_VALUE - 1] + "…"
