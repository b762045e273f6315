"""Everything in one file, and back again: an archive with a manifest that names every file and its SHA-256.

Left out is what can be had again: downloaded models, the vector index, the log, caches, and the key of the
local endpoint. A restore checks the whole archive in a folder beside the home before it touches anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from assistant import __version__
from assistant.archives import DAMAGED_ZIP
from assistant.errors import AssistantError, DiskFull, StoreCorrupt, UsageError
from assistant.paths import Paths
from assistant.store import Store
from assistant.store.copying import check_copy, copy_database
from assistant.store.database import WriterLock

FORMAT, FORMAT_VERSION = "assistant-backup", 1
MANIFEST = "manifest.json"
_DATABASE = "assistant.db"
_MOST_MANIFEST_BYTES = 16 << 20
_BLOCK = 1 << 20
_NO_BACKUP_HINT = "Nothing was changed. Use another backup."


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive; `path` is relative to the home, with forward slashes."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says about itself. `schema` is the database's, 0 without one."""

    created: str
    app_version: str
    schema: int
    entries: tuple[Entry, ...]

    @property
    def size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: the archive's manifest, how many chats and versions, and adapters that were missing."""

    manifest: Manifest
    chats: int
    versions: int
    missing_adapters: tuple[str, ...]


def back_up(paths: Paths, file: Path, *, replace: bool = False) -> Manifest:
    """Write everything under the home into `file` (mode 0600). Another process may go on writing.

    Raises:
        UsageError: there is nothing to back up, or `file` exists and `replace` is not said.
        StoreError: the database is damaged; DiskFull: no room.
    """
    if file.exists() and not replace:
        raise UsageError(f"{file} exists already.", hint="Choose another name, or add --force.")
    if not paths.home.is_dir():
        raise UsageError(f"{paths.home} is not there; there is nothing to back up.")
    with _told(file), tempfile.TemporaryDirectory(prefix=".backup-", dir=paths.home) as scratch:
        handle, name = tempfile.mkstemp(prefix=".assistant-backup-", dir=file.absolute().parent)
        try:
            with (
                os.fdopen(handle, "wb") as stream,
                zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
            ):
                schema, entries = 0, list[Entry]()
                if paths.database.exists():
                    copy = Path(scratch) / _DATABASE
                    schema = copy_database(paths.database, copy)
                    entries.append(_add(archive, _DATABASE, copy))
                for path, place in _files(paths, Path(scratch)):
                    # A version may be deleted meanwhile; the database was copied first and knows more.
                    with contextlib.suppress(FileNotFoundError):
                        entries.append(_add(archive, path, place))
                now = datetime.now(UTC).isoformat(timespec="seconds")
                manifest = Manifest(now, __version__, schema, tuple(entries))
                archive.writestr(MANIFEST, _as_json(manifest))
            Path(name).replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    return manifest


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """The manifest, which must agree with the archive's own table of contents. Raises StoreCorrupt."""
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if MANIFEST not in names or archive.getinfo(MANIFEST).file_size > _MOST_MANIFEST_BYTES:
        raise StoreCorrupt("This is no backup of the assistant.", hint=_NO_BACKUP_HINT)
    manifest = _from_json(archive.read(MANIFEST))
    sizes = {entry.path: entry.size_bytes for entry in manifest.entries}
    for path in sizes:
        _require_inside(path)
    if (
        len(set(names)) != len(names)
        or set(names) != {MANIFEST, *sizes}
        or len(sizes) != len(manifest.entries)
    ):
        raise StoreCorrupt("The backup's contents are not what its manifest says.", hint=_NO_BACKUP_HINT)
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or sizes.get(info.filename, info.file_size) != info.file_size:
            raise StoreCorrupt(
                f"{info.filename} in the backup is not what its manifest says.", hint=_NO_BACKUP_HINT
            )
    return manifest


def check(file: Path) -> Restored:
    """Everything a restore would look at, without changing anything. Raises as `restore` does."""
    with tempfile.TemporaryDirectory(prefix=".check-", dir=_place_for(file.absolute().parent)) as scratch:
        return _unpack(file, Paths(Path(scratch) / "home"))


def restore(paths: Paths, file: Path) -> Restored:
    """Replace the home by what is in `file`; models on this machine and the endpoint's key stay.

    The archive is unpacked and checked beside the home, and the former home is kept there until the new one
    is in place; whatever goes wrong, it is put back.

    Raises:
        StoreCorrupt: no backup, damaged, altered, or made by a newer release. Nothing was changed.
        StoreBusy: another process is using the home. DiskFull: no room.
    """
    home = paths.home
    mark = secrets.token_hex(4)
    staged = Paths(home.with_name(f"{home.name}.restoring-{mark}"))
    former = home.with_name(f"{home.name}.before-restore-{mark}")
    with _told(home):
        home.parent.mkdir(parents=True, exist_ok=True)
        lock = WriterLock(paths.lock) if home.is_dir() else None
    try:
        restored = _unpack(file, staged)
        with _told(home):
            _swap(home, staged.home, former, paths)
    finally:
        if lock is not None:
            lock.release()
        shutil.rmtree(staged.home, ignore_errors=True)
    shutil.rmtree(former, ignore_errors=True)
    return restored


