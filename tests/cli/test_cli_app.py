from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import click
import pytest

from assistant import __version__, errors
from assistant.cli import app as cli
from assistant.paths import Paths
from assistant.settings import Settings

Run = Callable[..., tuple[int, str, str]]


def every_error() -> list[type[errors.AssistantError]]:
    found = [errors.AssistantError]
    for kind in found:
        found += kind.__subclasses__()
    return found


def command_that_raises(monkeypatch: pytest.MonkeyPatch, problem: BaseException) -> None:
    def load_settings(*_: Any) -> None:
        secret = "a private sentence"  # noqa: F841 - must not be printed with the traceback
        raise problem

    monkeypatch.setattr("assistant.settings.load_settings", load_settings)


def test_help_shows_every_exit_code(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for kind in every_error():
        assert any(line.split()[:1] == [str(kind.exit_code)] for line in out.splitlines()), kind


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"assistant {__version__}\n", "")


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_an_error_becomes_one_line_with_a_hint_and_its_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, kind: type[errors.AssistantError]
) -> None:
    command_that_raises(monkeypatch, kind("It did not work."))
    code, out, err = run("data", "settings", "--json")
    assert (code, out) == (kind.exit_code, "")
    assert err == f"assistant: It did not work. {kind.hint}\n"


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_exits_with_130(
    run: Run, monkeypatch: pytest.MonkeyPatch, problem: BaseException
) -> None:
    command_that_raises(monkeypatch, problem)
    assert run("data", "settings", "--json")[0] == 130


def test_an_unexpected_problem_exits_with_1_and_shows_no_values(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_that_raises(monkeypatch, ZeroDivisionError())
    code, out, err = run("data", "settings", "--json")
    assert (code, out) == (1, "")
    assert err.endswith(
        "assistant: Unexpected problem: ZeroDivisionError. " + errors.AssistantError.hint + "\n"
    )
    assert "Traceback" in err
    assert "= 'a private sentence'" not in err


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["chats", "nonsense"], ["chats", "show"], ["chats", "show", "x"]]
)
def test_wrong_arguments_exit_with_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: assistant" in err


@pytest.mark.parametrize(
    ("arguments", "terminal", "expected"),
    [
        ([], True, "tui"),
        (["--private"], True, "tui"),
        (["--plain"], True, "plain"),
        (["--plain", "--private"], True, "plain"),
        ([], False, "plain"),
    ],
)
def test_without_a_command_the_chat_opens_on_the_screen_or_line_by_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], terminal: bool, expected: str
) -> None:
    calls: list[tuple[str, Path | None, bool]] = []

    def screen(paths: Paths, settings: Settings, model: Path | None, *, private: bool) -> int:
        calls.append(("tui", model, private))
        return 4

    def lines(
        paths: Paths, settings: Settings, stdin: TextIO, stdout: TextIO, model: Path | None, *, private: bool
    ) -> None:
        calls.append(("plain", model, private))

    monkeypatch.setattr("assistant.tui.run", screen)
    monkeypatch.setattr("assistant.plain.run", lines)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert run(*arguments, "--model", "some.gguf")[0] == (4 if expected == "tui" else 0)
    assert calls == [(expected, Path("some.gguf"), "--private" in arguments)]


def test_a_reader_that_leaves_early_is_no_problem(chat_id: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-m", "assistant", "chats", "show", str(chat_id)],
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (0, b"")


def test_the_model_is_chosen_with_the_same_words_everywhere(run: Run) -> None:
    """Wherever a command uses the model; the ones that only read or delete do not offer it."""
    commands = (
        [],
        ["ask"],
        ["learn", "now"],
        *(["adapters", verb] for verb in ("use", "rollback", "strength")),
    )
    for command in commands:
        words = " ".join(run(*command, "--help")[1].split())
        assert "--model FILE A GGUF file to use instead of the one in the settings." in words, command
    assert "--model" not in run("adapters", "off", "--help")[1]


def test_every_group_is_in_the_help(run: Run) -> None:
    _, out, _ = run("--help")
    for group in cli.GROUPS:
        assert f"\n  {group.__name__.rpartition('.')[2]} " in out
