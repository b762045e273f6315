"""Forgetting for good: choose what, see all that depends on it, say yes, read the receipt.

Knows scopes, previews and receipts; nothing of files, SQL or tuning. Learning what is left anew is a run like
any other, which the app owns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from assistant.forgetting import Forgetter
from assistant.forgetting_words import preview_rows, receipt_sentences
from assistant.store.forgetting import Forgetting, Preview
from assistant.store.scopes import Scope, span
from assistant.tui.bindings import bound
from assistant.tui.dialogs import ConfirmDialog
from assistant.tui.key_footer import KeyFooter
from assistant.tui.reporting import reporting
from assistant.tui.status import Notice

TITLE = "Forget for good. Choose what; you see all that depends on it before anything happens."
PLACEHOLDERS = {
    "word": "A word or a phrase; whole words, in any case. Enter shows what depends on it.",
    "dates": "One day or two, such as 2031-05-01 2031-05-17. Enter shows what depends on it.",
}


class ForgetScreen(Screen[bool]):
    """`turn_id` and `chat_id` are what the chat has open; `relearn` begins learning what is left anew.

    The result says whether anything was forgotten.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("forget.go", "forget"),
        bound("forget.close", "close"),
    ]
    DEFAULT_CSS = """
    ForgetScreen {
        .forget--title { padding: 1 2 0 2; height: auto; }
        OptionList { height: auto; max-height: 40%; margin: 1 2 0 2; border: round $foreground 30%;
            background: $background; &:focus { border: round $border; } }
        Input { margin: 1 2 0 2; display: none; }
        #told { height: 1fr; margin: 1 2 0 2; border: round $foreground 30%; padding: 0 1; }
        &.-typing Input { display: block; }
    }
    """

    def __init__(
        self,
        forgetter: Forgetter,
        turn_id: int | None,
        chat_id: int | None,
        relearn: Callable[[Forgetting], None],
    ) -> None:
        super().__init__()
        self._forgetter = forgetter
        self._turn_id = turn_id
        self._chat_id = chat_id
        self._relearn = relearn
        self._scope: Scope | None = None
        self._preview: Preview | None = None
        self._kind = ""
        self._has_forgotten = False
        self._is_busy = False

    def compose(self) -> ComposeResult:
        yield Static(TITLE, classes="forget--title")
        yield OptionList(*self._choices())
        yield Input()
        with VerticalScroll(id="told"):
            yield Static()
        yield Notice()
        yield KeyFooter()

    def on_mount(self) -> None:
        choices = self.query_one(OptionList)
        choices.highlighted = 0
        choices.focus()

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._kind = str(event.option_id)
        self.set_class(self._kind in PLACEHOLDERS, "-typing")
        if self._kind in PLACEHOLDERS:
            field = self.query_one(Input)
            field.placeholder = PLACEHOLDERS[self._kind]
            field.value = ""
            field.focus()
        elif self._kind == "turn" and self._turn_id is not None:
            await self._show(Scope(turns=(self._turn_id,)))
        elif self._chat_id is not None:
            await self._show(Scope(chats=(self._chat_id,)))

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        typed = event.value.strip()
        if not typed:
            return
        with reporting(self.app):
            if self._kind == "word":
                await self._show(Scope(word=typed))
            else:
                first, _, last = typed.partition(" ")
                await self._show(span(first, last.strip() or first))
        self.query_one(OptionList).focus()

    async def action_forget(self) -> None:
        if self._is_busy:
            return
        if self._preview is None or not self._preview.changes_something:
            self._say("Choose something that there is first.")
            return
        counted = dict(preview_rows(self._preview))
        sentence = ", ".join(
            counted[name] for name in ("messages", "chats", "pairs", "versions") if name in counted
        )
        question = f"Forget {sentence} for good? This cannot be undone."
        self.app.push_screen(ConfirmDialog(question, "Forget"), self._forget)

    async def _forget(self, is_confirmed: bool | None) -> None:
        if not is_confirmed or self._scope is None:
            self._say("Nothing was forgotten.")
            return
        scope, self._scope, self._preview = self._scope, None, None
        self._is_busy = True
        self._say("Forgetting…")
        try:
            with reporting(self.app):
                forgetting = await asyncio.to_thread(self._forgetter.forget, scope)
                self._has_forgotten = True
                self.query_one(Input).value = ""
                self.remove_class("-typing")
                self._tell("Receipt", [("", sentence) for sentence in receipt_sentences(forgetting.receipt)])
                self._say(
                    f"Forgotten. The receipt is forget-{forgetting.id:04d}.json in the folder receipts."
                )
                if self._forgetter.wants_relearning(forgetting):
                    self._relearn(forgetting)
                    self._say("Forgotten. What is left is being learned anew; F5 shows how it goes.")
        finally:
            self._is_busy = False

    def action_close(self) -> None:
        if self._is_busy:
            self._say("Forgetting is going on; it takes a few seconds.")
        else:
            self.dismiss(self._has_forgotten)

    async def _show(self, scope: Scope) -> None:
        """What depends on a choice."""
        self._scope, self._preview = None, None
        with reporting(self.app):
            preview = await asyncio.to_thread(self._forgetter.preview, scope)
            self._scope, self._preview = scope, preview
            self._tell("What depends on it", preview_rows(preview))
            self._say("Press f to forget all of this." if preview.changes_something else "There is nothing.")

    def _tell(self, title: str, rows: list[tuple[str, str]]) -> None:
        self.query_one("#told", VerticalScroll).border_title = title
        width = max((len(name) for name, _ in rows), default=0)
        lines = [
            Content.assemble((f"{name:<{width}}  ", "bold") if name else "", text) for name, text in rows
        ]
        self.query_one("#told Static", Static).update(Content("\n").join(lines))

    def _choices(self) -> list[Option]:
        choices = []
        if self._turn_id is not None:
            choices.append(Option("This message, and the replies to it", id="turn"))
        if self._chat_id is not None:
            choices.append(Option("This whole chat", id="chat"))
        choices.append(Option("Everything with a word…", id="word"))
        choices.append(Option("Everything from a day to another…", id="dates"))
        return choices

    def _say(self, text: str) -> None:
        self.query_one(Notice).say(text)
