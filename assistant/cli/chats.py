"""`assistant chats`: list, read, search, rename, delete, import and export chats; details are next door."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import chat_details
from assistant.cli.output import AsJson, Yes, confirm, document, line, printable, say, table
from assistant.cli.progress_bar import ProgressBar
from assistant.errors import AssistantError
from assistant.paths import default_paths

if TYPE_CHECKING:
    from assistant.store import ImportSummary, Store

ChatId = Annotated[int, typer.Argument(metavar="CHAT", help="Number of the chat, as in `chats list`.")]
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Show at most this many.")]


class ChatFormat(StrEnum):
    """What can be imported; the values are the names in `assistant.store.foreign.FORMATS`."""

    chatgpt = "chatgpt"
    open_webui = "open-webui"
    llm = "llm"
    jsonl = "jsonl"
    json = "json"


class ExportFormat(StrEnum):
    """What can be written."""

    jsonl = "jsonl"
    json = "json"
    markdown = "markdown"


_ROLE_NAMES = {"user": "You", "assistant": "Assistant", "system": "System"}
_STATE_NOTES = {"streaming": " (still writing)", "stopped": " (stopped)", "lost": " (lost)"}


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="List, read, search, rename, delete, import and export chats.", no_args_is_help=True
    )
    group.command("list")(list_chats)
    group.command()(show)
    group.command()(search)
    group.command()(rename)
    chat_details.register(group)
    group.command()(delete)
    group.command("import")(import_chats)
    group.command()(export)
    app.add_typer(group, name="chats")


def list_chats(
    limit: Limit = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only chats with this tag.")] = None,
    pinned: Annotated[bool, typer.Option("--pinned", help="Only pinned chats.")] = False,
    as_json: AsJson = False,
) -> None:
    """List chats, pinned ones first, then the last used."""
    from assistant.store import Store

    with Store.open(default_paths(), write=False) as store:
        chats = store.chats.list(limit, tag=tag, pinned=pinned)
    if as_json:
        document(chats)
        return
    rows = [
        (
            chat.id,
            chat.updated[:16].replace("T", " "),
            chat.turns,
            " · ".join(
                [chat.title or "(untitled)", *(["pinned"] if chat.pinned else []), *_signs(chat.tags)]
            ),
        )
        for chat in chats
    ]
    table(("CHAT", "LAST USED (UTC)", "TURNS", "TITLE"), rows, empty="There are no chats yet.")


def _signs(tags: Iterable[str]) -> list[str]:
    return [f"#{tag}" for tag in tags]


def show(chat_id: ChatId, as_json: AsJson = False) -> None:
    """Print one chat."""
    from assistant.store import Store

    with Store.open(default_paths(), write=False) as store:
        chat, turns = store.chats.get(chat_id), store.chats.turns(chat_id)
    if as_json:
        document({"chat": chat, "turns": turns})
        return
    line(f"# {printable(chat.title) or '(untitled)'}")
    for turn in turns:
        line(f"\n{_ROLE_NAMES[turn.role]}{_STATE_NOTES.get(turn.state, '')}:")
        line(printable(turn.content, lines=True))


def search(
    words: Annotated[
        list[str], typer.Argument(help="Words that must all occur; the last may be a beginning.")
    ],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Search titles and messages."""
    from assistant.store import Store

    with Store.open(default_paths(), write=False) as store:
        hits = store.chats.search(" ".join(words), limit)
    if as_json:
        document(hits)
        return
    rows = [(hit.chat_id, hit.chat_title or "(untitled)", hit.role, hit.snippet) for hit in hits]
    table(("CHAT", "TITLE", "WHERE", "TEXT"), rows, empty="Nothing was found.")


def rename(
    chat_id: ChatId,
    title: Annotated[str, typer.Argument(help="The new title.")],
    as_json: AsJson = False,
) -> None:
    """Give a chat another title."""
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        chat = store.chats.rename(chat_id, title)
    if as_json:
        document(chat)
    else:
        say(f"Chat {chat.id} is now called {printable(chat.title) or '(untitled)'}.")


