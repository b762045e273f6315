"""`assistant forget`: preview, question, receipt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.paths import Paths
from assistant.store import Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a model everything is erased all the same, and a test is quick."""
    monkeypatch.setenv("ASSISTANT_MODEL", str(tmp_path / "missing.gguf"))


def test_dry_run_shows_what_depends_on_it_and_changes_nothing(run: Run, chat_id: int, paths: Paths) -> None:
    code, out, _ = run("forget", "--chat", str(chat_id), "--dry-run")
    assert code == 0
    assert "messages   2 messages" in out
    assert "chats      1 whole chat" in out
    with Store.open(paths, write=False) as store:
        assert len(store.chats.list()) == 1


def test_forgetting_asks_first(run: Run, chat_id: int) -> None:
    code, _, err = run("forget", "--chat", str(chat_id))
    assert code == 2
    assert "--yes" in err


def test_forgetting_without_a_model_erases_and_says_so(run: Run, chat_id: int, paths: Paths) -> None:
    code, out, err = run("forget", "--word", "steep", "--yes")
    assert code == 0
    assert "nothing is learned anew" in err
    assert "Gone: 2 messages" in out
    assert "no trace left" in out
    receipt = json.loads((paths.receipts / "forget-0001.json").read_text())
    assert receipt["state"] == "done"
    assert "steep" not in json.dumps(receipt)
    code, out, _ = run("forget", "--receipts")
    assert "word" in out


def test_json_gives_the_preview_and_the_receipt_as_one_document(
    run: Run, run_json: Callable[..., Any], chat_id: int
) -> None:
    preview = run_json("forget", "--turn", "1", "--dry-run")
    assert (preview["turns"], preview["turn_ids"]) == (2, [1, 2])
    code, out, _ = run("forget", "--turn", "1", "--yes", "--json")
    assert code == 0
    assert json.loads(out)["receipt"]["turns"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--turn", "1", "--word", "tea"),
        ("--turn", "99"),
        ("--since", "soon"),
        ("--word", "nowhere", "--yes"),
    ],
)
def test_a_choice_that_means_nothing_is_refused(run: Run, chat_id: int, arguments: tuple[str, ...]) -> None:
    code, _, err = run("forget", *arguments)
    assert code == 2
    assert err.startswith("assistant: ")
