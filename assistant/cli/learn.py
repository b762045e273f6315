"""`assistant learn`: teach, tune now, and switch single pairs. What is shown of it is in `learn_views`."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli import learn_buffer, learn_edit, learn_review, learn_views
from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, Yes, confirm, document, line, printable, say
from assistant.cli.progress import ProgressLine
from assistant.errors import CheckFailed, UsageError
from assistant.paths import default_paths

if TYPE_CHECKING:
    from assistant.learning_report import LearnReport
    from assistant.store import Pair

PairId = Annotated[int, typer.Argument(metavar="PAIR", help="Number of the pair, as in `learn pairs`.")]
SOURCE = "added"


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Teach the assistant, and see what it has learned.", no_args_is_help=True)
    group.command()(add)
    group.command("now")(learn_now)
    learn_views.register(group)
    learn_buffer.register(group)
    learn_review.register(group)
    learn_edit.register(group)
    group.command()(remove)
    group.command()(off)
    group.command()(on)
    app.add_typer(group, name="learn")


def add(
    question: Annotated[str | None, typer.Option("--question", "-q", help="What will be asked.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", "-a", help="What should be answered.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help='JSON Lines with "question" and "answer"; - reads stdin.'),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add what should be answered to a question, like an edited answer; `learn now` learns it.

    A file is added whole or not at all.
    """
    from assistant.contradictions import watch
    from assistant.marks import pairs_waiting
    from assistant.settings import load_settings
    from assistant.store import Store

    if file is not None and (question is not None or answer is not None):
        raise UsageError("Give either --file, or --question and --answer.")
    if file is None and (question is None or answer is None):
        raise UsageError("Give --question and --answer, or --file.")
    wanted = read_pairs(file) if file is not None else [_usable(question, answer, "A pair")]
    paths = default_paths()
    settings = load_settings(paths)
    with Store.open(paths) as store:
        watch(store, settings)
        in_force = {pair.id for pair in store.pairs.list("active")}
        added = store.pairs.add_all(wanted, source=SOURCE)
        replaced = [pair for pair in store.pairs.list("superseded") if pair.id in in_force]
        waiting = pairs_waiting(store)
    if as_json:
        document({"pairs": added, "waiting": waiting, "replaced": replaced})
        return
    say(f"Kept {_count(len(added))}. {_count(waiting)} to learn; `assistant learn now` learns.")
    _tell_replaced(replaced)