def delete(
    chat_ids: Annotated[list[int], typer.Argument(metavar="CHAT...", help="Numbers of the chats.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete chats for good, with the pairs and marks made from them."""
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        chosen = [store.chats.get(chat_id) for chat_id in dict.fromkeys(chat_ids)]
        names = ", ".join(f"{chat.id} ({printable(chat.title) or 'untitled'})" for chat in chosen)
        confirm(f"Delete {names} and everything made from it?", yes=yes)
        deletions = {chat.id: store.chats.delete(chat.id) for chat in chosen}
    if as_json:
        deleted = [
            {"chat": chat_id, "turns": gone.turns, "pairs": gone.pairs, "versions": gone.versions}
            for chat_id, gone in deletions.items()
        ]
        document({"deleted": deleted})
        return
    turns = sum(gone.turns for gone in deletions.values())
    pairs = sum(gone.pairs for gone in deletions.values())
    say(f"Deleted {names}: {turns} turns and {pairs} pairs are gone from this machine.")
    versions = sorted({version for gone in deletions.values() for version in gone.versions})
    if versions:
        say(f"These versions had learned from it and still know it: {', '.join(versions)}.")
        say("`assistant adapters off` switches what was learned off.")


def import_chats(
    file: Annotated[Path, typer.Argument(help="A file of chats; - reads JSON from stdin.")],
    kind: Annotated[
        ChatFormat | None, typer.Option("--format", help="What wrote it; found out when left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add chats: ChatGPT's export, Open WebUI's, logs of llm, or OpenAI messages in JSON Lines or JSON.

    Chats that were imported before are known and not added again; of one that has grown the new turns are. A
    file of any size is read in batches; if that is interrupted, the same command goes on.
    """
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        if str(file) == "-":
            with _spooled(store) as spooled:
                summary = _import_file(store, spooled, kind, as_json)
        else:
            summary = _import_file(store, file, kind, as_json)
    if as_json:
        document(summary)
    else:
        _tell_import(summary)


def export(
    chat_ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[CHAT]...", help="Numbers of the chats; all if none is given."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, not stdout.")
    ] = None,
    kind: Annotated[
        ExportFormat | None, typer.Option("--format", help="JSON Lines when left out; markdown is to read.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write chats as JSON Lines, as one JSON array (also --json) or as Markdown."""
    import json

    from assistant.store import Store
    from assistant.store.transfer import as_markdown

    chosen = kind or (ExportFormat.json if as_json else ExportFormat.jsonl)
    with Store.open(default_paths(), write=False) as store:
        chats = list(store.chats.export(chat_ids or None))
    if chosen is ExportFormat.json:
        texts: Iterable[str] = [json.dumps(chats, ensure_ascii=False)]
    elif chosen is ExportFormat.markdown:
        texts = [as_markdown(chat) for chat in chats]
    else:
        texts = [json.dumps(chat, ensure_ascii=False) for chat in chats]
    if output is None:
        for text in texts:
            line(text)
        return
    _write_private(output, texts)
    say(f"Wrote {len(chats)} chats to {output}.")


def _import_file(store: Store, file: Path, kind: ChatFormat | None, as_json: bool) -> ImportSummary:
    from assistant.interrupts import interrupt_sets
    from assistant.store.importing import ImportProgress

    cancel = threading.Event()
    bar = ProgressBar("importing", only_on_terminal=as_json)

    def show(progress: ImportProgress) -> None:
        bar(progress.read_bytes, progress.size_bytes, f", {progress.turns} turns")

    with interrupt_sets(cancel):
        try:
            return store.imports.run(file, kind and kind.value, on_progress=show, cancel=cancel)
        finally:
            bar.close()


@contextlib.contextmanager
def _spooled(store: Store) -> Iterator[Path]:
    """What stdin says, as a file in the private folder that is gone afterwards."""
    import tempfile

    with tempfile.NamedTemporaryFile(dir=store.paths.home, prefix="import-") as spool:
        for text in sys.stdin:
            spool.write(text.encode("utf-8", "replace"))
        spool.flush()
        yield Path(spool.name)


def _tell_import(summary: ImportSummary) -> None:
    if summary.resumed:
        say("An import of this file had been interrupted; it went on from there. In all:")
    say(f"Read as {summary.format}. Added {summary.chats} chats with {summary.turns} turns.")
    if summary.grown:
        say(f"{summary.grown} known chats had grown; their new turns are among these.")
    if summary.known:
        say(f"{summary.known} chats had been imported before.")
    if summary.skipped:
        why = "; ".join(f"{count}: {reason}" for reason, count in summary.reasons.items())
        say(f"Skipped {summary.skipped}. {why}")
    if summary.left_out:
        why = ", ".join(f"{count} {reason}" for reason, count in summary.left_out.items())
        say(f"Messages left out of the added chats: {why}.")
    if summary.turns:
        say("`assistant learn scan` looks through them for what is worth keeping.")


def _write_private(file: Path, lines: Iterable[str]) -> None:
    """An export holds chats, so only the owner may read it (mode 0600)."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(handle, 0o600)
            stream.writelines(text + "\n" for text in lines)
    except OSError as problem:
        raise AssistantError(f"{file} cannot be written: {problem.strerror}.") from problem
