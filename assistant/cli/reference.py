"""docs/commands.md, made from the commands themselves so that the page and `--help` cannot part.

`python -m assistant.cli.reference > docs/commands.md` writes it; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
import typer

_HEAD = """\
# Commands

Every command with all its arguments and options, as `--help` tells them. Without a command, `assistant` opens
the chat: on a terminal as a screen, else line by line.

Data goes to standard output, talk to standard error. With `--json` a command writes one JSON document only.
Whatever deletes or downloads asks first; `--yes` answers. `ASSISTANT_HOME` moves the folder with everything.

| exit code | meaning |
|---|---|
"""


def reference() -> str:
    """The whole page as Markdown."""
    from assistant.cli.app import EXIT_CODES, app

    root = typer.main.get_command(app)
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES)
    parts = [_HEAD + codes, *_chapter(root, ["assistant"])]
    return "\n".join(parts).rstrip() + "\n"


def _chapter(command: click.Command, words: list[str]) -> Iterator[str]:
    depth = "#" * (len(words) + 1)
    name = " ".join(words)
    parameters = [each for each in command.params if each.name != "help"]
    places = [each for each in parameters if isinstance(each, click.Argument)]
    context = click.Context(command, info_name=words[-1])
    usage = " ".join([name, *(each.make_metavar(context) for each in places)])
    yield f"{depth} `{usage}`\n"
    if command.help:
        # A single line break inside a paragraph is only where the source wrapped.
        paragraphs = [" ".join(each.split()) for each in command.help.split("\n\n")]
        yield "\n\n".join(paragraphs) + "\n"
    rows = [_row(each, context) for each in parameters]
    if rows:
        yield "| | |\n|---|---|"
        yield "\n".join(rows) + "\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            child = command.get_command(context, each)
            assert child is not None
            yield from _chapter(child, [*words, each])


def _row(parameter: click.Parameter, context: click.Context) -> str:
    if isinstance(parameter, click.Option):
        names = ", ".join(f"`{name}`" for name in parameter.opts)
        kind = "" if parameter.is_flag else f" {parameter.make_metavar(context)}"
        kind = kind.replace("INTEGER RANGE", "N").replace("FLOAT RANGE", "X").replace("INTEGER", "N")
        if isinstance(parameter.type, click.Choice):
            kind = " " + " \\| ".join(parameter.type.choices)
    else:
        names, kind = f"`{parameter.make_metavar(context)}`", ""
    text = getattr(parameter, "told", "") or getattr(parameter, "help", "") or ""
    told = " ".join(text.split()).replace("|", "\\|")
    return f"| {names}{kind} | {told} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
