"""How commands talk: data on stdout, everything else on stderr. Knows no command.

With `--json` a command writes exactly one JSON document to stdout.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.errors import Cancelled, UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_NARROWEST_COLUMN = 12


class ReaderGone(Exception):
    """Whoever read stdout has closed it, as `head` does. Not an OSError: click ends the program on those."""


def document(value: Any) -> None:
    """Write one JSON document. Dataclasses become objects, paths become texts."""
    line(json.dumps(value, ensure_ascii=False, default=_jsonable))


def line(text: str = "") -> None:
    """Write one line of data. Raises ReaderGone."""
    try:
        sys.stdout.write(text + "\n")
    except BrokenPipeError as problem:
        raise ReaderGone from problem


def piece(text: str) -> None:
    """Write the next piece of a growing text, at once. Raises ReaderGone."""
    try:
        sys.stdout.write(printable(text, lines=True))
        sys.stdout.flush()
    except BrokenPipeError as problem:
        raise ReaderGone from problem


def say(text: str) -> None:
    """Write one line of talk to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> None:
    """Write aligned columns; the last one is cut at the terminal's edge, but never in a pipe.

    With no rows only `empty` is said.
    """
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if not cells:
        if empty:
            say(empty)
        return
    widths = [max(_columns(row[i]) for row in (list(headings), *cells)) for i in range(len(headings) - 1)]
    room = None
    if sys.stdout.isatty():
        room = max(_NARROWEST_COLUMN, shutil.get_terminal_size().columns - sum(widths) - 2 * len(widths))
    for row in (list(headings), *cells):
        padded = [cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=False)]
        line("  ".join([*padded, _cut(row[-1], room)]).rstrip())


def printable(text: str, *, lines: bool = False) -> str:
    """`text` without control characters, which could move the cursor or recolour the terminal.

    Line breaks become spaces unless `lines` keeps them.
    """
    if not lines:
        text = " ".join(text.split())
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))


def confirm(
    question: str,
    *,
    yes: bool,
    without_terminal: str = "This deletes data and there is no terminal to ask on.",
    refused: str = "Nothing was deleted.",
) -> None:
    """Go on if the owner agrees. Without a terminal nobody can be asked, so `--yes` is needed.

    Raises:
        UsageError: no terminal and no `--yes`.
        Cancelled: the owner said no.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(without_terminal, hint="Add --yes to go ahead.")
    if not typer.confirm(question, err=True):
        raise Cancelled(refused)


def size(count: float) -> str:
    """A number of bytes for people, in binary units."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def _jsonable(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _columns(text: str) -> int:
    """Terminal columns: East Asian wide letters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _cut(text: str, room: int | None) -> str:
    if room is None or _columns(text) <= room:
        return text
    while text and _columns(text) >= room:
        text = text[:-1]
    return text + "…"
