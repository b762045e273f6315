from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from assistant.engine.types import Message
from assistant.errors import ModelError
from assistant.paths import Paths
from assistant.store import Store, Version
from tests.doubles import ScriptedEngine

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]

KEYS = ["prompt", "answer", "adapters", "tokens", "tokens_per_s", "time_to_first_token_s"]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedEngine:
    """A scripted engine in place of the real one."""
    scripted = ScriptedEngine(["Two minutes.", "Three."])
    scripted.model_path = tmp_path / "model.gguf"  # type: ignore[attr-defined]
    scripted.model_path.write_bytes(b"GGUF")  # type: ignore[attr-defined]
    monkeypatch.setattr("assistant.services.open_engine", lambda *_: scripted)
    return scripted


def remember(paths: Paths, base_sha256: str, content: bytes) -> None:
    """An active version with this file."""
    with Store.open(paths) as store:
        store.versions.add(
            Version("v0001", None, "personal", "active", 1.0, "layer-chain", base_sha256, "v0001.gguf")
        )
    (paths.adapters / "v0001.gguf").write_bytes(content)


def test_the_answer_is_all_of_stdout(run: Run, engine: ScriptedEngine) -> None:
    assert run("ask", "How long?") == (0, "Two minutes.\n", "")
    assert engine.seen == [[Message("system", "You are a helpful assistant."), Message("user", "How long?")]]


def test_asking_leaves_nothing_behind(run: Run, engine: ScriptedEngine, paths: Paths) -> None:
    run("ask", "How long?")
    assert not paths.home.exists()


def test_asking_is_greedy_unless_told_otherwise(run: Run, engine: ScriptedEngine) -> None:
    run("ask", "Hi")
    run("ask", "Hi", "--temperature", "0", "--seed", "7", "--max-tokens", "9")
    run("ask", "Hi", "--temperature", "0.8")
    assert [sampling.temperature for sampling in engine.samplings] == [0.0, 0.0, 0.8]
    assert [sampling.max_tokens for sampling in engine.samplings] == [512, 9, 512]
    assert engine.samplings[1].seed == 7


def test_the_system_prompt_can_be_replaced_or_left_out(run: Run, engine: ScriptedEngine) -> None:
    run("ask", "Hi", "--system", "Be brief.")
    run("ask", "Hi", "--system", "")
    assert [len(messages) for messages in engine.seen] == [2, 1]
    assert engine.seen[0][0] == Message("system", "Be brief.")


def test_a_dash_reads_the_prompt_from_stdin(
    run_json: RunJson, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("How long\ndoes it steep?\n"))
    assert run_json("ask", "-")["prompt"] == "How long\ndoes it steep?"


def test_every_line_of_stdin_is_a_fresh_conversation(
    run: Run, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("One?\n\nTwo?\n"))
    code, out, err = run("ask", "--stdin", "--json")
    assert (code, err) == (0, "")
    answers = [json.loads(line) for line in out.splitlines()]
    assert [(each["prompt"], each["answer"]) for each in answers] == [
        ("One?", "Two minutes."),
        ("Two?", "Three."),
    ]
    assert [len(messages) for messages in engine.seen] == [2, 2]
    monkeypatch.setattr(sys, "stdin", StringIO("One?\nTwo?\n"))
    assert run("ask", "--stdin")[1] == "Two minutes.\nThree.\n"


@pytest.mark.parametrize(
    "arguments", [(), ("Hi", "--stdin"), (" ",), ("Hi", "--max-tokens", "0"), ("Hi", "--temperature", "3")]
)
def test_wrong_arguments_exit_with_2(run: Run, engine: ScriptedEngine, arguments: tuple[str, ...]) -> None:
    assert run("ask", *arguments)[:2] == (2, "")


def test_a_missing_model_exits_with_4(run: Run, tmp_path: Path) -> None:
    code, out, err = run("ask", "Hi", "--model", str(tmp_path / "none.gguf"))
    assert (code, out) == (4, "")
    assert "does not exist" in err


def test_an_engine_error_exits_with_4(run: Run, engine: ScriptedEngine) -> None:
    engine.error = ModelError("Out of memory.")
    assert run("ask", "Hi", "--json")[:2] == (4, "")


def test_a_version_of_another_model_is_skipped_with_a_note(
    run: Run, engine: ScriptedEngine, paths: Paths
) -> None:
    remember(paths, "of another model", b"")
    code, out, err = run("ask", "Hi", "--json")
    assert (code, json.loads(out)["adapters"]) == (0, [])
    assert err == "v0001 was learned on another model and is not used.\n"
    assert run("ask", "Hi", "--no-adapters")[2] == ""


def test_asking_works_while_another_process_writes(run: Run, engine: ScriptedEngine, paths: Paths) -> None:
    with Store.open(paths):
        assert run("ask", "Hi")[0] == 0


def test_a_damaged_database_exits_with_5_but_the_base_model_still_answers(
    run: Run, engine: ScriptedEngine, paths: Paths
) -> None:
    paths.ensure()
    paths.database.write_bytes(b"no database at all" * 100)
    assert run("ask", "Hi")[:2] == (5, "")
    assert run("ask", "Hi", "--no-adapters")[0] == 0


def test_text_cannot_steer_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.services.open_engine", lambda *_: ScriptedEngine(["\x1b[31mred"]))
    assert run("ask", "Hi")[1] == "[31mred\n"


@pytest.mark.timeout(120)
def test_the_embedded_model_answers_each_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = ["What is the capital of France?", "What is 2 + 2?"]
    monkeypatch.setattr(sys, "stdin", StringIO("\n".join(prompts)))
    code, out, err = run("ask", "--stdin", "--json", "--max-tokens", "8")
    assert (code, err) == (0, "")
    answers = [json.loads(line) for line in out.splitlines()]
    assert [list(each) for each in answers] == [KEYS, KEYS]
    assert [each["prompt"] for each in answers] == prompts
    assert "Paris" in answers[0]["answer"]
    assert all(0 < each["tokens"] <= 8 and each["tokens_per_s"] > 0 for each in answers)


@pytest.mark.timeout(120)
def test_a_corrupt_adapter_exits_with_4(run: Run, paths: Paths) -> None:
    from assistant.models import chosen_model, model_sha256

    paths.ensure()
    remember(paths, model_sha256(chosen_model(None), paths), b"GGUF and nothing more")
    code, out, err = run("ask", "Hi", "--json", "--max-tokens", "4")
    assert (code, out) == (4, "")
    assert "adapters off" in err
    assert run("ask", "Hi", "--no-adapters", "--max-tokens", "4")[0] == 0
