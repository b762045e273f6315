from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from assistant.cli.app import main
from assistant.paths import Paths
from assistant.store import Store


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command; returns its exit code, what it wrote to stdout and what it said on stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def run_json(run: Callable[..., tuple[int, str, str]]) -> Callable[..., Any]:
    """Run a command with --json; stdout must be one document and stderr silent."""

    def call(*arguments: str) -> Any:
        code, out, err = run(*arguments, "--json")
        assert (code, err) == (0, "")
        assert out.count("\n") == 1
        return json.loads(out)

    return call


@pytest.fixture
def chat_id(paths: Paths) -> int:
    """A stored chat about tea."""
    with Store.open(paths) as store:
        chat = store.chats.create("Tea")
        question = store.chats.add_turn(chat.id, "user", "How long does green tea steep?")
        store.chats.add_turn(chat.id, "assistant", "Two minutes.", reply_to=question.id)
    return chat.id