def _unpack(file: Path, staged: Paths) -> Restored:
    with _told(file):
        try:
            with zipfile.ZipFile(file) as archive:
                manifest = read_manifest(archive)
                place = _place_for(staged.home.parent)
                if shutil.disk_usage(place).free < manifest.size_bytes:
                    raise DiskFull(
                        f"The backup takes {manifest.size_bytes} bytes; there is no room for them."
                    )
                staged.ensure()
                for entry in manifest.entries:
                    with archive.open(entry.path) as stream:
                        _extract(stream, staged.home / entry.path, entry)
        except DAMAGED_ZIP as problem:
            raise StoreCorrupt(f"{file} is damaged or no backup.", hint=_NO_BACKUP_HINT) from problem
    return _look(staged, manifest)


def _look(staged: Paths, manifest: Manifest) -> Restored:
    """Open what was unpacked as the program would, which also brings an older schema up to date."""
    if not staged.database.exists():
        return Restored(manifest, 0, 0, ())
    check_copy(staged.database)
    with Store.open(staged) as store:
        if damages := store.check():
            raise StoreCorrupt(f"The backup's database is damaged: {damages[0]}.", hint=_NO_BACKUP_HINT)
        versions = store.versions.list()
        missing = tuple(v.id for v in versions if not (staged.adapters / v.path).is_file())
        return Restored(manifest, len(store.chats.list()), len(versions), missing)


def _swap(home: Path, staged: Path, former: Path, paths: Paths) -> None:
    if not home.exists():
        staged.rename(home)
        return
    home.rename(former)
    try:
        staged.rename(home)
        for kept in (paths.models, home / "models.json", home / "speed.json", home / "api-key"):
            before = former / kept.name
            if before.exists():
                if kept.is_dir():
                    shutil.rmtree(kept)
                before.rename(kept)
    except BaseException:
        # Models that were moved already go back with the rest.
        if home.exists():
            for kept in (paths.models,):
                if kept.exists() and not (former / kept.name).exists():
                    kept.rename(former / kept.name)
            shutil.rmtree(home)
        former.rename(home)
        raise


def _files(paths: Paths, scratch: Path) -> Iterator[tuple[str, Path]]:
    """What belongs into a backup beside the database, with its name there. Links are not followed."""
    side_files = {
        paths.database.with_name(paths.database.name + end) for end in ("", "-wal", "-shm", "-journal")
    }
    again = {paths.models, paths.index, paths.log, paths.lock, scratch}
    again |= {paths.home / name for name in ("models.json", "speed.json", "api-key")}
    for place in sorted(paths.home.rglob("*")):
        if place in side_files or again & {place, *place.parents} or place.name.startswith("."):
            continue
        if place.is_file() and not place.is_symlink():
            yield place.relative_to(paths.home).as_posix(), place


def _add(archive: zipfile.ZipFile, path: str, place: Path) -> Entry:
    digest, size = hashlib.sha256(), 0
    with place.open("rb") as source:
        info = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = (stat.S_IFREG | 0o600) << 16
        with archive.open(info, "w", force_zip64=True) as target:
            while block := source.read(_BLOCK):
                digest.update(block)
                size += len(block)
                target.write(block)
    return Entry(path, size, digest.hexdigest())


def _extract(stream: IO[bytes], place: Path, entry: Entry) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as target:
        while block := stream.read(_BLOCK):
            digest.update(block)
            target.write(block)
    if digest.hexdigest() != entry.sha256:
        raise StoreCorrupt(f"{entry.path} in the backup was altered.", hint=_NO_BACKUP_HINT)


def _require_inside(path: str) -> None:
    """Raises StoreCorrupt for a name that could point out of the folder it is unpacked into."""
    parts = PurePosixPath(path).parts
    bad = not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in path or "\0" in path
    if bad or PurePosixPath(path).as_posix() != path or path == MANIFEST:
        raise StoreCorrupt("The backup names a file outside its folder.", hint=_NO_BACKUP_HINT)


def _as_json(manifest: Manifest) -> str:
    files = [{"path": e.path, "bytes": e.size_bytes, "sha256": e.sha256} for e in manifest.entries]
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "app_version": manifest.app_version}
    return json.dumps(
        {**head, "created": manifest.created, "schema": manifest.schema, "files": files}, indent=1
    )


def _from_json(raw: bytes) -> Manifest:
    try:
        document: dict[str, Any] = json.loads(raw)
        if document["format"] != FORMAT:
            raise ValueError(FORMAT)
        if document["format_version"] > FORMAT_VERSION:
            raise StoreCorrupt(
                f"The backup was made by a newer release ({document['app_version']}).",
                hint="Install that release; nothing was changed.",
            )
        entries = tuple(
            Entry(str(file["path"]), int(file["bytes"]), str(file["sha256"])) for file in document["files"]
        )
        return Manifest(
            str(document["created"]), str(document["app_version"]), int(document["schema"]), entries
        )
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise StoreCorrupt("The backup's manifest cannot be read.", hint=_NO_BACKUP_HINT) from problem


def _place_for(folder: Path) -> Path:
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


@contextlib.contextmanager
def _told(place: Path) -> Iterator[None]:
    """The file system's problems as errors of ours."""
    import errno

    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"There is no space left for {place.name}.") from problem
        raise AssistantError(
            f"{place} cannot be used: {problem.strerror or problem}.", hint="Nothing was changed."
        ) from problem