def learn_now(
    method: Annotated[
        str | None,
        typer.Option("--method", help="layer-chain, zeroth-order, chainfed; else as in the settings."),
    ] = None,
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Learn all pairs now: make wordings, tune, check, and put the result in force if it passes."""
    from assistant.interrupts import interrupt_sets
    from assistant.services import open_services

    paths = default_paths()
    settings = settings_with(paths, model)
    cancel = threading.Event()
    # A script that wants JSON wants no lines about it; an owner at a terminal still sees where it is.
    progress = ProgressLine(only_on_terminal=as_json)
    with contextlib.closing(open_services(paths, settings)) as services:
        # Inside the closing, so that a second Ctrl+C cannot skip it.
        with interrupt_sets(cancel):
            try:
                report = services.learner.learn_now(method, progress, cancel)
            finally:
                progress.close()
        for problem in services.problems:
            say(problem)
    if as_json:
        document(report.as_dict())
    else:
        tell(report)
    if report.state == "draft":
        raise CheckFailed(f"{report.version_id} did not pass its checks.")


def remove(pair_id: PairId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a pair with its wordings for good."""
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        pair = store.pairs.get(pair_id)
        older = store.pairs.superseded_by(pair_id)
        confirm(f"Delete the pair {pair_id} ({printable(pair.question)})?", yes=yes)
        store.pairs.delete(pair_id)
        if pair.source == "own" and pair.turn_id is not None:
            # Otherwise the next look at the buffer would make it again.
            store.questions.add(pair.turn_id, place="review", outcome="never")
    if as_json:
        document({"removed": pair_id, "learned_in": pair.learned_in})
        return
    say(f"The pair {pair_id} is gone from this machine.")
    if pair.learned_in:
        say(f"These versions had learned it and still know it: {', '.join(pair.learned_in)}.")
        say("`assistant learn now` makes a version without it.")
    _tell_older(older)


def off(pair_id: PairId, as_json: AsJson = False) -> None:
    """Leave a pair out of the next learning, but keep it."""
    _switch(pair_id, "off", as_json)


def on(pair_id: PairId, as_json: AsJson = False) -> None:
    """Learn a pair again that was left out."""
    _switch(pair_id, "active", as_json)


def read_pairs(file: Path) -> list[tuple[str, str]]:
    """Questions with answers from JSON Lines; blank lines are left out.

    Raises:
        UsageError: the file cannot be read, a line is no usable pair, or there is none.
    """
    if str(file) == "-":
        return _parse(sys.stdin, "stdin")
    try:
        # Some programs start UTF-8 files with a byte order mark.
        with file.open(encoding="utf-8-sig") as lines:
            return _parse(lines, str(file))
    except OSError as problem:
        raise UsageError(f"{file} cannot be read: {problem.strerror}.") from problem


def tell(report: LearnReport) -> None:
    """A finished run for people, as lines of data."""
    if report.state == "nothing":
        say(report.summary)
        return
    seconds = sum(report.seconds.values())
    line(f"version    {report.version_id}, {'in force' if report.state == 'active' else 'a draft'}")
    line(f"pairs      {report.pairs} with {report.wordings} wordings ({report.facts} facts)")
    if report.skipped:
        line(f"left out   {report.skipped} with answers too long for this method")
    if report.rejected:
        line(f"rejected   {sum(report.rejected.values())} wordings: {learn_views.counted(report.rejected)}")
    if report.loss_before is not None and report.loss_after is not None:
        line(f"loss       {report.loss_before:.2f} → {report.loss_after:.2f} in training")
    line(f"cost       {seconds:.0f} s, {report.forward_passes:g} forward passes")
    for reason in report.reasons:
        line(f"check      {reason}")


def _parse(lines: Iterable[str], name: str) -> list[tuple[str, str]]:
    try:
        pairs = [
            _from_line(text, f"Line {number} of {name}")
            for number, text in enumerate(lines, start=1)
            if text.strip()
        ]
    except UnicodeDecodeError as problem:
        raise UsageError(f"{name} is not UTF-8 text.") from problem
    if not pairs:
        raise UsageError(f"{name} holds no pairs.")
    return pairs


def _from_line(text: str, place: str) -> tuple[str, str]:
    hint = 'Each line looks like {"question": "…", "answer": "…"}; nothing was added.'
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise UsageError(f"{place} is not JSON.", hint=hint) from problem
    if not isinstance(found, dict):
        raise UsageError(f"{place} is not a JSON object.", hint=hint)
    return _usable(found.get("question"), found.get("answer"), place, hint)


def _usable(question: Any, answer: Any, place: str, hint: str | None = None) -> tuple[str, str]:
    """Raises UsageError unless both are texts with something in them."""
    for name, value in (("question", question), ("answer", answer)):
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{place} needs a text as {name}.", hint=hint)
    return question, answer


def _switch(pair_id: int, state: str, as_json: bool) -> None:
    from assistant.contradictions import watch
    from assistant.marks import pairs_waiting
    from assistant.settings import load_settings
    from assistant.store import Store

    paths = default_paths()
    settings = load_settings(paths)
    with Store.open(paths) as store:
        watch(store, settings)
        in_force = {pair.id for pair in store.pairs.list("active")}
        pair: Pair = store.pairs.set_state(pair_id, state)
        older = store.pairs.superseded_by(pair_id)
        waits = pairs_waiting(store)
    if as_json:
        document(pair)
    elif state == "off":
        say(f"The pair {pair_id} is off. Versions that learned it know it until `assistant learn now`.")
        _tell_older(older)
    else:
        say(f"The pair {pair_id} is on. {_count(waits)} to learn.")
        _tell_replaced([each for each in older if each.id in in_force])


def _tell_replaced(pairs: Sequence[Pair]) -> None:
    """Older answers that were in force until now."""
    for older in pairs:
        say(
            f"Pair {older.superseded_by} replaces the older answer in pair {older.id}:"
            f" {printable(older.question)} → {printable(older.answer)}"
        )
    if pairs:
        say("The older answer is kept; `assistant learn on PAIR` goes back to it.")


def _tell_older(pairs: Sequence[Pair]) -> None:
    """Older answers that do not come back by themselves."""
    for older in pairs:
        say(f"It had replaced pair {older.id}, the older answer: {printable(older.answer)}")
        say(f"`assistant learn on {older.id}` goes back to it.")


def _count(pairs: int) -> str:
    return "1 pair" if pairs == 1 else f"{pairs} pairs"
