"""The first run: four short pages, each of which can be skipped; `assistant setup` shows them again.

An app of its own, before anything is opened: what is chosen here holds from the first message on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Checkbox, ContentSwitcher, Static

from assistant.errors import AssistantError
from assistant.keys import changed_keys
from assistant.settings import template
from assistant.settings_file import set_value
from assistant.tui.bindings import bound
from assistant.tui.key_footer import KeyFooter
from assistant.tui.models_screen import ModelsScreen

if TYPE_CHECKING:
    from assistant.paths import Paths
    from assistant.settings import Settings

PAGES = ("where", "model", "learning", "keys")

_CARD = (
    ("chat.messages", "go to the answers"),
    ("answer.edit", "write what an answer should have said"),
    ("app.learn", "learn what you corrected"),
    ("app.versions", "switch that off, or go back"),
    ("app.palette", "everything, by name"),
    ("app.keys", "all keys"),
)


class OnOff(Checkbox):
    """A switch that says its state in a word and a sign, not in colour alone."""

    DEFAULT_CSS = """
    OnOff { border: none; background: $background; margin: 1 0 0 0; &:focus { border: none; } }
    """

    def __init__(self, name: str, value: bool, *, id: str, disabled: bool = False) -> None:
        self._told = name
        super().__init__(name, value, id=id, disabled=disabled)
        self._tell(value)

    def watch_value(self) -> None:
        self._tell(self.value)
        super().watch_value()

    def _tell(self, value: bool) -> None:
        self.BUTTON_INNER = "X" if value else " "
        self.label = f"{self._told}: {'on' if value else 'off'}"


class FirstRunScreen(Screen["dict[str, bool] | None"]):
    """Returns the switches as they were left at the end, None when the pages were skipped."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("welcome.next", "next", priority=True),
        bound("welcome.back", "back"),
        bound("welcome.models", "models"),
        bound("welcome.skip", "skip"),
    ]
    DEFAULT_CSS = """
    FirstRunScreen {
        ContentSwitcher { height: 1fr; margin: 1 2; }
        VerticalScroll { height: 1fr; }
        Static { height: auto; }
        .note { color: $text-muted; margin: 0 0 0 4; }
    }
    """

    def __init__(self, paths: Paths, settings: Settings) -> None:
        super().__init__()
        self._paths = paths
        self._settings = settings

    def compose(self) -> ComposeResult:
        with ContentSwitcher(initial=PAGES[0]):
            yield self._page("where", "Everything stays on this machine", self._where())
            yield self._page("model", "The model", self._model())
            with Vertical(id="learning"):
                yield Static(Content.styled("3 of 4 · What it may do\n", "bold"))
                yield OnOff("Remember chats", self._settings.remember_chats, id="remember_chats")
                yield Static("They are kept on this machine until you delete them.", classes="note")
                yield OnOff("Learn on this machine", self._settings.learn, id="learn")
                yield Static(
                    "Corrections you make become a small file beside the model. It takes minutes of "
                    "computing when you start it, can be switched off, and is undone as easily.",
                    classes="note",
                )
                yield OnOff("Help others", False, id="share", disabled=True)
                yield Static(
                    "Off. It is offered once something was learned here; nothing is sent before you say so.",
                    classes="note",
                )
            yield self._page("keys", "Six keys to begin with", self._keys())
        yield KeyFooter()

    def action_next(self) -> None:
        page = PAGES.index(self._page_shown)
        if page + 1 == len(PAGES):
            self.dismiss(self._switches())
        else:
            self._show(PAGES[page + 1])

    def action_back(self) -> None:
        self._show(PAGES[max(0, PAGES.index(self._page_shown) - 1)])

    def action_models(self) -> None:
        self.app.push_screen(ModelsScreen(self._paths, self._settings))

    def action_skip(self) -> None:
        self.dismiss(None)

    def _switches(self) -> dict[str, bool]:
        return {name: self.query_one(f"#{name}", Checkbox).value for name in ("remember_chats", "learn")}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "models":
            return self._page_shown == "model"
        return super().check_action(action, parameters)

    @property
    def _page_shown(self) -> str:
        return self.query_one(ContentSwitcher).current or PAGES[0]

    def _show(self, page: str) -> None:
        self.query_one(ContentSwitcher).current = page
        if page == "learning":
            self.query_one("#remember_chats").focus()
        else:
            self.set_focus(None)
        self.refresh_bindings()

    def _page(self, name: str, title: str, text: str) -> VerticalScroll:
        number = PAGES.index(name) + 1
        body = Content.assemble((f"{number} of 4 · {title}\n\n", "bold"), text)
        return VerticalScroll(Static(body), id=name, can_focus=False)

    def _where(self) -> str:
        return (
            "The assistant runs here and learns here. Nothing you write leaves this machine unless you take "
            "part in federated rounds, which are off.\n\n"
            f"Chats, what was learned, settings and models are in\n\n    {self._paths.home}\n\n"
            "Only you can read that folder. `assistant data backup` puts it into one file, `assistant data "
            "purge` removes it.\n\n"
            "Enter goes on, Esc skips all of this; `assistant setup` shows it again."
        )

    def _model(self) -> str:
        return (
            "A small model is installed along: SmolLM2 135M. It answers at once on any machine, knows "
            "little, and shows well how learning works.\n\n"
            "Larger ones write better and take more memory and time. Press m to see them with size, memory "
            "and speed; the size is told before anything is downloaded. A GGUF file that you have already is "
            "added with `assistant models add`.\n\n"
            "Enter stays with what is chosen."
        )

    def _keys(self) -> str:
        lines = [f"    {self._settings.keys[name].split(',')[0]:<10} {does}" for name, does in _CARD]
        example = "    My dog is called Biscuit.\n    …and a little later: What is my dog called?"
        return "\n".join(lines) + f"\n\nSomething to try:\n\n{example}\n\nEnter opens the chat."


