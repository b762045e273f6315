"""The app: wires the screens to the services, loads the model behind them, and owns long jobs.

Knows which screens there are; everything they do is in their own files.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.events import Event, Key, MouseDown
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from assistant.errors import AssistantError
from assistant.keys import ACTIONS, changed_keys
from assistant.tui.bindings import bound
from assistant.tui.chat_list import ChatList
from assistant.tui.chat_screen import ChatScreen
from assistant.tui.dialogs import ConfirmDialog, RenameDialog
from assistant.tui.download_job import current_job
from assistant.tui.edit_screen import EditScreen
from assistant.tui.learn_job import LearnJob, Run
from assistant.tui.prompt import PromptInput
from assistant.tui.reporting import reporting, show_error
from assistant.tui.search_screen import SearchScreen
from assistant.tui.tuning_schedule import LOOK_EVERY_S, TuningSchedule
from assistant.tui.turn_view import AnswerView, TurnView, UserView
from assistant.tui.verbs import APP_VERBS, CHAT_VERBS, Verb

if TYPE_CHECKING:
    from assistant.services import Services

JOBS_EVERY_S = 0.25
FROM_CHAT = ("learn", "versions", "review", "forget", "sharing", "models", "settings")


class AssistantApp(App[None]):
    """The assistant on a terminal."""

    TITLE = "assistant"
    BINDINGS: ClassVar[list[BindingType]] = [
        bound("app.learn", "learn", priority=True),
        bound("app.versions", "versions", priority=True),
        bound("app.review", "review", priority=True),
        bound("app.forget", "forget", show=False, priority=True),
        bound("app.keys", "keys", priority=True),
        bound("app.palette", "command_palette", show=False, priority=True),
        bound("app.quit", "quit", priority=True),
        bound("app.help-quit", "help_quit", show=False),
    ]

    @dataclass
    class ModelLoaded(Message):
        """The engine is ready, or could not be."""

        error: AssistantError | None

    def __init__(self, services: Services, *, private: bool = False) -> None:
        super().__init__()
        self._services = services
        self._is_private = private
        self._learn_job: LearnJob | None = None
        self._is_outcome_told = True
        self._load_started = time.monotonic()
        self._is_loading = True
        self._has_warned = False
        self._schedule = TuningSchedule(
            services,
            start=self.start_learning,
            is_replying=lambda: self._chat.is_answering,
            is_tuning=lambda: self._learn_job is not None and not self._learn_job.finished,
        )

    def on_mount(self) -> None:
        self.set_keymap(changed_keys(self._services.settings.keys))
        theme = self._services.settings.theme
        if theme in self.available_themes:
            self.theme = theme
        else:
            self.notify(f"There is no theme {theme!r}; Ctrl+P, Theme shows them.", severity="warning")
        self._chat = ChatScreen(self._services, self.loading_words, private=self._is_private)
        self.push_screen(self._chat)
        self.set_interval(JOBS_EVERY_S, self._watch_jobs)
        self.set_interval(LOOK_EVERY_S, self._look_at_schedule)
        self.run_worker(self._load_model, thread=True, group="load", exit_on_error=False)

    # The model

    def loading_words(self) -> str:
        """How the model's load goes, in words; empty once it is ready or has failed."""
        if not self._is_loading:
            return ""
        return f"loading the model… {int(time.monotonic() - self._load_started)} s"

    def _load_model(self) -> None:
        try:
            self._services.engine.load()
        except AssistantError as error:
            self.post_message(self.ModelLoaded(error))
        else:
            self.post_message(self.ModelLoaded(None))

    def on_assistant_app_model_loaded(self, event: ModelLoaded) -> None:
        self._is_loading = False
        engine = self._services.engine
        if event.error is not None:
            show_error(self, event.error)
            self._chat.change_facts(model_state="no model loaded")
            return
        self._chat.change_facts(model=engine.model_name, context_tokens=engine.context_tokens, model_state="")

    # Jobs

    def start_learning(self, learner: Run | None = None) -> LearnJob:
        """Begin a tuning run that outlives the screen it was started from."""
        job = LearnJob(learner or self._services.learner)
        self._learn_job = job
        self._is_outcome_told = False
        self.run_worker(job.run, thread=True, group="learn", exit_on_error=False)
        return job

    def _watch_jobs(self) -> None:
        if self._is_loading:
            self._chat.change_facts(model_state=self.loading_words())
        job = self._learn_job
        if job is None:
            return
        if not job.finished:
            self._chat.change_facts(tuning=f"tuning {job.percent} %")
        elif not self._is_outcome_told:
            self._is_outcome_told = True
            self._chat.change_facts(tuning="")
            self._chat.refresh_facts()
            self._chat.say(job.outcome)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            # A defect, not a foreseen error: say so and keep the app and what is saved.
            kind = type(event.worker.error).__name__
            show_error(
                self, AssistantError(f"Unexpected problem ({kind}); what is saved is safe. You can go on.")
            )

    # Screens and keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is reached from the chat is offered there only."""
        if action in FROM_CHAT:
            return bool(self.screen_stack) and isinstance(self.screen, ChatScreen)
        return super().check_action(action, parameters)

    def action_learn(self) -> None:
        from assistant.tui.learn_screen import LearnScreen

        self.push_screen(LearnScreen(self._services, self._learn_job, self.start_learning))

    def action_versions(self) -> None:
        from assistant.tui.versions_screen import VersionsScreen

        self.push_screen(VersionsScreen(self._services))

    def action_review(self) -> None:
        from assistant.tui.review_screen import ReviewScreen

        self.push_screen(ReviewScreen(self._services))

    def action_forget(self) -> None:
        from assistant.tui.forgetting import open_forget_screen

        open_forget_screen(self, self._services, self._chat)

    def action_sharing(self) -> None:
        from assistant.federating.sharing_view import SharingView
        from assistant.tui.sharing_screen import SharingScreen

        part = getattr(self._services, "federation", None)
        self.push_screen(SharingScreen(SharingView(self._services.store.paths, part)))

    def action_models(self) -> None:
        from assistant.tui.models_screen import ModelsScreen

        self.push_screen(ModelsScreen(self._services.store.paths, self._services.settings))

    def action_settings(self) -> None:
        from assistant.tui.settings_screen import SettingsScreen

        self.push_screen(SettingsScreen(self._services.store.paths))

    def action_keys(self) -> None:
        from assistant.tui.behind_screen import BehindScreen
        from assistant.tui.compare_screen import CompareScreen
        from assistant.tui.first_run import FirstRunScreen
        from assistant.tui.forget_screen import ForgetScreen
        from assistant.tui.help_screen import HelpScreen
        from assistant.tui.learn_screen import LearnScreen
        from assistant.tui.models_screen import ModelsScreen
        from assistant.tui.pair_dialog import PairDialog
        from assistant.tui.review_screen import ReviewScreen
        from assistant.tui.settings_screen import SettingsScreen, ValueDialog
        from assistant.tui.sharing_screen import SharingScreen
        from assistant.tui.versions_screen import VersionsScreen
        from assistant.tui.why_screen import WhyScreen

        if isinstance(self.screen, HelpScreen):
            self.screen.action_close()
            return
        sections = (
            ("Writing", PromptInput.OWN_BINDINGS),
            ("Chat", ChatScreen.BINDINGS),
            ("A message you moved to with ↑", TurnView.BINDINGS),
            ("Your own message", UserView.BINDINGS),
            ("An answer: each says what happens with it", AnswerView.BINDINGS),
            ("Correcting an answer", EditScreen.BINDINGS),
            (f"Search ({self.keys_of('chat.search')})", SearchScreen.BINDINGS),
            (f"Chat list ({self.keys_of('chat.list')})", ChatList.BINDINGS),
            ("Renaming a chat", RenameDialog.BINDINGS),
            ("A question", ConfirmDialog.BINDINGS),
            (f"Learn ({self.keys_of('app.learn')})", LearnScreen.BINDINGS),
            ("Changing a pair", PairDialog.BINDINGS),
            ("What is behind learning", BehindScreen.BINDINGS),
            (f"Versions ({self.keys_of('app.versions')})", VersionsScreen.BINDINGS),
            ("Comparing two versions", CompareScreen.BINDINGS),
            (f"Why? ({self.keys_of('answer.why')})", WhyScreen.BINDINGS),
            (f"Review of answers ({self.keys_of('app.review')})", ReviewScreen.BINDINGS),
            (f"Forgetting ({self.keys_of('app.forget')})", ForgetScreen.BINDINGS),
            ("Sharing", SharingScreen.BINDINGS),
            ("Models (from all commands)", ModelsScreen.BINDINGS),
            ("Settings (from all commands)", SettingsScreen.BINDINGS),
            ("A setting's value", ValueDialog.BINDINGS),
            ("First steps (assistant setup)", FirstRunScreen.BINDINGS),
            ("This page", HelpScreen.BINDINGS),
            ("Anywhere", self.BINDINGS),
            ("Editing a text", PromptInput.EDITING_BINDINGS),
        )
        self.push_screen(HelpScreen(sections, self.key_names))

    def key_names(self, binding: Binding) -> str:
        """The keys of a binding as they are printed; the owner's own where there are any."""
        return self.keys_of(binding.id) if binding.id in ACTIONS else self._printed(binding.key)

    def keys_of(self, action: str) -> str:
        """The keys in force for an action of the table of keys, as they are printed."""
        return self._printed(self._services.settings.keys[action])

    def _printed(self, keys: str) -> str:
        return " ".join(self.get_key_display(Binding(key.strip(), "")) for key in keys.split(","))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        if isinstance(screen, ChatScreen):
            for verb in CHAT_VERBS:
                yield self._command(verb, screen)
        for verb in APP_VERBS:
            if isinstance(screen, ChatScreen) or verb.action not in FROM_CHAT:
                yield self._command(verb, self)

    def _command(self, verb: Verb, runs: ChatScreen | AssistantApp) -> SystemCommand:
        does = f"{verb.does} ({self.keys_of(verb.key)})" if verb.key else verb.does
        return SystemCommand(verb.title, does, lambda: runs.run_action(verb.action))

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key | MouseDown):
            self._schedule.touched()
        await super().on_event(event)

    def _look_at_schedule(self) -> None:
        with reporting(self):
            self._schedule.look()

    async def action_quit(self) -> None:
        """Leave; a reply in progress is stopped and kept, and unsent text is asked about once."""
        if self._chat.has_unsent_text and not self._has_warned:
            self._has_warned = True
            self.notify("There is unsent text. Ctrl+Q again leaves without it.", severity="warning")
            return
        self._chat.stop_reply()
        if self._learn_job is not None:
            self._learn_job.cancel()
        self.exit()

    def on_unmount(self) -> None:
        if (download := current_job(self)) is not None:
            download.cancel()
