"""Files in the owner's folder that can still hold what is forgotten, found by looking at their bytes.

Knows which files the program makes by itself (caches, logs, copies) and may therefore delete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from assistant.paths import Paths

# Caches and logs are made again; they go when they hold something of it.
CACHES = ("guards-*.json", "*.log", "*.log.*", "*.tmp")
# Copies of the database can be packed, so that their bytes tell nothing; they go by their age.
COPIES = ("assistant.db.*", "assistant-*.db", "backups/**/*", "checkpoints/**/*")
# Never searched: the words of a language model are all in its vocabulary.
_MODELS = "models"
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n")
_SHORTEST = 12
_LONGEST = 80
_MOST = 16


@dataclass(frozen=True, slots=True)
class Traces:
    """Passages of what is forgotten, as they would stand in a file."""

    passages: tuple[bytes, ...]
    word: re.Pattern[bytes] | None = None

    def are_in(self, content: bytes) -> bool:
        """Whether any passage is there."""
        if self.word is not None:
            return self.word.search(content) is not None
        return any(passage in content for passage in self.passages)


def traces_of_word(word: str) -> Traces:
    """What to look for when a word is forgotten: the word itself, in its usual cases and in JSON."""
    forms = {word.strip(), word.strip().casefold(), word.strip().title(), word.strip().upper()}
    written = {form.encode("utf-8", "replace") for form in forms}
    written |= {json.dumps(form)[1:-1].encode() for form in forms}
    pattern = b"|".join(re.escape(form) for form in sorted(written))
    return Traces((), re.compile(rb"(?<![0-9A-Za-z_])(?:" + pattern + rb")(?![0-9A-Za-z_])", re.IGNORECASE))


def traces_of_texts(texts: Iterable[str], is_kept: Callable[[str], bool]) -> Traces:
    """The longest sentences; `is_kept` says of one whether it also stands in what is kept."""
    lines = {line.strip()[:_LONGEST] for text in texts for line in _SENTENCES.split(text)}
    telling = sorted((line for line in lines if len(line) >= _SHORTEST), key=len, reverse=True)
    chosen: list[bytes] = []
    for line in telling[: 4 * _MOST]:
        if len(chosen) < 2 * _MOST and not is_kept(line):
            chosen += [line.encode("utf-8", "replace"), json.dumps(line)[1:-1].encode()]
    return Traces(tuple(dict.fromkeys(chosen)))


def doomed_files(paths: Paths, traces: Traces, *, adapters: Sequence[str], since: datetime) -> list[str]:
    """Names, relative to the home folder, of files of ours that must go.

    `adapters` are the file names of versions that stay; `since` is when the oldest of the forgotten texts
    came up: copies made before that cannot hold it.
    """
    home = paths.home
    found = {paths.index, paths.index.with_name(paths.index.name + ".new")}
    stay = {name.partition(".")[0] for name in adapters}
    found |= {file for file in _files(paths.adapters) if file.name.partition(".")[0] not in stay}
    for pattern in CACHES:
        found |= {file for file in home.glob(pattern) if file.is_file() and traces.are_in(_bytes(file))}
    for pattern in COPIES:
        found |= {
            file
            for file in home.glob(pattern)
            if file.is_file() and file.stat().st_mtime >= since.timestamp()
        }
    return sorted(file.relative_to(home).as_posix() for file in found if file.is_file())


def files_that_hold(paths: Paths, traces: Traces, *, without: Collection[str] = ()) -> tuple[int, list[str]]:
    """How many files were searched, and the names of those in which a passage was found.

    `without` are names that need not be searched.
    """
    searched, found = 0, []
    for file in _files(paths.home):
        name = file.relative_to(paths.home)
        if name.parts[0] == _MODELS or name.as_posix() in without:
            continue
        searched += 1
        if traces.are_in(_bytes(file)):
            found.append(name.as_posix())
    return searched, sorted(found)


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink())


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
