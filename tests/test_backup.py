"""Backup and restore: everything comes back, and an archive that is not whole changes nothing."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant import backup
from assistant.errors import AssistantError, StoreBusy, StoreCorrupt, UsageError
from assistant.paths import Paths
from assistant.store import Store, Version


@pytest.fixture
def filled(paths: Paths) -> Paths:
    """A home with a chat, a version, settings, a word list, a model, an index and a key."""
    with Store.open(paths) as store:
        chat = store.chats.create("Tea")
        store.chats.add_turn(chat.id, "user", "How long does green tea steep?")
        store.versions.add(
            Version("v0001", None, "personal", "active", 1.0, "layer-chain", "0" * 64, "v0001.gguf")
        )
    (paths.adapters / "v0001.gguf").write_bytes(b"GGUF adapter")
    paths.settings.write_text("seed = 7\n")
    paths.lexicons.mkdir()
    (paths.lexicons / "tea.txt").write_text("sencha\n")
    (paths.models / "big.gguf").write_bytes(b"GGUF" * 1000)
    paths.index.write_bytes(b"index")
    (paths.home / "api-key").write_text("secret")
    (paths.home / "outside").symlink_to("/etc/hostname")
    return paths


@pytest.fixture
def archive(filled: Paths, tmp_path: Path) -> Path:
    file = tmp_path / "backup.zip"
    backup.back_up(filled, file)
    return file


def listing(home: Path) -> dict[str, bytes]:
    return {
        place.relative_to(home).as_posix(): place.read_bytes()
        for place in home.rglob("*")
        if place.is_file()
        and not place.is_symlink()
        and "db" not in place.name
        and place.name != "assistant.lock"
    }


def titles(paths: Paths) -> list[str]:
    with Store.open(paths, write=False) as store:
        return [chat.title for chat in store.chats.list()]


def rewritten(archive: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other contents."""
    with zipfile.ZipFile(archive) as source:
        members = {name: source.read(name) for name in source.namelist()}
    change(members)
    with zipfile.ZipFile(archive, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return archive


def with_manifest(members: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(members["manifest.json"])
    change(document)
    members["manifest.json"] = json.dumps(document).encode()


def test_everything_comes_back_into_an_empty_home(archive: Path, tmp_path: Path) -> None:
    fresh = Paths(tmp_path / "fresh")
    restored = backup.restore(fresh, archive)
    assert (restored.chats, restored.versions, restored.missing_adapters) == (1, 1, ())
    assert titles(fresh) == ["Tea"]
    assert listing(fresh.home) == {
        "adapters/v0001.gguf": b"GGUF adapter",
        "settings.toml": b"seed = 7\n",
        "lexicons/tea.txt": b"sencha\n",
    }
    with Store.open(fresh) as store:
        assert store.versions.active("personal") is not None
        assert [hit.chat_title for hit in store.chats.search("steep")] == ["Tea"]


def test_only_the_owner_can_read_a_backup_and_what_comes_out_of_it(archive: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    fresh = Paths(tmp_path / "fresh")
    backup.restore(fresh, archive)
    modes = {stat.S_IMODE(place.stat().st_mode) for place in fresh.home.rglob("*") if place.is_file()}
    folders = {stat.S_IMODE(place.stat().st_mode) for place in fresh.home.rglob("*") if place.is_dir()}
    assert (modes, folders, stat.S_IMODE(fresh.home.stat().st_mode)) == ({0o600}, {0o700}, 0o700)


def test_a_restore_replaces_what_is_there_but_keeps_models_and_the_key(filled: Paths, archive: Path) -> None:
    with Store.open(filled) as store:
        store.chats.create("Later")
    filled.settings.write_text("seed = 8\n")
    (filled.home / "new.txt").write_text("new")
    backup.restore(filled, archive)
    assert titles(filled) == ["Tea"]
    assert filled.settings.read_text() == "seed = 7\n"
    assert not (filled.home / "new.txt").exists() and not filled.index.exists()
    assert (filled.models / "big.gguf").exists() and (filled.home / "api-key").read_text() == "secret"
    assert [place.name for place in filled.home.parent.iterdir() if "restor" in place.name] == []


def test_a_backup_is_consistent_while_somebody_writes(filled: Paths, tmp_path: Path) -> None:
    with Store.open(filled) as store:
        chat = store.chats.create("Open")
        backup.back_up(filled, tmp_path / "backup.zip")
        store.chats.add_turn(chat.id, "user", "later")
    assert backup.check(tmp_path / "backup.zip").chats == 2


def test_an_existing_file_is_not_overwritten_unless_asked(filled: Paths, archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        backup.back_up(filled, archive)
    assert archive.read_bytes() == before
    backup.back_up(filled, archive, replace=True)


def test_nothing_is_left_behind_when_the_place_cannot_be_written(filled: Paths, tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="cannot be used"):
        backup.back_up(filled, tmp_path / "none" / "backup.zip")
    assert not [place for place in filled.home.iterdir() if place.name.startswith(".")]


def altered(members: dict[str, bytes]) -> None:
    members["adapters/v0001.gguf"] = b"GGUF alterer"


def added(members: dict[str, bytes]) -> None:
    members["extra"] = b"x"


def removed(members: dict[str, bytes]) -> None:
    del members["settings.toml"]


def climbing(members: dict[str, bytes]) -> None:
    members["../evil"] = members.pop("settings.toml")
    with_manifest(members, lambda it: it["files"].__getitem__(-1).update(path="../evil"))


def absolute(members: dict[str, bytes]) -> None:
    members["/tmp/evil"] = members.pop("settings.toml")
    with_manifest(
        members, lambda it: [f.update(path="/tmp/evil") for f in it["files"] if f["path"] == "settings.toml"]
    )


def no_manifest(members: dict[str, bytes]) -> None:
    del members["manifest.json"]


def odd_manifest(members: dict[str, bytes]) -> None:
    members["manifest.json"] = b"[]"


def newer(members: dict[str, bytes]) -> None:
    with_manifest(members, lambda it: it.update(format_version=2))


def no_database(members: dict[str, bytes]) -> None:
    members["assistant.db"] = b"junk"


@pytest.mark.parametrize(
    "change", [altered, added, removed, climbing, absolute, no_manifest, odd_manifest, newer, no_database]
)
def test_an_altered_archive_is_refused_and_nothing_is_changed(
    filled: Paths, archive: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    before = listing(filled.home)
    rewritten(archive, change)
    for attempt in (lambda: backup.check(archive), lambda: backup.restore(filled, archive)):
        with pytest.raises(StoreCorrupt):
            attempt()
    assert (listing(filled.home), titles(filled)) == (before, ["Tea"])
    assert not (filled.home.parent / "evil").exists()
    assert [place.name for place in filled.home.parent.iterdir() if "restor" in place.name] == []


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_archive_is_refused(filled: Paths, archive: Path, part: float) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(StoreCorrupt, match="damaged or no backup"):
        backup.restore(filled, archive)
    assert titles(filled) == ["Tea"]


def test_flipped_bytes_are_found(filled: Paths, archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[200] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        backup.restore(filled, archive)
    assert titles(filled) == ["Tea"]


def test_a_link_in_an_archive_is_refused(filled: Paths, archive: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        members = [(info, source.read(info)) for info in source.infolist()]
    with zipfile.ZipFile(archive, "w") as target:
        for info, content in members:
            if info.filename == "settings.toml":
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            target.writestr(info, content)
    with pytest.raises(StoreCorrupt, match=r"settings\.toml"):
        backup.restore(filled, archive)


def test_a_database_of_a_newer_release_is_refused(filled: Paths, archive: Path, tmp_path: Path) -> None:
    with Store.open(filled) as store:
        store.db.execute("INSERT INTO migrations VALUES (999, 'm999_future', '2031-01-01')")
        store.db.conn.commit()
    with pytest.raises(StoreCorrupt, match="newer release"):
        backup.back_up(filled, tmp_path / "future.zip")


def test_an_older_schema_is_brought_up_to_date(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assistant.store.migrations import MIGRATIONS

    with monkeypatch.context() as patch:
        patch.setattr("assistant.store.migrations.MIGRATIONS", MIGRATIONS[:8])
        Store.open(paths).close()
        with contextlib.closing(sqlite3.connect(paths.database)) as database:
            database.execute("INSERT INTO chats (title, created, updated) VALUES ('Old', '2026', '2026')")
            database.commit()
        backup.back_up(paths, tmp_path / "old.zip")
    backup.restore(paths, tmp_path / "old.zip")
    assert titles(paths) == ["Old"]


def test_a_home_in_use_is_not_replaced(filled: Paths, archive: Path) -> None:
    with Store.open(filled), pytest.raises(StoreBusy):
        backup.restore(filled, archive)
    assert titles(filled) == ["Tea"]


def test_a_failure_at_the_last_step_brings_the_former_home_back(
    filled: Paths, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listing(filled.home)
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if ".restoring-" in self.name:
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(AssistantError, match="Permission denied"):
        backup.restore(filled, archive)
    assert (listing(filled.home), titles(filled)) == (before, ["Tea"])


def test_the_commands(filled: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from assistant.cli.app import main

    file = str(tmp_path / "b.zip")
    assert main(["data", "backup", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 4
    assert main(["data", "restore", file, "--check"]) == 0
    assert "The backup is whole: 1 chats and 1 versions" in capsys.readouterr().err
    assert main(["data", "restore", file]) == 2
    assert main(["data", "restore", file, "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["restored"] is True
    assert main(["data", "restore", str(tmp_path / "none.zip"), "--yes"]) == 1
