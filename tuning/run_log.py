"""A backprop-free run as a file: the seed and the scalars, and the fixed matrices that give them meaning.

Rebuilding an adapter from it takes no model, no examples and no evaluation, and gives the same bytes.

Layout, everything little-endian: the 8 bytes `ZOLOG` 00 00 01; the length of a JSON header as uint32; the
header (architecture, alpha, the adapter's metadata, and of each window the tensors, seed, planned steps,
learning rate, weight decay, and the counts that follow); then, compressed with zlib, for each window U of
each of its parts, float32 [width, r], V float32 [inputs, k], the number of directions of each move uint16,
for each move one bit (low bit first) that is 1 when its directions are not simply the first ones, the indices
of such moves uint16, all scalars float32; at last the SHA-256 of everything before it.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuning.adapter_file import write_adapter
from tuning.core import Move, ScalarLog, product, replay
from tuning.examples import TuningError

MAGIC = b"ZOLOG\x00\x00\x01"
DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class WindowLog:
    """What one core changed: ΔW = U C' Vᵀ for each part, C' being that part's rows of the core C.

    parts:   model tensor name → U, float32 [width, r]; their rows of C follow each other.
    v:       float32 [inputs, k], the same for all parts.
    scalars: how C, [sum of all r, k], came about.
    """

    parts: Mapping[str, np.ndarray]
    v: np.ndarray
    scalars: ScalarLog

    def adapter(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Model tensor name → (A [k, inputs], B [width, k]), from the scalars alone. Raises TuningError."""
        rows = sum(u.shape[1] for u in self.parts.values())
        return lora(self.parts, self.v, replay(self.scalars, (rows, self.v.shape[1])))


@dataclass(frozen=True, slots=True)
class RunLog:
    """What an adapter file is rebuilt from; the other fields are those of `write_adapter`."""

    windows: tuple[WindowLog, ...]
    architecture: str
    alpha: float
    metadata: Mapping[str, str]

    def write_adapter(self, path: Path) -> None:
        """Replay and write the adapter: the bytes of the run's own. Raises TuningError and OSError."""
        write_adapter(
            path,
            {name: pair for window in self.windows for name, pair in window.adapter().items()},
            architecture=self.architecture,
            alpha=self.alpha,
            metadata=self.metadata,
        )


def lora(
    parts: Mapping[str, np.ndarray], v: np.ndarray, core: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The LoRA pairs (A [k, inputs], B [width, k]) of a core, the same bits on any machine."""
    a = np.ascontiguousarray(v.T, dtype=np.float32)
    ends = np.cumsum([u.shape[1] for u in parts.values()])
    rows = np.split(core, ends[:-1])
    return {name: (a, product(u, part)) for (name, u), part in zip(parts.items(), rows, strict=True)}


def write_run_log(path: Path, log: RunLog) -> None:
    """Write it with mode 0600; the file appears whole or not at all. Raises OSError."""
    header = {
        "architecture": log.architecture,
        "alpha": log.alpha,
        "metadata": dict(log.metadata),
        "windows": [_described(window) for window in log.windows],
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    # The matrices that pick neurons are nearly all zeros.
    numbers = zlib.compress(b"".join(part for each in log.windows for part in _packed(each)))
    body = b"".join([MAGIC, struct.pack("<I", len(text)), text, numbers])
    partial = path.with_name(path.name + ".partial")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(body + hashlib.sha256(body).digest())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def read_run_log(path: Path) -> RunLog:
    """Read it back. Raises TuningError for a damaged file or another kind, OSError when it can't be read."""
    whole = path.read_bytes()
    if not whole.startswith(MAGIC):
        raise TuningError(f"{path.name} is no log of a tuning run, or one of another release")
    body = whole[:-DIGEST_BYTES]
    if hashlib.sha256(body).digest() != whole[-DIGEST_BYTES:]:
        raise TuningError(f"{path.name} is damaged: its bytes do not fit its checksum")
    try:
        start = len(MAGIC) + 4
        (length,) = struct.unpack("<I", body[len(MAGIC) : start])
        header = json.loads(body[start : start + length])
        rest = _Reader(zlib.decompress(body[start + length :]))
        windows = tuple(_unpacked(each, rest) for each in header["windows"])
        metadata = {str(key): str(value) for key, value in header["metadata"].items()}
        return RunLog(windows, str(header["architecture"]), float(header["alpha"]), metadata)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, zlib.error) as error:
        raise TuningError(f"{path.name} is no log that this release understands") from error


def _described(window: WindowLog) -> dict[str, Any]:
    log = window.scalars
    return {
        "parts": [[name, *u.shape] for name, u in window.parts.items()],
        "v": list(window.v.shape),
        "seed": log.seed,
        "steps": log.steps,
        "learning_rate": log.learning_rate,
        "decay": log.decay,
        "moves": len(log.moves),
    }


def _packed(window: WindowLog) -> list[bytes]:
    moves = window.scalars.moves
    chosen = [not np.array_equal(move.indices, np.arange(len(move.indices))) for move in moves]
    listed = [move.indices for move, is_chosen in zip(moves, chosen, strict=True) if is_chosen]
    arrays = [
        *(u.astype("<f4") for u in window.parts.values()),
        window.v.astype("<f4"),
        np.array([len(move.indices) for move in moves], dtype="<u2"),
        np.packbits(np.array(chosen, dtype=bool), bitorder="little"),
        *(indices.astype("<u2") for indices in listed),
        *(move.scalars.astype("<f4") for move in moves),
    ]
    return [array.tobytes() for array in arrays]


class _Reader:
    """Arrays one after the other out of the bytes. Raises ValueError when they end too early."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def take(self, kind: str, count: int) -> np.ndarray:
        array = np.frombuffer(self._body, dtype=kind, count=count, offset=self._at)
        self._at += array.nbytes
        return array


def _unpacked(header: Mapping[str, Any], rest: _Reader) -> WindowLog:
    (inputs, columns), done = header["v"], header["moves"]
    parts = {
        str(name): rest.take("<f4", width * rank).reshape(width, rank)
        for name, width, rank in header["parts"]
    }
    v = rest.take("<f4", inputs * columns).reshape(inputs, columns)
    counts = rest.take("<u2", done)
    chosen = np.unpackbits(rest.take("u1", -(-done // 8)), bitorder="little")[:done].astype(bool)
    listed = np.split(rest.take("<u2", int(counts[chosen].sum())), np.cumsum(counts[chosen])[:-1])
    scalars = np.split(rest.take("<f4", int(counts.sum())), np.cumsum(counts)[:-1])
    named = iter(listed)
    moves = tuple(
        Move(next(named) if is_chosen else np.arange(count, dtype=np.uint16), each)
        for is_chosen, count, each in zip(chosen, counts, scalars, strict=False)
    )
    log = ScalarLog(
        int(header["seed"]),
        int(header["steps"]),
        float(header["learning_rate"]),
        moves,
        float(header["decay"]),
    )
    return WindowLog(parts, v, log)