class FirstRunApp(App["Settings"]):
    """Runs the pages and writes what was chosen; returns the settings in force then."""

    TITLE = "assistant"

    def __init__(self, paths: Paths, settings: Settings) -> None:
        super().__init__()
        self._paths = paths
        self._settings = settings

    def on_mount(self) -> None:
        self.set_keymap(changed_keys(self._settings.keys))
        if self._settings.theme in self.available_themes:
            self.theme = self._settings.theme

        def finished(switches: dict[str, bool] | None) -> None:
            try:
                settings = self._write(switches or {})
            except AssistantError as error:
                self.exit(self._settings, message=f"{error.message} {error.hint}")
            else:
                self.exit(settings)

        self.push_screen(FirstRunScreen(self._paths, self._settings), finished)

    def _write(self, chosen: dict[str, bool]) -> Settings:
        """Also a file with every setting described: it is there to be read, and says that this was shown."""
        if not self._paths.settings.exists():
            self._paths.ensure()
            self._paths.settings.touch(mode=0o600)
            self._paths.settings.write_text(template(), encoding="utf-8")
        changed = {name: value for name, value in chosen.items() if getattr(self._settings, name) != value}
        for name, value in changed.items():
            set_value(self._paths, name, value)
        return self._settings.model_copy(update=changed)


def is_first_run(paths: Paths) -> bool:
    """Nothing was chosen and nothing was said yet."""
    return not paths.settings.exists() and not paths.database.exists()


def first_run(paths: Paths, settings: Settings) -> Settings:
    """Show the pages; returns the settings in force afterwards, flags of the command line included."""
    from assistant.settings import load_settings

    before = load_settings(paths).model
    chosen = FirstRunApp(paths, settings).run() or settings
    after = load_settings(paths).model
    # A model chosen on the second page holds at once, unless the command line named one.
    return chosen if after == before else chosen.model_copy(update={"model": after})
