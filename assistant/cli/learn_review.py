"""`assistant learn review`: judge kept replies one by one, with single keys and without a screen.

On a terminal one key is enough; from a pipe each line is one answer, so that a script can do the same.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from assistant.annotation import REVIEW_SIZE
from assistant.cli.learn_views import open_annotation
from assistant.cli.output import AsJson, document, printable, say
from assistant.errors import AssistantError
from assistant.paths import default_paths

if TYPE_CHECKING:
    from assistant.annotation.asking import Annotation, Judgement, Subject

KEYS = {"+": "fine", "e": "corrected", "-": "bad", "n": "never"}
UNDO, QUIT, ESCAPE = "u", "q", "\x1b"
_LATER = ("", "s", " ", "\r", "\n")
_HELP = "+ fine · e write what it should have said · - bad · n never ask · Enter later · u undo · q end"


def register(group: typer.Typer) -> None:
    group.command()(review)


def review(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")] = REVIEW_SIZE,
    as_json: AsJson = False,
) -> None:
    """Judge kept replies with single keys, the most useful first; with --json only list them."""
    from assistant.contradictions import watch
    from assistant.settings import load_settings
    from assistant.store import Store

    paths = default_paths()
    settings = load_settings(paths)
    with Store.open(paths, write=not as_json) as store:
        watch(store, settings)
        annotation = open_annotation(store, settings)
        subjects = annotation.review(limit)
        if as_json:
            document([_as_document(subject) for subject in subjects])
        elif not subjects:
            say("There is nothing to review." if settings.learn else "Learning is off in the settings.")
        else:
            _tell(Session(annotation, subjects).run())


class Session:
    """Goes through the replies in order; `run` returns how many got each answer."""

    def __init__(self, annotation: Annotation, subjects: Sequence[Subject]) -> None:
        self._annotation = annotation
        self._subjects = subjects
        self._made: list[tuple[int, Judgement]] = []

    def run(self) -> Counter[str]:
        say(_HELP)
        position = 0
        while position < len(self._subjects):
            self._show(position)
            try:
                moved = self._take(position)
            except AssistantError as error:
                say(f"{error.message} {error.hint}")
                continue
            if moved is None:
                break
            position = moved
        return Counter(judgement.outcome for _, judgement in self._made)

    def _show(self, position: int) -> None:
        subject = self._subjects[position]
        say(f"\n{position + 1} of {len(self._subjects)}, chat {subject.chat_id}")
        say(f"You: {printable(subject.question, lines=True)}")
        say(f"Assistant: {printable(subject.answer, lines=True)}")

    def _take(self, position: int) -> int | None:
        """Read keys until one moves on; returns the next position, or None to end."""
        subject = self._subjects[position]
        while (key := read_key()) not in (QUIT, ESCAPE):
            if key in _LATER:
                say("Later.")
                return position + 1
            if key == UNDO:
                return self._undo(position)
            outcome = KEYS.get(key)
            if outcome is None:
                say(_HELP)
                continue
            text = read_text("What should it have said? ") if outcome == "corrected" else None
            if outcome == "corrected" and not text:
                say("Nothing written, so nothing changed.")
                continue
            judgement = self._annotation.answer(subject, outcome, text)
            self._made.append((position, judgement))
            say(judgement.message)
            return position + 1
        return None

    def _undo(self, position: int) -> int:
        if not self._made:
            say("There is nothing to take back.")
            return position
        former, judgement = self._made.pop()
        say(self._annotation.take_back(judgement))
        return former


def read_key() -> str:
    """One key on a terminal, else the first character of a line; `q` at the end of the input."""
    sys.stderr.write("> ")
    sys.stderr.flush()
    try:
        key = click.getchar() if sys.stdin.isatty() else input().strip()[:1]
    except EOFError:
        key = QUIT
    say(key if key.isprintable() else "")
    return key.casefold()


def read_text(question: str) -> str:
    """A line of text; empty when there is none."""
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        return input().strip()
    except EOFError:
        return ""


def _as_document(subject: Subject) -> dict[str, Any]:
    found = asdict(subject)
    del found["question_id"]
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}


def _tell(counts: Counter[str]) -> None:
    made = ", ".join(f"{outcome} {count}" for outcome, count in counts.items())
    say(f"\nJudged {counts.total()}: {made}." if made else "\nNothing was judged.")
    if counts["fine"] or counts["corrected"]:
        say("`assistant learn now` learns what waits.")
