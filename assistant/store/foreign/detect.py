"""Which program wrote a file, told from its first bytes and its first object; and reading it as drafts."""

from __future__ import annotations

import itertools
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from assistant.archives import DAMAGED_ZIP
from assistant.errors import UsageError
from assistant.store import transfer
from assistant.store.foreign import chatgpt, llm_logs, open_webui
from assistant.store.foreign.json_stream import DamagedJson, objects
from assistant.store.foreign.reading import NO_CHAT, ROLES, Reading

JSONL = "jsonl"
FORMATS = {
    JSONL: "one chat a line in the OpenAI shape; also our own export",
    "json": "an array of such chats",
    "chatgpt": "conversations.json of ChatGPT, or the .zip it comes in",
    "open-webui": "the JSON export of Open WebUI",
    "llm": "logs.db of the program llm",
}

_ZIP, _SQLITE = b"PK\x03\x04", b"SQLite format 3\0"
_PEEK_BYTES = 1 << 16


def detect(file: Path) -> str:
    """The name of the format. Raises UsageError when it is none of them, OSError when it cannot be read."""
    with file.open("rb") as stream:
        head = stream.read(_PEEK_BYTES)
    if head.startswith(_ZIP):
        return "chatgpt"
    if head.startswith(_SQLITE):
        if llm_logs.is_llm_logs(file):
            return "llm"
        raise UsageError(
            f"{file} is a database, but not that of the program llm.",
            hint="A backup of the assistant is brought back by `assistant data restore`.",
        )
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{") and _is_json(text.partition(b"\n")[0]) and not _looks_foreign(file):
        return JSONL
    if text[:1] not in (b"[", b"{"):
        return JSONL
    first = _first_object(file)
    if first is None:
        # Lines of anything: each is told as skipped. An empty array holds nothing in any format.
        return "json" if text.startswith(b"[") else JSONL
    return _kind(first)


def read(file: Path, kind: str) -> Iterator[Reading]:
    """The conversations of a file in one of the formats other than JSONL.

    Raises:
        UsageError: it is damaged, or an archive without conversations; what came before stays valid.
    """
    if kind == "llm":
        try:
            yield from llm_logs.read_logs(file)
        except sqlite3.Error as problem:
            raise UsageError(f"{file} cannot be read as logs of llm: {problem}.") from problem
        return
    read_one = _READERS[kind]
    try:
        with ExitStack() as open_files:
            for stream, before, total in _streams(file, open_files):
                for document, done in objects(stream):
                    yield replace(read_one(document), done=before + done, total=total)
    except DamagedJson as problem:
        raise UsageError(
            f"{file} is {problem}; the chats before that were taken.", hint="Export it anew and try again."
        ) from problem
    except DAMAGED_ZIP as problem:
        raise UsageError(f"{file} is a damaged archive.", hint="Download it again.") from problem


def _openai(document: dict[str, Any]) -> Reading:
    draft = transfer.draft_from(document, ROLES)
    return Reading(draft, "" if draft else transfer.UNUSABLE)


_READERS: dict[str, Callable[[dict[str, Any]], Reading]] = {
    "chatgpt": chatgpt.read_conversation,
    "open-webui": open_webui.read_conversation,
    "json": _openai,
}


def _kind(document: dict[str, Any]) -> str:
    if chatgpt.is_chatgpt(document):
        return "chatgpt"
    return "open-webui" if open_webui.is_open_webui(document) else "json"


def _streams(file: Path, open_files: ExitStack) -> Iterator[tuple[IO[bytes], int, int]]:
    """The JSON files to read, each with the bytes before it and the bytes in all."""
    if not zipfile.is_zipfile(file):
        yield open_files.enter_context(file.open("rb")), 0, file.stat().st_size
        return
    archive = open_files.enter_context(zipfile.ZipFile(file))
    members = [info for info in archive.infolist() if _is_conversations(info.filename)]
    if not members:
        raise UsageError(f"{file} holds no conversations.json.", hint="Give the export as it was downloaded.")
    total = sum(info.file_size for info in members)
    before = 0
    for info in sorted(members, key=lambda info: info.filename):
        yield open_files.enter_context(archive.open(info)), before, total
        before += info.file_size


def _is_conversations(name: str) -> bool:
    # Large exports come in parts: conversations-000.json, conversations-001.json and so on.
    last = name.rpartition("/")[2]
    return last.startswith("conversations") and last.endswith(".json")


def _first_object(file: Path) -> dict[str, Any] | None:
    try:
        with file.open("rb") as stream:
            return next((document for document, _ in itertools.islice(objects(stream), 1)), None)
    except DamagedJson:
        return None


def _looks_foreign(file: Path) -> bool:
    first = _first_object(file)
    return first is not None and _kind(first) != "json"


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        # A first line longer than what was looked at is JSON Lines, too; pretty-printed JSON has short ones.
        return len(line) >= _PEEK_BYTES - 16
    return True


__all__ = ["FORMATS", "JSONL", "NO_CHAT", "detect", "read"]
