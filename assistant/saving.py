"""Writing one message to a file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from assistant.errors import UsageError


def save_text(text: str, file: Path) -> Path:
    """Write a text to a new file (mode 0600), never over an old one; returns the whole path.

    Raises UsageError: the file exists or cannot be written.
    """
    target = file.expanduser().absolute()
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(text if text.endswith("\n") else text + "\n")
    except FileExistsError:
        raise UsageError(f"{target} exists already.", hint="Take another name.") from None
    except OSError as problem:
        raise UsageError(
            f"{target} cannot be written: {problem.strerror}.", hint="Take another place."
        ) from problem
    return target
