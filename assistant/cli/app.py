"""The command `assistant`: wires the groups of verbs together and turns errors into exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import click
import typer

from assistant import __version__
from assistant.cli import (
    adapters,
    ask,
    chats,
    data,
    demo,
    doctor,
    federation,
    forget,
    learn,
    models,
    personas,
    serve,
    settings,
    setup,
    why,
)
from assistant.cli import argument_help as argument_help
from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import ReaderGone, say
from assistant.errors import AssistantError
from assistant.paths import default_paths

# To add a group of verbs: import its module above and name it here. Help lists them in this order.
GROUPS = (
    ask,
    learn,
    adapters,
    why,
    forget,
    federation,
    chats,
    personas,
    models,
    settings,
    serve,
    data,
    doctor,
    setup,
    demo,
)

EXIT_CODES = (
    (0, "fine"),
    (1, "unexpected problem"),
    (2, "wrong arguments"),
    (3, "bad settings"),
    (4, "model or adapter missing or unusable"),
    (5, "database locked or damaged, or disk full"),
    (6, "consent missing, nothing was sent"),
    (7, "hub or peer unreachable"),
    (8, "a check failed, the version was not promoted"),
    (130, "interrupted"),
)

# \b keeps click from joining the lines of the table.
_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES)

app = typer.Typer(
    name="assistant",
    help="An assistant that runs on this machine and learns from your corrections. Without a command: chat.",
    epilog=_EPILOG,
    # Plain help loads faster and reads well in a screen reader; tracebacks with locals would show chats.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for group in GROUPS:
    group.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"assistant {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def chat(
    context: typer.Context,
    plain: Annotated[bool, typer.Option("--plain", help="Chat line by line, without a screen.")] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Begin with a chat that is never stored and never learned from.")
    ] = False,
    model: ModelFile = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    paths = default_paths()
    settings = settings_with(paths, model)
    chosen = Path(settings.model).expanduser() if settings.model else None
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from assistant import plain as line_mode

        line_mode.run(paths, settings, sys.stdin, sys.stdout, chosen, private=private)
    else:
        from assistant import tui

        raise typer.Exit(tui.run(paths, settings, chosen, private=private))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; every error ends here as words on stderr."""
    try:
        # Without standalone mode click hands over its own errors and codes instead of exiting.
        code = app(args=arguments, prog_name="assistant", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except AssistantError as problem:
        return _report(problem.message, problem.hint, problem.exit_code)
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _report("Interrupted.", "", 130)
    except (BrokenPipeError, ReaderGone):
        return _reader_gone()
    except Exception as problem:  # the outermost edge: whatever it is, the owner gets words and a code
        import traceback

        # A traceback names lines of code; it never holds the values of variables.
        traceback.print_exception(problem)
        return _report(f"Unexpected problem: {type(problem).__name__}.", AssistantError.hint, 1)


def _report(message: str, hint: str, code: int) -> int:
    with contextlib.suppress(BrokenPipeError):
        say(f"assistant: {message}" + (f" {hint}" if hint else ""))
    return code


def _reader_gone() -> int:
    """`assistant chats list | head` closes the pipe early; that is how `head` works, not a problem."""
    # The interpreter flushes stdout once more on its way out.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
