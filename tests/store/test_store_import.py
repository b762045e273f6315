"""Files of chats: any size in bounded memory; an interrupted import goes on, losing and repeating nothing."""

from __future__ import annotations

import json
import threading
import tracemalloc
from pathlib import Path

import pytest

from assistant.errors import Cancelled, UsageError
from assistant.paths import Paths
from assistant.store import Store
from assistant.store.importing import ImportProgress


def line(number: int, **more: object) -> str:
    messages = [
        {"role": "user", "content": f"Question {number}?"},
        {"role": "assistant", "content": f"Answer {number}."},
    ]
    return json.dumps({"messages": messages, "title": f"Chat {number}", **more})


def write(file: Path, numbers: range, *, mode: str = "w") -> Path:
    with file.open(mode, encoding="utf-8") as stream:
        stream.writelines(line(number) + "\n" for number in numbers)
    return file


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.store.importing.BATCH_LINES", 10)


def interrupted(store: Store, file: Path, batches: int) -> list[ImportProgress]:
    cancel, seen = threading.Event(), list[ImportProgress]()

    def watch(progress: ImportProgress) -> None:
        seen.append(progress)
        if len(seen) == batches:
            cancel.set()

    with pytest.raises(Cancelled, match=f"Stopped after {batches * 20} turns"):
        store.imports.run(file, on_progress=watch, cancel=cancel)
    return seen


def titles(store: Store) -> list[str]:
    return [chat.title for chat in sorted(store.chats.list(), key=lambda chat: chat.id)]


def test_a_file_is_imported_like_its_lines(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    texts = ["\ufeff" + line(1, created=0), "", "nonsense", line(2)]
    file.write_text("\r\n".join(texts), encoding="utf-8")
    summary = store.imports.run(file)
    assert (summary.chats, summary.turns, summary.skipped, summary.resumed) == (2, 4, 1, False)
    assert titles(store) == ["Chat 1", "Chat 2"]
    oldest = store.chats.list()[-1]
    assert oldest.created.startswith("1970-01-01")
    question, answer = store.chats.turns(oldest.id)
    assert answer.reply_to == question.id
    assert len(store.chats.search("answer")) == 2


@pytest.mark.usefixtures("small_batches")
def test_an_interrupted_import_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    file = write(tmp_path / "chats.jsonl", range(55))
    seen = interrupted(store, file, 2)
    assert len(store.chats.list()) == 20
    assert [progress.turns for progress in seen] == [20, 40]
    assert seen[-1].size_bytes == file.stat().st_size > seen[-1].read_bytes
    summary = store.imports.run(file.rename(tmp_path / "renamed.jsonl"))
    assert (summary.chats, summary.turns, summary.resumed) == (55, 110, True)
    assert titles(store) == [f"Chat {number}" for number in range(55)]


@pytest.mark.usefixtures("small_batches")
def test_a_crash_in_a_batch_loses_that_batch_only_until_the_next_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "chats.jsonl", range(30))
    with monkeypatch.context() as patch:
        patch.setattr("assistant.store.imported.storable", fail_at("Chat 17"))
        with pytest.raises(ZeroDivisionError):
            store.imports.run(file)
    assert len(store.chats.list()) == 10
    assert store.imports.run(file).resumed
    assert titles(store) == [f"Chat {number}" for number in range(30)]


def fail_at(title: str):
    def storable(text: str) -> str:
        if text == title:
            raise ZeroDivisionError
        return text

    return storable


@pytest.mark.usefixtures("small_batches")
def test_an_interrupted_import_survives_a_restart_and_other_imports(paths: Paths, tmp_path: Path) -> None:
    one, other = write(tmp_path / "one.jsonl", range(30)), write(tmp_path / "two.jsonl", range(100, 130))
    with Store.open(paths) as store:
        interrupted(store, one, 1)
        interrupted(store, other, 2)
    with Store.open(paths) as store:
        assert store.imports.run(one).resumed
        assert store.imports.run(other).resumed
        assert sorted(titles(store)) == sorted(f"Chat {n}" for n in (*range(30), *range(100, 130)))


@pytest.mark.usefixtures("small_batches")
def test_a_file_that_begins_otherwise_is_another_file(store: Store, tmp_path: Path) -> None:
    file = write(tmp_path / "chats.jsonl", range(30))
    interrupted(store, file, 1)
    write(file, range(100, 140))
    assert not store.imports.run(file).resumed
    assert len(store.chats.list()) == 50


@pytest.mark.usefixtures("small_batches")
def test_a_file_that_has_grown_is_read_to_its_new_end(store: Store, tmp_path: Path) -> None:
    file = write(tmp_path / "chats.jsonl", range(30))
    interrupted(store, file, 1)
    write(file, range(30, 40), mode="a")
    assert store.imports.run(file).chats == 40


def test_a_finished_import_is_over_and_the_same_again_adds_nothing(store: Store, tmp_path: Path) -> None:
    file = write(tmp_path / "chats.jsonl", range(3))
    first, second = store.imports.run(file), store.imports.run(file)
    assert (first.chats, first.known, first.resumed) == (3, 0, False)
    assert (second.chats, second.known, second.resumed) == (0, 3, False)
    assert len(store.chats.list()) == 3


def test_a_line_too_long_to_read_is_skipped(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.store.importing.LONGEST_LINE_BYTES", 1000)
    monkeypatch.setattr("assistant.store.importing._READ_BYTES", 64)
    file = tmp_path / "chats.jsonl"
    file.write_text("\n".join([line(1), line(2, title="x" * 5000), line(3)]))
    summary = store.imports.run(file)
    assert (summary.chats, summary.skipped) == (2, 1)
    assert titles(store) == ["Chat 1", "Chat 3"]


def test_memory_does_not_grow_with_the_file(store: Store, tmp_path: Path) -> None:
    small, large = write(tmp_path / "small.jsonl", range(1000)), write(tmp_path / "large.jsonl", range(6000))
    peaks = []
    for file in (small, large):
        tracemalloc.start()
        store.imports.run(file)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_a_file_that_is_not_there_is_a_usage_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        store.imports.run(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="cannot be read"):
        store.imports.run(tmp_path)


def test_lines_that_fail_in_the_middle_add_nothing(store: Store) -> None:
    def lines():
        yield line(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.chats.import_jsonl(lines())
    assert store.chats.list() == []
