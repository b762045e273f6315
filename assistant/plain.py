"""The assistant line by line: for pipes, for screen readers, and for terminals without cursor control.

Reads one line at a time, answers it, and obeys a few /commands. No colour, no box drawing, no redrawing, and
Textual is never imported. Answers go to the output, talk about them and errors to the error stream.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from assistant.conversation import Conversation
from assistant.errors import AssistantError, UsageError
from assistant.interrupts import interrupt_sets
from assistant.marks import apply_mark, undo_mark

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.paths import Paths
    from assistant.services import Services
    from assistant.settings import Settings
    from assistant.store import Turn

LISTED_CHATS = 20


def run(paths: Paths, settings: Settings, stdin: TextIO, stdout: TextIO, model: Path | None = None) -> None:
    """Chat until the input ends. Raises StoreError; on a pipe also the first error of any other kind."""
    from assistant.services import open_services

    with contextlib.closing(open_services(paths, settings, model)) as services:
        interactive = stdin.isatty() and stdout.isatty()
        lines = _typed_lines() if interactive else iter(stdin)
        PlainChat(services, out=stdout, err=sys.stderr, interactive=interactive).run(lines)


class PlainChat:
    """A chat over plain text streams.

    `interactive` adds the role words "You:" and "Assistant:" and a greeting; without it only answers are
    written. A line that starts with a known /command is obeyed in both cases.
    """

    def __init__(self, services: Services, *, out: TextIO, err: TextIO, interactive: bool) -> None:
        self._services = services
        self._out = out
        self._err = err
        self._interactive = interactive
        self._conversation = self._open(None)
        self._last_answer: Turn | None = None
        self._done = False

    def run(self, lines: Iterator[str]) -> None:
        """Answer every line until the input ends or /quit.

        At a terminal an error is told and the chat goes on; on a pipe the first one is raised, so that a
        script notices.
        """
        if self._interactive:
            self._say("Type a message and press Enter. /help lists the commands, /quit or Ctrl+D ends.")
        for line in lines:
            try:
                self._take(line.strip())
            except AssistantError as error:
                if not self._interactive:
                    raise
                self._say(f"Error: {error.message}\n{error.hint}")
            if self._done:
                break

    def _take(self, line: str) -> None:
        if not line:
            return
        word, _, rest = line.partition(" ")
        command = COMMANDS.get(word)
        if command is not None:
            command.act(self, rest.strip())
        elif word.startswith("/") and self._interactive and word[1:].isalpha():
            raise UsageError(f"There is no command {word}.", hint="/help lists the commands.")
        else:
            self._answer(line)

    def _answer(self, text: str) -> None:
        cancel = threading.Event()
        self._write("Assistant: " if self._interactive else "")
        with interrupt_sets(cancel):
            turn = self._conversation.send(text, self._write, cancel)
        self._last_answer = turn
        self._write("" if turn.content.endswith("\n") else "\n")
        if turn.state == "stopped":
            self._say("(stopped; the part above is kept)")

    def _open(self, chat_id: int | None) -> Conversation:
        services = self._services
        return Conversation(
            services.store, services.engine, services.settings, chat_id, after_turn=services.after_turn
        )

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def _say(self, text: str) -> None:
        self._err.write(f"{text}\n")
        self._err.flush()

    # Commands: one method each, in the order of /help.

    def new(self, _: str) -> None:
        self._conversation = self._open(None)
        self._last_answer = None
        self._say("New chat.")

    def chats(self, rest: str) -> None:
        if rest:
            chat = self._services.store.chats.get(_number(rest))
            self._conversation = self._open(chat.id)
            answers = [turn for turn in self._conversation.turns() if turn.role == "assistant"]
            self._last_answer = answers[-1] if answers else None
            self._say(f"Continuing chat {chat.id}: {chat.title or 'untitled'} ({chat.turns} messages).")
            return
        chats = self._services.store.chats.list(limit=LISTED_CHATS)
        for chat in chats:
            self._say(f"{chat.id}  {chat.title or 'untitled'}  ({chat.turns} messages, {chat.updated[:10]})")
        self._say("/chats NUMBER continues one of them." if chats else "No chats yet.")

    def search(self, rest: str) -> None:
        if not rest:
            raise UsageError("Nothing to search for.", hint="Write the words after /search.")
        hits = self._services.store.chats.search(rest, limit=LISTED_CHATS)
        for hit in hits:
            role = "You" if hit.role == "user" else "Assistant"
            self._say(f"chat {hit.chat_id}, {hit.chat_title or 'untitled'}. {role}: {hit.snippet}")
        self._say(f"{len(hits)} found. /chats NUMBER opens the chat." if hits else "Nothing found.")

    def good(self, _: str) -> None:
        self._mark("good")

    def bad(self, _: str) -> None:
        self._mark("bad")

    def edit(self, rest: str) -> None:
        self._mark("edit", rest)

    def skip(self, _: str) -> None:
        self._mark("skip")

    def undo(self, _: str) -> None:
        if self._conversation.chat_id is None:
            raise UsageError("Nothing to undo in this chat.", hint="Mark an answer first.")
        services = self._services
        self._say(
            undo_mark(services.store, self._conversation.chat_id, waiting=services.learner.waiting).message
        )

    def learn(self, _: str) -> None:
        """Tune now, one line for each stage; Ctrl+C cancels."""
        cancel = threading.Event()
        told = ""

        def on_progress(progress: object) -> None:
            nonlocal told
            message = getattr(progress, "message", "")
            if message and message != told:
                told = message
                self._say(message)

        with interrupt_sets(cancel):
            report = self._services.learner.learn_now(None, on_progress, cancel)
        self._say(report.summary)
        for reason in report.reasons:
            self._say(f"- {reason}")

    def help(self, _: str) -> None:
        for name, command in COMMANDS.items():
            self._say(f"{name} {command.takes}".rstrip() + f"  {command.does}")

    def quit(self, _: str) -> None:
        self._done = True

    def _mark(self, kind: str, text: str | None = None) -> None:
        if self._last_answer is None:
            raise UsageError("There is no answer to mark yet.", hint="Ask something first.")
        services = self._services
        result = apply_mark(
            services.store,
            self._last_answer.id,
            kind,
            text,
            on_skip=services.on_skip,
            waiting=services.learner.waiting,
        )
        self._say(result.message)


class Command:
    """A /command: what it takes, what it does in words, and the method that does it."""

    def __init__(self, act: Callable[[PlainChat, str], None], does: str, takes: str = "") -> None:
        self.act = act
        self.does = does
        self.takes = takes


COMMANDS = {
    "/new": Command(PlainChat.new, "start a new chat"),
    "/chats": Command(PlainChat.chats, "list the chats, or continue one", "[NUMBER]"),
    "/search": Command(PlainChat.search, "search all chats", "WORDS"),
    "/good": Command(PlainChat.good, "the last answer was good"),
    "/bad": Command(PlainChat.bad, "the last answer was bad"),
    "/edit": Command(PlainChat.edit, "what the last answer should have been; this is learned", "TEXT"),
    "/skip": Command(PlainChat.skip, "learn nothing from the last answer"),
    "/undo": Command(PlainChat.undo, "take back the last mark"),
    "/learn": Command(PlainChat.learn, "learn what waits now"),
    "/help": Command(PlainChat.help, "list the commands"),
    "/quit": Command(PlainChat.quit, "end"),
}


def _typed_lines() -> Iterator[str]:
    """Lines typed at a terminal, with line editing where the platform has it; Ctrl+D or Ctrl+C ends."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (importing it gives input() line editing and history)
    while True:
        try:
            yield input("You: ")
        except (EOFError, KeyboardInterrupt):
            sys.stdout.write("\n")
            return


def _number(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"{text!r} is not the number of a chat.", hint="/chats lists them with numbers.")
    return int(text)
