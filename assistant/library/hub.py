"""Getting a model file from the Hugging Face hub: its size first, then so that it survives interruptions.

The hub library's own download starts over after an interruption, so its parts are used: one request for size,
hash and place, one for the bytes that are missing. What arrives is compared with the hub's SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from assistant.errors import Cancelled, DiskFull, NetworkError, UsageError

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
_SPARE_BYTES = 200 << 20
_NAME = re.compile(r"[\w.-]+/[\w.-]+")

OnProgress = Callable[[int, int], None]
"""Called with the bytes there are and the bytes in all."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the hub as it is now. `sha256` is empty where the hub tells none (files outside LFS)."""

    repository: str
    file: str
    revision: str
    size_bytes: int
    sha256: str
    etag: str
    url: str


def parse_place(text: str) -> tuple[str, str]:
    """ "owner/repository/path/to/file.gguf" as repository and file. Raises UsageError."""
    parts = text.split("/")
    repository, file = "/".join(parts[:2]), "/".join(parts[2:])
    if not _NAME.fullmatch(repository) or not file.endswith(".gguf") or ".." in parts:
        raise UsageError(
            f"{text} is no model of the catalogue and no place on the hub.",
            hint="Such a place looks like owner/repository/file.gguf; `assistant models list` shows names.",
        )
    return repository, file


def look_up(repository: str, file: str, *, revision: str = "main", endpoint: str | None = None) -> RemoteFile:
    """Ask the hub about a file; nothing is downloaded. Raises NetworkError."""
    with _translated(repository, file):
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(repository, file, revision=revision, endpoint=endpoint)
        found = get_hf_file_metadata(url, endpoint=endpoint)
    if found.size is None or not found.commit_hash or not found.etag:
        raise NetworkError(f"The hub does not tell the size of {repository}/{file}.")
    sha256 = found.etag if _SHA256.fullmatch(found.etag) else ""
    return RemoteFile(repository, file, found.commit_hash, found.size, sha256, found.etag, found.location)


def part_file(remote: RemoteFile, target: Path) -> Path:
    """Where the bytes are gathered; another state of the file on the hub is gathered elsewhere."""
    return target.with_name(f"{target.name}.{hashlib.sha256(remote.etag.encode()).hexdigest()[:12]}.part")


def download(
    remote: RemoteFile,
    target: Path,
    *,
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
    endpoint: str | None = None,
) -> str:
    """Get a file to `target` (mode 0600), going on with what is there already; returns its SHA-256.

    Raises:
        NetworkError: unreachable, or what arrived is not what the hub said; a later call goes on, or anew.
        Cancelled: `cancel` was set; what arrived stays for the next call.
        DiskFull: there is no room for it.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = part_file(remote, target)
    there = part.stat().st_size if part.exists() else 0
    if there > remote.size_bytes:
        part.unlink()
        there = 0
    missing = remote.size_bytes - there
    if shutil.disk_usage(target.parent).free < missing + _SPARE_BYTES:
        raise DiskFull(f"{remote.file} takes {missing} more bytes; there is no room for them.")
    progress = _progress(on_progress, cancel, there, remote.size_bytes)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as stream:
        with _translated(remote.repository, remote.file):
            from huggingface_hub import constants
            from huggingface_hub.file_download import http_get
            from huggingface_hub.utils import build_hf_headers

            # The library reads ten times as much at once; progress and cancelling would lag on slow lines.
            constants.DOWNLOAD_CHUNK_SIZE = _BLOCK
            headers = build_hf_headers()
            if urlsplit(remote.url).netloc != urlsplit(endpoint or constants.ENDPOINT).netloc:
                # The file itself is served by somebody else, who gets no token.
                headers.pop("authorization", None)
            http_get(
                remote.url,
                stream,
                resume_size=there,
                headers=headers,
                expected_size=remote.size_bytes,
                tqdm_class=progress,
            )
    digest = _sha256(part, cancel)
    if remote.sha256 and digest != remote.sha256:
        part.unlink()
        raise NetworkError(
            f"{remote.file} arrived damaged: its SHA-256 is not the hub's.", hint="Download it again."
        )
    part.replace(target)
    return digest


def _progress(on_progress: OnProgress | None, cancel: threading.Event | None, start: int, total: int) -> Any:
    """What the hub library takes for a progress bar. Cancelling is an error raised out of it."""

    class Progress:
        def __init__(self, **_: object) -> None:
            self.n = start

        def update(self, count: float = 1) -> None:
            self.n = max(0, self.n + int(count))
            if on_progress is not None:
                on_progress(self.n, total)
            if cancel is not None and cancel.is_set():
                raise Cancelled(
                    "The download was stopped; what arrived is kept.",
                    hint="The same command goes on from there.",
                )

        def close(self) -> None:
            pass

        def __enter__(self) -> Progress:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            pass

    return Progress


def _sha256(file: Path, cancel: threading.Event | None) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            if cancel is not None and cancel.is_set():
                raise Cancelled(
                    "Stopped while checking the file.", hint="The same command goes on from there."
                )
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _translated(repository: str, file: str) -> Iterator[None]:
    """The hub library's errors as ours; none of them quotes a token."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as problem:
        raise NetworkError(
            f"{repository} wants its terms accepted first.",
            hint=f"Accept them at https://huggingface.co/{repository} and set HF_TOKEN.",
        ) from problem
    except (
        errors.RepositoryNotFoundError,
        errors.EntryNotFoundError,
        errors.RevisionNotFoundError,
    ) as problem:
        raise NetworkError(f"The hub has no {repository}/{file}.", hint="Check the name.") from problem
    except errors.OfflineModeIsEnabled as problem:
        raise NetworkError("HF_HUB_OFFLINE is set; nothing is downloaded.", hint="Unset it.") from problem
    except errors.HfHubHTTPError as problem:
        code = problem.response.status_code if problem.response is not None else "no"
        raise NetworkError(f"The hub refused {repository}/{file} (status {code}).") from problem
    except httpx2.HTTPError as problem:
        raise NetworkError(f"The hub cannot be reached ({type(problem).__name__}).") from problem
    except OSError as problem:
        if problem.errno is not None:
            raise
        raise NetworkError(f"{file} did not arrive whole.") from problem
