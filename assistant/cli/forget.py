"""`assistant forget`: what depends on a turn, a chat, a word or dates, and removing all of it for good."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, Yes, confirm, document, line, say, table
from assistant.cli.progress import ProgressLine
from assistant.errors import AssistantError, ModelError, UsageError
from assistant.paths import default_paths

if TYPE_CHECKING:
    from assistant.paths import Paths
    from assistant.settings import Settings
    from assistant.store import Scope
    from assistant.store.forgetting import Forgetting, Preview


def register(app: typer.Typer) -> None:
    app.command()(forget)


def forget(
    turns: Annotated[
        list[int] | None,
        typer.Option("--turn", metavar="ID", help="A message; a prompt takes its replies along."),
    ] = None,
    chats: Annotated[list[int] | None, typer.Option("--chat", metavar="ID", help="A whole chat.")] = None,
    word: Annotated[
        str, typer.Option("--word", metavar="W", help="Every message and pair with this word or phrase.")
    ] = "",
    since: Annotated[str, typer.Option(metavar="DATE", help="From this day on, such as 2031-05-17.")] = "",
    until: Annotated[str, typer.Option(metavar="DATE", help="Until this day, included.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what depends on it.")] = False,
    relearn: Annotated[
        bool, typer.Option("--relearn/--no-relearn", help="Learn what is left anew, if that is needed.")
    ] = True,
    receipts: Annotated[bool, typer.Option("--receipts", help="List what was forgotten before.")] = False,
    model: ModelFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Forget something for good: messages, pairs, vectors, and every version that learned from it."""
    from assistant.store import Store

    paths = default_paths()
    if receipts:
        with Store.open(paths, write=False) as store:
            _tell_receipts(store.forgettings.list(), as_json)
        return
    scope = _scope(turns, chats, word, since, until)
    with Store.open(paths, write=False) as store:
        preview = store.forgettings.preview(scope)
    if dry_run:
        if as_json:
            document(preview.counts())
        else:
            tell_preview(preview)
        return
    if not as_json:
        tell_preview(preview)
    if not preview.changes_something:
        raise UsageError("There is nothing to forget.", hint="Nothing was changed.")
    confirm("Forget all of this for good?", yes=yes)
    forgetting = _forget(paths, settings_with(paths, model), scope, relearn, as_json)
    if as_json:
        document(forgetting)
    else:
        tell_receipt(forgetting)
        line(f"receipt    {paths.receipts / f'forget-{forgetting.id:04d}.json'}")


def tell_preview(preview: Preview) -> None:
    """What depends on the choice, as lines of data."""
    from assistant.forgetting_words import preview_rows

    for name, value in preview_rows(preview):
        line(f"{name:<10} {value}")


def tell_receipt(forgetting: Forgetting) -> None:
    """What came of it, as lines of data."""
    from assistant.forgetting_words import receipt_sentences

    for sentence in receipt_sentences(forgetting.receipt):
        line(f"{'done':<10} {sentence}")


def _scope(turns: list[int] | None, chats: list[int] | None, word: str, since: str, until: str) -> Scope:
    from assistant.store import Scope
    from assistant.store.scopes import span

    dates = span(since, until)
    scope = Scope(tuple(turns or ()), tuple(chats or ()), word, dates.since, dates.until)
    try:
        _ = scope.kind
    except UsageError as problem:
        raise UsageError(
            "Say what to forget: --turn, --chat, --word, or --since and --until.", hint=problem.message
        ) from problem
    return scope


def _forget(paths: Paths, settings: Settings, scope: Scope, relearn: bool, as_json: bool) -> Forgetting:
    from assistant.forgetting import Forgetter, forget_without_model
    from assistant.interrupts import interrupt_sets
    from assistant.services import open_services
    from assistant.store import Store

    try:
        services = open_services(paths, settings)
    except ModelError as problem:
        say(f"{problem.message} Everything is erased all the same; nothing is learned anew.")
        with Store.open(paths) as store:
            return forget_without_model(store, scope)
    progress = ProgressLine(only_on_terminal=as_json)
    with contextlib.closing(services):
        forgetter = Forgetter(services.store, services.engine, settings, services.learner)
        forgetting = forgetter.forget(scope)
        if relearn and forgetter.wants_relearning(forgetting):
            cancel = threading.Event()
            try:
                with interrupt_sets(cancel):
                    forgetter.relearn(forgetting, progress, cancel)
            except AssistantError as problem:
                say(f"It is forgotten, but what is left was not learned anew: {problem.message}")
            finally:
                progress.close()
        return services.store.forgettings.get(forgetting.id)


def _tell_receipts(forgettings: list[Forgetting], as_json: bool) -> None:
    from assistant.forgetting_words import receipt_sentences

    if as_json:
        document(forgettings)
        return
    rows = [
        (
            each.id,
            each.started[:16].replace("T", " "),
            each.kind,
            each.state,
            each.receipt.get("turns", 0),
            each.receipt.get("pairs", 0),
            " ".join(receipt_sentences(each.receipt)),
        )
        for each in forgettings
    ]
    headings = ("RECEIPT", "WHEN (UTC)", "BY", "STATE", "TURNS", "PAIRS", "WHAT CAME OF IT")
    table(headings, rows, empty="Nothing was forgotten yet.")
