"""`chats pin|tag|fork|system`, `personas`, and asking as one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.paths import Paths
from assistant.store import Store
from tests.doubles import ScriptedEngine

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]


def test_a_pinned_chat_is_listed_first_until_it_is_off(run: Run, run_json: RunJson, chat_id: int) -> None:
    run("chats", "fork", str(chat_id))
    assert run_json("chats", "pin", str(chat_id))["pinned"] is True
    assert [chat["id"] for chat in run_json("chats", "list")] == [chat_id, chat_id + 1]
    assert [chat["id"] for chat in run_json("chats", "list", "--pinned")] == [chat_id]
    assert "Tea · pinned" in run("chats", "list")[1]
    assert run("chats", "pin", str(chat_id), "--off")[2] == f"Chat {chat_id} is no longer pinned.\n"


def test_tags_are_set_listed_and_cleared(run: Run, run_json: RunJson, chat_id: int) -> None:
    assert run_json("chats", "tag", str(chat_id), "#Home", "work")["tags"] == ["home", "work"]
    assert [chat["id"] for chat in run_json("chats", "list", "--tag", "home")] == [chat_id]
    assert run_json("chats", "search", "#home", "green")[0]["chat_id"] == chat_id
    assert run_json("chats", "search", "#garden", "green") == []
    assert run("chats", "tag", str(chat_id))[2] == f"Chat {chat_id} has no tags.\n"


def test_a_fork_copies_up_to_a_turn(run: Run, run_json: RunJson, chat_id: int) -> None:
    first = run_json("chats", "show", str(chat_id))["turns"][0]["id"]
    fork = run_json("chats", "fork", str(chat_id), "--at", str(first))
    assert (fork["title"], fork["turns"]) == ("Tea (fork)", 1)
    assert run("chats", "fork", str(chat_id), "--at", "99")[0] == 2


def test_personas_are_kept_shown_used_and_deleted(run: Run, run_json: RunJson, chat_id: int) -> None:
    assert run("personas", "list") == (0, "", "There are no personas yet.\n")
    run("personas", "set", "Pirate", "Talk like a pirate.")
    assert run("personas", "show", "pirate")[1] == "Talk like a pirate.\n"
    chat = run_json("chats", "system", str(chat_id), "--persona", "pirate")
    assert (chat["persona"], chat["system"]) == ("Pirate", "Talk like a pirate.")
    assert run("personas", "delete", "pirate", "--yes")[0] == 0
    assert run("chats", "system", str(chat_id))[1] == "Talk like a pirate.\n"
    run("chats", "system", str(chat_id), "--default")
    assert "system_prompt" in run("chats", "system", str(chat_id))[2]
    assert run("chats", "system", str(chat_id), "text", "--default")[0] == 2
    assert run("personas", "show", "pirate")[0] == 2


def test_ask_answers_as_a_persona(
    run: Run, paths: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = ScriptedEngine(["Arr."])
    engine.model_path = tmp_path / "model.gguf"  # type: ignore[attr-defined]
    monkeypatch.setattr("assistant.services.open_engine", lambda *_: engine)
    with Store.open(paths) as store:
        store.personas.set("Pirate", "Talk like a pirate.")
    assert run("ask", "hi", "--persona", "pirate")[1] == "Arr.\n"
    assert engine.seen[-1][0].content == "Talk like a pirate."
    assert run("ask", "hi", "--persona", "pirate", "--system", "x")[0] == 2
    assert run("ask", "hi", "--persona", "nobody")[0] == 2
