from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from assistant.cli.output import printable, table
from assistant.paths import Paths
from assistant.store import Store

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]


def test_list_of_no_chats_says_so_on_stderr(run: Run, run_json: RunJson) -> None:
    assert run("chats", "list") == (0, "", "There are no chats yet.\n")
    assert run_json("chats", "list") == []


def test_list_and_show(run: Run, run_json: RunJson, chat_id: int) -> None:
    (chat,) = run_json("chats", "list", "--limit", "5")
    assert (chat["id"], chat["title"], chat["turns"]) == (chat_id, "Tea", 2)
    assert run("chats", "list")[1].splitlines()[1].endswith("2      Tea")
    shown = run_json("chats", "show", str(chat_id))
    assert [turn["role"] for turn in shown["turns"]] == ["user", "assistant"]
    assert run("chats", "show", str(chat_id))[1] == (
        "# Tea\n\nYou:\nHow long does green tea steep?\n\nAssistant:\nTwo minutes.\n"
    )


def test_show_of_an_unknown_chat_exits_with_2(run: Run) -> None:
    code, out, err = run("chats", "show", "9", "--json")
    assert (code, out) == (2, "")
    assert "There is no chat 9." in err


def test_search(run: Run, run_json: RunJson, chat_id: int) -> None:
    (hit,) = run_json("chats", "search", "green", "ste")
    assert (hit["chat_id"], hit["snippet"]) == (chat_id, "How long does «green» tea «steep»?")
    assert "«green»" in run("chats", "search", "green")[1]
    assert run("chats", "search", "coffee") == (0, "", "Nothing was found.\n")


def test_rename(run: Run, run_json: RunJson, chat_id: int) -> None:
    assert run_json("chats", "rename", str(chat_id), "Leaves")["title"] == "Leaves"
    assert run("chats", "rename", str(chat_id), "Tea")[2] == f"Chat {chat_id} is now called Tea.\n"


def test_delete_needs_yes_without_a_terminal(run: Run, chat_id: int, paths: Paths) -> None:
    code, _, err = run("chats", "delete", str(chat_id))
    assert code == 2
    assert "--yes" in err
    with Store.open(paths, write=False) as store:
        assert len(store.chats.list()) == 1


