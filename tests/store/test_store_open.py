from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from assistant.errors import DiskFull, StoreBusy, StoreCorrupt, StoreError
from assistant.paths import Paths
from assistant.store import Store
from assistant.store.database import was_closed_in_order
from assistant.store.migrations import MIGRATIONS


@contextmanager
def other_process(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `code` with an open `store`, says so, and then waits."""
    script = (
        "import sys; from assistant.paths import default_paths; from assistant.store import Store\n"
        "store = Store.open(default_paths())\n" + code + "\nprint('ready', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def fill(paths: Paths) -> None:
    with Store.open(paths) as store:
        chat = store.chats.create("Filled")
        for number in range(60):
            store.chats.add_turn(chat.id, "user", f"turn {number} " + "words " * 200)


def test_open_creates_private_files_in_a_private_folder(paths: Paths) -> None:
    with Store.open(paths) as store:
        store.chats.create("A chat")
        files = [entry for entry in paths.home.iterdir() if entry.is_file()]
        assert {file.name for file in files} >= {"assistant.db", "assistant.db-wal", "assistant.lock"}
        assert {mode(file) for file in files} == {0o600}
        assert mode(paths.home) == 0o700


def test_open_tightens_a_file_that_others_could_read(paths: Paths) -> None:
    Store.open(paths).close()
    paths.database.chmod(0o644)
    Store.open(paths).close()
    assert mode(paths.database) == 0o600


def test_every_migration_is_recorded_and_applied_once(paths: Paths) -> None:
    for _ in range(2):
        Store.open(paths).close()
    with closing(sqlite3.connect(paths.database)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM migrations ORDER BY number")]
    assert names == [step.__name__ for step in MIGRATIONS]


def test_a_migration_that_was_interrupted_is_finished_at_the_next_start(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.store.migrations.MIGRATIONS", MIGRATIONS[:3])
    Store.open(paths).close()
    with closing(sqlite3.connect(paths.database)) as db:
        db.execute("INSERT INTO chats (title, created, updated) VALUES ('Kept', '2026', '2026')")
        db.commit()
    monkeypatch.undo()
    with Store.open(Paths(paths.home)) as store:
        assert [chat.title for chat in store.chats.list()] == ["Kept"]
        assert store.pairs.list() == []


def test_reading_an_older_schema_asks_to_start_the_assistant(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("assistant.store.migrations.MIGRATIONS", MIGRATIONS[:3])
        Store.open(paths).close()
    with pytest.raises(StoreError) as caught:
        Store.open(paths, write=False)
    assert "older release" in caught.value.message


def test_a_newer_schema_is_refused_and_left_untouched(paths: Paths) -> None:
    Store.open(paths).close()
    with closing(sqlite3.connect(paths.database)) as db:
        db.execute("INSERT INTO migrations VALUES (999, 'm999_future', '2031-01-01')")
        db.commit()
    before = paths.database.read_bytes()
    for write in (True, False):
        with pytest.raises(StoreCorrupt, match="newer release"):
            Store.open(paths, write=write)
    assert paths.database.read_bytes() == before


def test_a_second_writing_process_is_told_who_is_using_the_store(paths: Paths) -> None:
    with other_process("store.chats.create('Theirs')") as process:
        with pytest.raises(StoreBusy, match=f"process {process.pid}"):
            Store.open(paths)
        with Store.open(paths, write=False) as reader:
            assert [chat.title for chat in reader.chats.list()] == ["Theirs"]
    Store.open(paths).close()


def test_a_second_writer_in_the_same_process_is_refused(store: Store, paths: Paths) -> None:
    with pytest.raises(StoreBusy):
        Store.open(paths)


def test_kill_9_while_a_reply_grows_keeps_what_was_saved(paths: Paths) -> None:
    code = (
        "chat = store.chats.create('Killed'); question = store.chats.add_turn(chat.id, 'user', 'Why?')\n"
        "reply = store.chats.begin_reply(chat.id, reply_to=question.id, model='m', adapters=['v0001'])\n"
        "store.chats.append_reply(reply.id, 'Because it')\n"
        "store.chats.append_reply(reply.id, 'Because it was')"
    )
    with other_process(code) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Store.open(paths) as store:
        assert store.recovered == 1
        question, reply = store.chats.turns(store.chats.list()[0].id)
        assert question.content == "Why?"
        assert (reply.content, reply.state, reply.reply_to) == ("Because it was", "stopped", question.id)
        assert [hit.turn_id for hit in store.chats.search("because")] == [reply.id]
        assert store.check() == []


def test_reading_a_store_that_is_not_there_finds_it_empty_and_creates_nothing(paths: Paths) -> None:
    with Store.open(paths, write=False) as store:
        assert store.chats.list() == []
        assert store.versions.active() is None
        assert list(store.db.query("SELECT 1 AS one")) == [{"one": 1}]
    assert not paths.home.exists()


def test_a_read_only_store_refuses_changes(paths: Paths) -> None:
    Store.open(paths).close()
    with Store.open(paths, write=False) as store, pytest.raises(StoreError):
        store.chats.create("No")


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("keep", [50, 99, 600, 4096, 20_480, -4096, -100])
def test_a_truncated_file_is_reported_and_left_untouched(paths: Paths, write: bool, keep: int) -> None:
    fill(paths)
    whole = paths.database.read_bytes()
    paths.database.write_bytes(whole[:keep])
    with pytest.raises(StoreCorrupt) as caught:
        Store.open(paths, write=write)
    assert caught.value.exit_code == 5
    assert paths.database.read_bytes() == whole[:keep]


@pytest.mark.parametrize("content", [b"not a database " * 1000, b"SQLite format 3\0" + b"\xff" * 9000])
def test_garbage_is_reported_and_left_untouched(paths: Paths, content: bytes) -> None:
    paths.ensure()
    paths.database.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        Store.open(paths)
    assert paths.database.read_bytes() == content
    assert not (paths.home / "assistant.db-wal").exists()


def test_pages_overwritten_in_the_middle_are_reported(paths: Paths) -> None:
    fill(paths)
    content = bytearray(paths.database.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8192] = b"\xa5" * 8192
    paths.database.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        Store.open(paths)
    assert paths.database.read_bytes() == content


def test_another_programs_database_is_refused_and_left_untouched(paths: Paths) -> None:
    paths.ensure()
    with closing(sqlite3.connect(paths.database)) as db:
        db.execute("CREATE TABLE recipes (id INTEGER PRIMARY KEY)")
        db.commit()
    before = paths.database.read_bytes()
    with pytest.raises(StoreCorrupt, match="not the assistant's"):
        Store.open(paths)
    assert paths.database.read_bytes() == before


def test_an_empty_file_is_a_new_store(paths: Paths) -> None:
    paths.ensure()
    paths.database.touch()
    with Store.open(paths) as store:
        assert store.chats.list() == []


def test_a_failed_open_gives_the_lock_back(paths: Paths) -> None:
    paths.ensure()
    paths.database.write_bytes(b"junk" * 1000)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            Store.open(paths)


def test_a_full_disk_is_named_and_loses_nothing(store: Store) -> None:
    chat = store.chats.create("Before")
    store.chats.add_turn(chat.id, "user", "safe")
    store._session.connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(DiskFull) as caught:
        store.chats.add_turn(chat.id, "user", "too much " * 20_000)
    assert caught.value.exit_code == 5
    with pytest.raises(DiskFull):
        store.chats.import_jsonl(
            ['{"messages": [{"role": "user", "content": "%s"}]}' % ("long " * 20_000)] * 3
        )
    assert [turn.content for turn in store.chats.turns(chat.id)] == ["safe"]
    assert [c.title for c in store.chats.list()] == ["Before"]
    store._session.connection.execute("PRAGMA max_page_count = 1000000")
    store.chats.add_turn(chat.id, "user", "room again " * 20_000)
    assert len(store.chats.turns(chat.id)) == 2
    assert store.check() == []


def test_threads_share_one_store_without_losing_turns(store: Store) -> None:
    chat = store.chats.create()

    def talk(name: str) -> None:
        for number in range(20):
            store.chats.add_turn(chat.id, "user", f"{name} {number}")

    threads = [threading.Thread(target=talk, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    contents = [turn.content for turn in store.chats.turns(chat.id)]
    assert sorted(contents) == sorted(f"{name} {number}" for name in "abcd" for number in range(20))


def test_tables_of_other_rooms_survive_a_reopening(paths: Paths) -> None:
    with Store.open(paths) as store:
        store.db["selection_items"].insert({"turn_id": 7, "reason": "first"}, pk="turn_id")
        store.chats.create("Beside it")
    with Store.open(paths) as store:
        assert list(store.db["selection_items"].rows) == [{"turn_id": 7, "reason": "first"}]


def test_a_home_closed_in_order_is_not_read_whole_to_open_it(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(paths)
    assert not was_closed_in_order(paths.database, paths.lock)  # too young to be sure
    monkeypatch.setattr("assistant.store.database._OLD_S", -1.0)
    assert was_closed_in_order(paths.database, paths.lock)
    paths.database.touch()
    assert not was_closed_in_order(paths.database, paths.lock)
    store = Store.open(paths)
    assert not was_closed_in_order(paths.database, paths.lock)
    store.close()
