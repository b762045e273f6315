"""The FAISS index of kept embeddings and its file. A cache: SQLite can rebuild it at any time.

The file holds turn numbers and vectors, no texts. Before the FAISS bytes stands a header: eight bytes of
magic, the SHA-256 of what the index was built from, and the SHA-256 of the FAISS bytes. A file whose header
does not fit is not handed to FAISS, which may crash on damaged input.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selection.records import BufferItem

_MAGIC = b"SELIDX01"
_DIGEST = hashlib.sha256().digest_size
_HEADER = len(_MAGIC) + 2 * _DIGEST


def fingerprint(items: Sequence[BufferItem]) -> bytes:
    """SHA-256 over turn numbers and embeddings: equal exactly when an index of one serves the other."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(item.turn_id.to_bytes(8, "little", signed=True))
        digest.update(item.embedding.astype("<f4").tobytes())
    return digest.digest()


def build(items: Sequence[BufferItem]) -> Any:
    """An IndexIDMap2 over exact inner products, cosines for unit vectors. Needs at least one item."""
    import faiss

    # One thread: the vectors are few, and a second OpenMP pool beside torch's only costs start-up.
    faiss.omp_set_num_threads(1)
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(len(items[0].embedding)))
    vectors = np.ascontiguousarray([item.embedding for item in items], dtype=np.float32)
    index.add_with_ids(vectors, np.array([item.turn_id for item in items], dtype=np.int64))
    return index


def load(path: Path, expected: bytes) -> Any | None:
    """The index in the file, or None if it is missing, damaged, unreadable or not built from `expected`."""
    payload = _sound_payload(path, expected)
    if payload is None:
        return None
    import faiss

    return faiss.deserialize_index(np.frombuffer(payload, dtype=np.uint8))


def is_current(path: Path, expected: bytes) -> bool:
    """Whether the file is whole and was built from `expected`."""
    return _sound_payload(path, expected) is not None


def save(path: Path, index: Any, built_from: bytes) -> None:
    """Write the file whole or not at all, readable by its owner only. Raises OSError, e.g. on a full disk."""
    import faiss

    payload = faiss.serialize_index(index).tobytes()
    draft = _draft(path)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        # Not forced to the disk: a file that a power cut left half written does not fit its header.
        file.write(_MAGIC + built_from + hashlib.sha256(payload).digest() + payload)
    draft.replace(path)


def discard(path: Path) -> None:
    """Delete the file, and what a crash in the middle of `save` may have left."""
    path.unlink(missing_ok=True)
    _draft(path).unlink(missing_ok=True)


def _sound_payload(path: Path, expected: bytes) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    payload = content[_HEADER:]
    return payload if content[:_HEADER] == _MAGIC + expected + hashlib.sha256(payload).digest() else None


def _draft(path: Path) -> Path:
    # Always the same name, so that a crash leaves at most one and the next save takes it over.
    return path.with_name(path.name + ".new")