def test_delete_asks_on_a_terminal_and_takes_no_for_an_answer(
    run: Run, chat_id: int, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = StringIO("n\ny\n")
    monkeypatch.setattr(answers, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", answers)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run("chats", "delete", str(chat_id))[0] == 130
    assert run("chats", "delete", str(chat_id))[0] == 0
    with Store.open(paths, write=False) as store:
        assert store.chats.list() == []


def test_delete_tells_what_is_gone(run: Run, run_json: RunJson, chat_id: int) -> None:
    assert run_json("chats", "delete", str(chat_id), "--yes") == {
        "deleted": [{"chat": chat_id, "turns": 2, "pairs": 0, "versions": []}]
    }
    assert run("chats", "delete", str(chat_id), "--yes")[0] == 2


def test_delete_of_several_chats_is_refused_whole_when_one_is_unknown(
    run: Run, chat_id: int, paths: Paths
) -> None:
    assert run("chats", "delete", str(chat_id), "99", "--yes")[0] == 2
    with Store.open(paths, write=False) as store:
        assert [chat.id for chat in store.chats.list()] == [chat_id]


def test_export_and_import_through_a_file(run: Run, run_json: RunJson, chat_id: int, tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    assert run("chats", "export", "--output", str(file))[:2] == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("chats", "export", str(chat_id))[1] == file.read_text()
    assert run_json("chats", "export") == [json.loads(file.read_text())]
    assert counts(run_json("chats", "import", str(file))) == (1, 2, 0, False)
    assert len(run_json("chats", "list")) == 2


def test_import_reads_stdin_and_counts_bad_lines(run_json: RunJson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO('nonsense\n{"messages":[{"role":"user","content":"hi"}]}\n'))
    summary = run_json("chats", "import", "-")
    assert counts(summary) == (1, 1, 1, False)
    assert summary["reasons"] == {"no chat in the OpenAI shape with text only": 1}


def test_import_of_a_missing_file_exits_with_2(run: Run, tmp_path: Path) -> None:
    assert run("chats", "import", str(tmp_path / "none.jsonl"))[0] == 2


def test_export_of_an_unwritable_place_exits_with_1(run: Run, chat_id: int, tmp_path: Path) -> None:
    assert run("chats", "export", "--output", str(tmp_path / "none" / "x.jsonl"))[0] == 1


def test_a_database_in_use_exits_with_5(run: Run, chat_id: int, paths: Paths) -> None:
    with Store.open(paths):
        assert run("chats", "list")[0] == 0
        code, out, err = run("chats", "rename", str(chat_id), "Mine")
    assert (code, out) == (5, "")
    assert "in use" in err


def test_a_truncated_database_exits_with_5_and_stays(run: Run, chat_id: int, paths: Paths) -> None:
    content = paths.database.read_bytes()[:5000]
    paths.database.write_bytes(content)
    for command in (["list"], ["rename", "1", "x"]):
        code, out, err = run("chats", *command)
        assert (code, out) == (5, "")
        assert "left untouched" in err
    assert paths.database.read_bytes() == content


def test_text_for_people_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[31mred\x07\nb") == "a[31mred b"
    assert printable("one\n\ttwo\x9b", lines=True) == "one\n\ttwo"


def test_tables_are_aligned_and_cut_only_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("日本", "x" * 100), ("abc", "y")]
    table(("A", "TEXT"), rows)
    assert capsys.readouterr().out == f"A     TEXT\n日本  {'x' * 100}\nabc   y\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    table(("A", "TEXT"), rows)
    assert capsys.readouterr().out == f"A     TEXT\n日本  {'x' * 23}…\nabc   y\n"


def test_import_on_a_terminal_shows_a_bar_and_takes_it_away(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_text('{"messages":[{"role":"user","content":"hi"}]}\n' * 30)
    monkeypatch.setattr("assistant.store.importing.BATCH_LINES", 10)
    monkeypatch.setattr("assistant.cli.progress_bar._REDRAW_S", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = run("chats", "import", str(file))
    assert (code, out) == (0, "")
    assert "[################........]  67%  importing, 20 turns" in err
    assert err.split("\r\x1b[K")[-1].startswith("Read as jsonl. Added 30 chats with 30 turns")


def test_an_interrupted_import_exits_with_130_and_the_next_one_goes_on(
    run: Run, run_json: RunJson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_text('{"messages":[{"role":"user","content":"hi"}]}\n' * 30)
    monkeypatch.setattr("assistant.store.importing.BATCH_LINES", 10)
    with monkeypatch.context() as patch:
        patch.setattr("assistant.cli.progress_bar.ProgressBar.__call__", interrupt)
        code, out, err = run("chats", "import", str(file))
    assert (code, out) == (130, "")
    assert "Stopped after 10 turns" in err and "goes on from there" in err
    assert counts(run_json("chats", "import", str(file))) == (30, 30, 0, True)
    assert len(run_json("chats", "list")) == 30


def counts(summary: dict[str, Any]) -> tuple[object, ...]:
    return tuple(summary[name] for name in ("chats", "turns", "skipped", "resumed"))


def test_export_as_markdown_is_for_reading(run: Run, chat_id: int) -> None:
    code, out, _ = run("chats", "export", "--format", "markdown")
    assert code == 0
    assert out.startswith("# Tea\n\n*20")
    assert "**You:**\n\nHow long does green tea steep?\n\n**Assistant:**\n\nTwo minutes.\n" in out


def test_an_array_that_was_exported_can_be_imported(
    run: Run, run_json: RunJson, chat_id: int, tmp_path: Path
) -> None:
    file = tmp_path / "chats.json"
    assert run("chats", "export", "--json", "--output", str(file))[0] == 0
    assert run_json("chats", "import", str(file))["format"] == "json"
    code, out, err = run("chats", "import", str(file), "--format", "json")
    assert (code, out) == (0, "")
    assert "1 chats had been imported before." in err
    assert len(run_json("chats", "list")) == 2


def test_import_names_every_format_it_reads(run: Run) -> None:
    from assistant.cli.chats import ChatFormat
    from assistant.store.foreign import FORMATS

    assert {kind.value for kind in ChatFormat} == set(FORMATS)


def interrupt(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGINT)
