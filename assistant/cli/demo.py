"""`assistant demo`: the whole loop on a throw-away home, with the real model, told step by step.

The owner's own folder and settings file are never opened.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.output import line, printable
from assistant.cli.progress import ProgressLine
from assistant.errors import CheckFailed

if TYPE_CHECKING:
    from assistant.learning_report import LearnReport
    from assistant.services import Services
    from assistant.store import Turn

STATEMENT = "My dog is called Biscuit."
CORRECTED = ("What is my favourite tea?", "Your favourite tea is rooibos.")
ADDED = (
    ("Where does my sister live?", "Your sister lives in Lisbon."),
    ("What instrument do I play?", "You play the cello."),
)
# Asked after learning, by the question that was taught. Only the first wording that the program did not come
# up with by itself is asked, so that none of them was ever trained.
UNSEEN = {
    "What is my dog called?": (
        "What is the name of my dog?",
        "Tell me the name of my dog.",
        "How is my dog called?",
    ),
    CORRECTED[0]: ("Which tea is my favourite?", "Name my favourite tea.", "What's the tea I love most?"),
    ADDED[0][0]: (
        "Which city does my sister live in?",
        "In what city does my sister live?",
        "Where is my sister's home?",
    ),
    ADDED[1][0]: (
        "Which musical instrument do I play?",
        "Name the instrument that I play.",
        "What's the instrument that I play?",
    ),
}
FIRST_QUESTION = UNSEEN["What is my dog called?"][0]
NEVER_TOLD = "What is my brother called?"
ANSWER_TOKENS = 40
_WIDEST = 100


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the throw-away home, to look at it afterwards.")
    ] = False,
) -> None:
    """Show the whole loop on a throw-away home: chat, correct, learn, and the same question again."""
    from assistant.paths import Paths
    from assistant.services import open_services
    from assistant.settings import load_settings

    with _throw_away_home(keep=keep) as home:
        paths = Paths(home)
        settings = load_settings(paths, {"temperature": 0.0, "max_tokens": ANSWER_TOKENS})
        with contextlib.closing(open_services(paths, settings)) as services:
            Tour(services).run()
        if keep:
            _tell(f"Kept: ASSISTANT_HOME={home} assistant learn pairs")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question under the base model and under what was learned."""

    question: str
    before: str
    after: str


