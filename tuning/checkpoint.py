"""The state of a running job on disk, so that it goes on where it was after a crash.

One file, replaced as a whole. It belongs to exactly one job: with other inputs it is removed, not used.
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_KEY, _VALUES = "key", "values"


@dataclass(frozen=True, slots=True)
class State:
    """Arrays by name, and whatever else JSON can hold."""

    arrays: dict[str, np.ndarray]
    values: dict[str, Any]


class Checkpoint:
    """The file of the job that `key` stands for: same inputs, same key."""

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key

    def load(self) -> State | None:
        """The last state of this very job; None when there is none. A file of another job is removed."""
        try:
            with self._path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            if str(arrays.pop(_KEY)) == self._key:
                return State(arrays, json.loads(str(arrays.pop(_VALUES))))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # damaged: as if it were another job's
        self.remove()
        return None

    def save(self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """Replace the file, mode 0600. A disk that is full costs the checkpoint, never the job."""
        partial = self._path.with_name(self._path.name + ".partial")
        own = {_KEY: np.array(self._key), _VALUES: np.array(json.dumps(values))}
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                np.savez(file, allow_pickle=False, **own, **arrays)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def remove(self) -> None:
        """The job is done, or nobody wants it any more."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """The state of a Philox generator as plain numbers."""
    return _plain(rng.bit_generator.state)


def restore_generator(rng: np.random.Generator, state: Mapping[str, Any]) -> None:
    inner = {name: np.array(values, dtype=np.uint64) for name, values in state["state"].items()}
    buffer = np.array(state["buffer"], dtype=np.uint64)
    rng.bit_generator.state = {**state, "state": inner, "buffer": buffer}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
