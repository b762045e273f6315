"""The public matrices U and V between which a core acts: ΔW = U C Vᵀ. From a seed or a shipped file.

They must say nothing about anybody: a seed knows no data, and a file is made once from public texts and
named by its hash. All arithmetic that leads to an adapter's bytes has a fixed order, so that equal cores give
equal files.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.directions import directions, sign_bits
from federation.refusal import FederationError, Reason, Refused
from federation.task import Window

MAGIC = b"AFSS"
HEAD = struct.Struct("<4sBBH")
SHAPE = struct.Struct("<III")
LARGEST_FILE = 1 << 28


@dataclass(frozen=True, slots=True)
class PublicSubspace:
    """Per tensor of the window U float32 [out, rank] and V float32 [in, rank]."""

    matrices: tuple[tuple[np.ndarray, np.ndarray], ...]

    @classmethod
    def from_seed(cls, window: Window, shapes: Sequence[tuple[int, int]]) -> PublicSubspace:
        """Made from the window's seed; `shapes` are (out, in) per tensor.

        U: random signs made orthogonal by Gram-Schmidt with exactly rounded sums, columns of length
        `residual_scale`. V: random signs times `key_scale`. The signs are directions (docs/protocol.md) with
        the seed as task seed, round 2·i for U and 2·i + 1 for V of tensor i, one direction per column.
        Raises FederationError for a window that is not from a seed, or a rank above a width.
        """
        subspace = window.subspace
        if subspace.kind != "seed" or len(shapes) != len(window.tensors):
            raise FederationError("a seed and one shape for each tensor are needed")
        seed = int(subspace.value).to_bytes(8, "little")
        matrices = []
        for number, (out, inner) in enumerate(shapes):
            if window.rank > min(out, inner):
                raise FederationError("the rank is larger than the tensor")
            signs = directions(sign_bits(seed, 2 * number, 0, window.rank, out)).astype(np.float64)
            u = (_orthogonal(signs).T * subspace.residual_scale).astype(np.float32)
            keys = directions(sign_bits(seed, 2 * number + 1, 0, window.rank, inner))
            v = keys.T * np.float32(subspace.key_scale)
            matrices.append((np.ascontiguousarray(u), np.ascontiguousarray(v)))
        return cls(tuple(matrices))

    def to_bytes(self) -> bytes:
        """The shipped form; its SHA-256 names it in a task."""
        parts = [HEAD.pack(MAGIC, 1, 0, len(self.matrices))]
        for u, v in self.matrices:
            parts += [SHAPE.pack(len(u), len(v), u.shape[1]), _bytes(u), _bytes(v)]
        return b"".join(parts)

    @property
    def sha256(self) -> str:
        """64 hex digits."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, data: bytes, window: Window) -> PublicSubspace:
        """The file that the window names. Raises Refused for any other."""
        if len(data) > LARGEST_FILE:
            raise Refused(Reason.OVERSIZED, f"a subspace of {len(data)} bytes")
        if window.subspace.kind != "content" or hashlib.sha256(data).hexdigest() != window.subspace.value:
            raise Refused(Reason.CHECKSUM, "the subspace is not the one that the task names")
        try:
            magic, version, _, count = HEAD.unpack_from(data)
            if magic != MAGIC or version != 1 or count != len(window.tensors):
                raise Refused(Reason.MALFORMED, "the subspace does not fit the task's window")
            at, matrices = HEAD.size, []
            for _ in range(count):
                out, inner, rank = SHAPE.unpack_from(data, at)
                at += SHAPE.size
                u = np.frombuffer(data, dtype="<f4", count=out * rank, offset=at).reshape(out, rank)
                at += u.nbytes
                v = np.frombuffer(data, dtype="<f4", count=inner * rank, offset=at).reshape(inner, rank)
                at += v.nbytes
                matrices.append((u, v))
        except (struct.error, ValueError) as error:
            if isinstance(error, Refused):
                raise
            raise Refused(Reason.MALFORMED, "the subspace is cut off") from error
        if at != len(data) or any(u.shape[1] != window.rank for u, _ in matrices):
            raise Refused(Reason.MALFORMED, "the subspace does not fit the task's window")
        if not all(np.isfinite(each).all() for pair in matrices for each in pair):
            raise Refused(Reason.NOT_FINITE, "a number of the subspace is not finite")
        return cls(tuple(matrices))

    def factors(self, core: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Per tensor the LoRA pair A = Vᵀ [rank, in] and B = U C [out, rank] of a flat core, float32.

        Added up column by column in float64: the same bytes everywhere.
        """
        pairs, at = [], 0
        for u, v in self.matrices:
            rank = u.shape[1]
            block = core[at : at + rank * rank].reshape(rank, rank).astype(np.float64)
            at += rank * rank
            b = np.zeros(u.shape)
            for column in range(rank):
                b += u[:, column, None].astype(np.float64) * block[column]
            pairs.append((np.ascontiguousarray(v.T), b.astype(np.float32)))
        return pairs


def _orthogonal(rows: np.ndarray) -> np.ndarray:
    """Rows made orthogonal and of length 1; `math.fsum` rounds once, so no summing order matters."""
    done: list[np.ndarray] = []
    for row in rows:
        for other in done:
            row = row - math.fsum((row * other).tolist()) * other
        length = math.sqrt(math.fsum((row * row).tolist()))
        done.append(row / length)
    return np.stack(done)


def _bytes(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, dtype="<f4").tobytes()
