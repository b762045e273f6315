"""The assistant line by line: for pipes, for screen readers, and for terminals without cursor control.

Reads one line at a time, answers it, and obeys the /commands. No colour, no box drawing, no redrawing, and
Textual is never imported. Answers go to the output, talk about them and errors to the error stream.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from assistant.commands import COMMANDS, parse
from assistant.conversation import Conversation
from assistant.errors import AssistantError, UsageError
from assistant.interrupts import interrupt_sets
from assistant.plain_commands import ACTS
from assistant.reply_saver import OnPiece

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.paths import Paths
    from assistant.services import Services
    from assistant.settings import Settings
    from assistant.store import Turn


def run(
    paths: Paths,
    settings: Settings,
    stdin: TextIO,
    stdout: TextIO,
    model: Path | None = None,
    *,
    private: bool = False,
) -> None:
    """Chat until the input ends. Raises StoreError; on a pipe also the first error of any other kind."""
    from assistant.services import open_services

    with contextlib.closing(open_services(paths, settings, model)) as services:
        interactive = stdin.isatty() and stdout.isatty()
        lines = _typed_lines() if interactive else iter(stdin)
        chat = PlainChat(services, out=stdout, err=sys.stderr, interactive=interactive)
        if private:
            chat.open(None, private=True)
        chat.run(lines)


class PlainChat:
    """A chat over plain text streams.

    `interactive` adds the role words "You:" and "Assistant:" and a greeting; without it only answers are
    written. A line that starts with a known /command is obeyed in both cases.
    """

    def __init__(self, services: Services, *, out: TextIO, err: TextIO, interactive: bool) -> None:
        self.services = services
        self._out = out
        self._err = err
        self._interactive = interactive
        self._private: Conversation | None = None
        self._told_left_out = 0
        self.done = False
        self.open(None)

    def run(self, lines: Iterator[str]) -> None:
        """Answer every line until the input ends or /quit.

        At a terminal an error is told and the chat goes on; on a pipe the first one is raised, so that a
        script notices.
        """
        if self._interactive:
            self.say("Type a message and press Enter. /help lists the commands, /quit or Ctrl+D ends.")
            if self.conversation.is_private:
                self.say("This is a private chat: never stored, never learned from.")
        for line in lines:
            try:
                self._take(line.strip())
            except AssistantError as error:
                if not self._interactive:
                    raise
                self.say(f"Error: {error.message}\n{error.hint}")
            if self.done:
                break

    def open(self, chat_id: int | None, *, private: bool = False) -> None:
        """Go on with this chat, a new one, or the one private chat."""
        if private and self._private is not None:
            self.conversation = self._private
            return
        services = self.services
        self.conversation = Conversation(
            services.store,
            services.engine,
            services.settings,
            chat_id,
            private=private,
            after_turn=services.after_turn,
        )
        self._told_left_out = 0
        if private:
            self._private = self.conversation

    def say(self, text: str) -> None:
        """Talk about the chat, on the error stream."""
        self._err.write(f"{text}\n")
        self._err.flush()

    def write_reply(self, write: Callable[[OnPiece, threading.Event], Turn]) -> None:
        """Write an answer as it comes; Ctrl+C stops it."""
        cancel = threading.Event()
        self._write("Assistant: " if self._interactive else "")
        with interrupt_sets(cancel):
            turn = write(self._write, cancel)
        self._write("" if turn.content.endswith("\n") else "\n")
        if turn.state == "stopped":
            self.say("(stopped; the part above is kept, /continue goes on)")
        elif self.conversation.is_cut_short and self._interactive:
            self.say("(the answer reached the longest length, /continue goes on)")
        left_out = self.conversation.left_out
        if left_out > self._told_left_out:
            self.say(f"(the context is full: the model did not see the {left_out} oldest messages)")
            self._told_left_out = left_out

    @property
    def last_answer(self) -> Turn | None:
        return next((turn for turn in reversed(self.conversation.turns()) if turn.role == "assistant"), None)

    @property
    def last_message(self) -> Turn | None:
        return next((turn for turn in reversed(self.conversation.turns()) if turn.role == "user"), None)

    def _take(self, line: str) -> None:
        if not line:
            return
        parsed = parse(line)
        act = None if parsed is None else ACTS.get(parsed[0])
        if parsed is not None and act is not None:
            act(self, parsed[1])
        elif parsed is not None and self._interactive:
            raise UsageError(f"There is no command /{parsed[0]}.", hint="/help lists the commands.")
        else:
            self.write_reply(lambda on_piece, cancel: self.conversation.send(line, on_piece, cancel))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _typed_lines() -> Iterator[str]:
    """Lines typed at a terminal, with line editing where the platform has it; Ctrl+D or Ctrl+C ends.

    A line that ends with a backslash goes on in the next one. Tab completes /commands.
    """
    with contextlib.suppress(ImportError):
        import readline  # importing it gives input() line editing and history

        names = [f"/{name}" for name in COMMANDS]
        readline.set_completer_delims(" ")
        readline.set_completer(
            lambda text, number: [*(name for name in names if text and name.startswith(text)), None][number]
        )
        readline.parse_and_bind("tab: complete")
    begun = ""
    while True:
        try:
            line = input("... " if begun else "You: ")
        except (EOFError, KeyboardInterrupt):
            sys.stdout.write("\n")
            return
        if line.endswith("\\"):
            begun += line[:-1] + "\n"
            continue
        yield begun + line
        begun = ""
