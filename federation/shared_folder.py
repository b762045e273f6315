"""Files of peers in a folder that any tool may synchronise. What is in them is checked elsewhere."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from federation.peers import LARGEST_BLOCK

SUFFIX = ".peer"
# A folder with more of them is not read any further; somebody fills it up.
MOST_FILES = 200_000


class SharedFolder:
    """Reads each file once: a file with a name of ours never changes, and one that is cut off comes again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes: dict[str, int] = {}

    def fresh(self) -> list[bytes]:
        """Contents that were not read before; too large and unreadable files are passed over."""
        found = []
        for entry in sorted(os.scandir(self._folder), key=lambda entry: entry.name)[:MOST_FILES]:
            if not entry.name.endswith(SUFFIX) or not entry.is_file(follow_symlinks=False):
                continue
            try:
                size = entry.stat(follow_symlinks=False).st_size
                if self._sizes.get(entry.name) == size or not 0 < size <= LARGEST_BLOCK:
                    continue
                found.append(Path(entry.path).read_bytes())
            except OSError:
                continue
            self._sizes[entry.name] = size
        return found

    def write(self, data: bytes) -> Path:
        """Add a file, whole or not at all; its name is made from its content. Raises OSError."""
        name = hashlib.sha256(data).hexdigest()[:40] + SUFFIX
        file = self._folder / name
        if not file.exists():
            draft = self._folder / f".{name}.{os.getpid()}"
            draft.write_bytes(data)
            draft.replace(file)
        self._sizes[name] = len(data)
        return file
