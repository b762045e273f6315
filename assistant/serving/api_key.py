"""The key that programs on this machine must show, in a file that only the owner can read."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from assistant.errors import AssistantError
from assistant.paths import Paths

PREFIX = "sk-local-"
_RANDOM_BYTES = 32


def key_file(paths: Paths) -> Path:
    """Where the key is kept."""
    return paths.home / "api-key"


def api_key(paths: Paths, *, fresh: bool = False) -> tuple[str, bool]:
    """The key, and whether it was made just now. `fresh` replaces a former one.

    Raises AssistantError when the file cannot be read or written, or others can read it.
    """
    file = key_file(paths)
    try:
        if not fresh and file.exists():
            if file.stat().st_mode & 0o077:
                hint = "`assistant serve --new-key` replaces it."
                raise AssistantError(f"Others can read {file}.", hint=hint)
            if key := file.read_text(encoding="ascii", errors="replace").strip():
                return key, False
        paths.ensure()
        key = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        _write_private(file, key + "\n")
    except OSError as problem:
        raise AssistantError(f"{file} cannot be used: {problem.strerror}.") from problem
    return key, True


def _write_private(file: Path, text: str) -> None:
    """The file is there with mode 0600 and whole, or not at all."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".api-key-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(text)
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
