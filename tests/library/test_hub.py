"""Downloads from a stand-in of the hub: size first, progress, resume, checksum, cancel, plain words."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from assistant.errors import Cancelled, DiskFull, NetworkError, UsageError
from assistant.library.hub import RemoteFile, download, look_up, parse_place, part_file
from tests.library.conftest import COMMIT, MODEL, Hub

SHA256 = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
def remote(hub: Hub) -> RemoteFile:
    return look_up("someone/tiny", "tiny.gguf")


def test_size_and_hash_are_told_before_anything_is_downloaded(hub: Hub, remote: RemoteFile) -> None:
    assert (remote.size_bytes, remote.sha256, remote.revision) == (len(MODEL), SHA256, COMMIT)
    assert hub.ranges == []


def test_a_download_shows_how_far_it_is_and_is_checked(remote: RemoteFile, target: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert download(remote, target, on_progress=lambda done, total: seen.append((done, total))) == SHA256
    assert target.read_bytes() == MODEL
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert seen == sorted(seen) and len(seen) > 10 and seen[-1] == (len(MODEL), len(MODEL))
    assert [place.name for place in target.parent.iterdir()] == ["tiny.gguf"]


def test_a_cancelled_download_goes_on_where_it_was(hub: Hub, remote: RemoteFile, target: Path) -> None:
    cancel = threading.Event()

    def stop_half_way(done: int, total: int) -> None:
        if done > total // 2:
            cancel.set()

    with pytest.raises(Cancelled, match="what arrived is kept"):
        download(remote, target, on_progress=stop_half_way, cancel=cancel)
    there = part_file(remote, target).stat().st_size
    assert not target.exists() and 0 < there < len(MODEL)
    assert download(remote, target) == SHA256
    assert hub.ranges == [None, f"bytes={there}-"]
    assert target.read_bytes() == MODEL


def test_a_file_that_changed_on_the_hub_is_not_mixed_with_the_former_one(
    hub: Hub, remote: RemoteFile, target: Path
) -> None:
    target.parent.mkdir()
    part_file(remote, target).write_bytes(MODEL[:5000])
    hub.files["someone/tiny/tiny.gguf"] = b"GGUF" + b"other" * 1000
    newer = look_up("someone/tiny", "tiny.gguf")
    download(newer, target)
    assert target.read_bytes() == b"GGUF" + b"other" * 1000
    assert hub.ranges == [None]


def test_a_part_that_is_complete_already_is_only_checked(hub: Hub, remote: RemoteFile, target: Path) -> None:
    target.parent.mkdir()
    part_file(remote, target).write_bytes(MODEL)
    assert download(remote, target) == SHA256
    assert hub.ranges == []


def test_damage_is_found_and_the_next_download_begins_anew(
    hub: Hub, remote: RemoteFile, target: Path
) -> None:
    target.parent.mkdir()
    part_file(remote, target).write_bytes(b"x" * 5000)
    with pytest.raises(NetworkError, match="SHA-256 is not the hub's"):
        download(remote, target)
    assert list(target.parent.iterdir()) == []
    assert download(remote, target) == SHA256


@pytest.mark.parametrize(
    ("status", "told"), [(404, "has no"), (403, "terms accepted first"), (500, r"refused .* \(status 500\)")]
)
def test_refusals_are_told_in_words(hub: Hub, status: int, told: str) -> None:
    hub.status = status
    if status == 404:
        hub.files.clear()
    with pytest.raises(NetworkError, match=told):
        look_up("someone/tiny", "tiny.gguf")


def test_an_unreachable_hub_is_a_network_error() -> None:
    with pytest.raises(NetworkError, match="cannot be reached"):
        look_up("someone/tiny", "tiny.gguf", endpoint="http://127.0.0.1:9")


def test_without_room_nothing_is_begun(
    hub: Hub, remote: RemoteFile, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.library.hub._SPARE_BYTES", 1 << 62)
    with pytest.raises(DiskFull, match="no room"):
        download(remote, target)
    assert hub.ranges == []


@pytest.mark.parametrize("text", ["tiny", "a/b", "a/b/c.bin", "a/b/../c.gguf", "/a/b.gguf", "a b/c/d.gguf"])
def test_what_is_no_place_on_the_hub_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no place on the hub"):
        parse_place(text)


@pytest.mark.timeout(90)
def test_a_model_can_be_looked_up_after_the_embedding_model_was_loaded(hub: Hub) -> None:
    """Also in one process: the embedding model, which is never downloaded, must not switch the hub off."""
    code = (
        "import sys; from selection.embedding import load_embedder; load_embedder();"
        " from assistant.library.hub import look_up;"
        " print(look_up('someone/tiny', 'tiny.gguf', endpoint=sys.argv[1]).size_bytes)"
    )
    done = subprocess.run([sys.executable, "-c", code, hub.url], capture_output=True, text=True, timeout=80)
    assert (done.returncode, done.stdout.strip()) == (0, str(len(MODEL))), done.stderr


@pytest.mark.timeout(90)
def test_the_command_uses_the_hub_that_hf_endpoint_names(hub: Hub, home: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "assistant",
        "models",
        "get",
        "someone/tiny/tiny.gguf",
        "--yes",
        "--json",
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["sha256"] == SHA256
    assert Path(told["file"]).read_bytes() == MODEL