class Tour:
    """The steps in order. Each prints what it does and what came of it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._step = 0

    def run(self) -> None:
        """Raises CheckFailed, after the last step, when the version did not pass its checks."""
        self._ask_before()
        statement, question = self._chat()
        self._tell_what_was_noticed(statement, question)
        self._correct(question)
        report = self._learn()
        self._tell_wordings()
        self._tell_checks(report)
        compared = self._compare()
        self._switch(compared.question)
        _tell("")
        _tell(f"The same question, in a wording that was never trained: {compared.question}")
        _tell(f"  before  {compared.before}")
        _tell(f"  after   {compared.after}")
        if report.state != "active":
            raise CheckFailed(f"{report.version_id} did not pass its checks.", hint="See the reasons above.")

    def _ask_before(self) -> None:
        self._head("Ask the base model about something that only you can know")
        _said("You", FIRST_QUESTION)
        _said("Assistant", self._answer(FIRST_QUESTION, learned=False))

    def _chat(self) -> tuple[Turn, Turn]:
        """Two exchanges; returns the replies."""
        from assistant.conversation import Conversation

        self._head("Chat; every message is saved before the reply starts")
        services = self._services
        conversation = Conversation(
            services.store, services.engine, services.settings, after_turn=services.after_turn
        )
        replies = []
        for text in (STATEMENT, CORRECTED[0]):
            _said("You", text)
            reply = conversation.send(text)
            replies.append(reply)
            _said("Assistant", reply.content)
            _tell(f"  saved as turns {reply.reply_to} and {reply.id} of chat {reply.chat_id}")
        return replies[0], replies[1]

    def _tell_what_was_noticed(self, *replies: Turn) -> None:
        from assistant.selecting import view_buffer

        self._head("What was noticed in the background")
        services = self._services
        # The tour has no more turns to look at, and wants to see the result.
        services.notice.close()
        services.confirming.settle(threading.Event())
        for pair in services.store.pairs.list(None):
            asked = (
                "and the model read it so" if pair.state == "active" else "but the model did not read it so"
            )
            _tell(f"  a statement about you, {asked}: {pair.question} → {pair.answer}")
        buffer = view_buffer(services.store, services.settings)
        for reply in replies:
            for decision in buffer.why(reply.id):
                _tell(f"  turn {reply.id}, {decision.action}: {decision.reason}")

    def _correct(self, reply: Turn) -> None:
        from assistant.marks import apply_mark

        self._head("Correct an answer, and add what else it should know")
        services = self._services
        result = apply_mark(services.store, reply.id, "edit", CORRECTED[1])
        _tell(f"  {CORRECTED[0]} → {CORRECTED[1]}")
        _tell(f"  {result.message}")
        for question, answer in ADDED:
            services.store.pairs.add(question, answer, source="added")
            _tell(f"  {question} → {answer}")

    def _learn(self) -> LearnReport:
        from assistant.interrupts import interrupt_sets

        self._head("Learn: other wordings, one reading pass, tuning, checks")
        cancel = threading.Event()
        progress = ProgressLine(indent="  ")
        with interrupt_sets(cancel):
            try:
                report = self._services.learner.learn_now(None, progress, cancel)
            finally:
                progress.close()
        stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
        _tell(f"  {report.pairs} pairs, {report.wordings} wordings, method {report.method}")
        _tell(f"  {stages}")
        if report.loss_before is not None and report.loss_after is not None:
            _tell(f"  training loss {report.loss_before:.2f} → {report.loss_after:.2f}")
        return report

    def _tell_wordings(self) -> None:
        from assistant.cli.learn_views import counted

        self._head("The wordings it made by itself; held-out ones are only for the checks")
        pairs = self._services.store.pairs
        for pair in pairs.list():
            _tell(f"  {pair.question} → {pair.answer}")
            for wording in pairs.wordings(pair.id):
                _tell(f"    - {wording.question} ({wording.origin}, {wording.split})")
        rejects = pairs.rejects()
        _tell(f"  rejected: {counted(rejects) or 'none'}")

    def _tell_checks(self, report: LearnReport) -> None:
        self._head("Checks decide whether the new version may answer")
        for reason in report.reasons:
            _tell(f"  {reason}")
        if report.state == "active":
            _tell(f"  passed: {report.version_id} is in force")
        elif report.version_id is not None:
            _tell(f"  not passed: {report.version_id} stays a draft; the tour tries it all the same")
            self._services.learner.use(report.version_id)

    def _compare(self) -> Comparison:
        """Every fact in a wording of its own; returns the first of them."""
        self._head("Ask again, in wordings that were never trained")
        compared = [self._ask_twice(question) for question in self._unseen()]
        _tell("  and something it was never told:")
        self._ask_twice(NEVER_TOLD)
        return compared[0]

    def _ask_twice(self, question: str) -> Comparison:
        compared = Comparison(question, self._answer(question, learned=False), self._answer(question))
        _said("You", compared.question)
        _said("  before", compared.before)
        _said("  after", compared.after)
        return compared

    def _unseen(self) -> list[str]:
        """For each pair a wording that is neither trained on nor held out."""
        pairs = self._services.store.pairs
        known = {wording.question.casefold() for pair in pairs.list() for wording in pairs.wordings(pair.id)}
        found = (
            next((each for each in wordings if each.casefold() not in known), None)
            for wordings in UNSEEN.values()
        )
        return [question for question in found if question is not None]

    def _switch(self, question: str) -> None:
        self._head("Switch it off, and go back; the base model was never changed")
        learner = self._services.learner
        learner.off()
        _said("Off", self._answer(question))
        version = learner.rollback()
        _tell(f"  rolled back to {version.id if version else 'the base model'}")
        _said("On", self._answer(question))

    def _answer(self, question: str, *, learned: bool = True) -> str:
        """A greedy answer to a fresh conversation, by the base model unless `learned`."""
        from assistant.engine.types import Message, Sampling, opening

        settings = self._services.settings
        reply = self._services.engine.chat(
            [*opening(settings.system_prompt), Message("user", question)],
            Sampling(repeat_penalty=settings.repeat_penalty, max_tokens=ANSWER_TOKENS),
            adapters=learned,
        )
        return printable(reply.text)

    def _head(self, text: str) -> None:
        self._step += 1
        if self._step > 1:
            _tell("")
        _tell(f"{self._step}. {text}")


def _said(who: str, text: str) -> None:
    _tell(f"  {who + ':':11}{printable(text)}")


def _tell(text: str) -> None:
    """One line, wrapped with its indentation, and shown at once."""
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    for part in textwrap.wrap(text, width, subsequent_indent=indent) or [""]:
        line(part)
    sys.stdout.flush()


@contextlib.contextmanager
def _throw_away_home(*, keep: bool) -> Iterator[Path]:
    if keep:
        yield Path(tempfile.mkdtemp(prefix="assistant-demo-"))
        return
    with tempfile.TemporaryDirectory(prefix="assistant-demo-") as folder:
        yield Path(folder)
