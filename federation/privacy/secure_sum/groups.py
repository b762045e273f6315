"""Cuts a round's devices into groups: each sum hides its members, and robust rules compare the sums."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from federation.privacy.noise import NoisePlan
from federation.privacy.secure_sum.session import SMALLEST_GROUP, needed_threshold
from federation.refusal import Reason, Refused


def grouped(members: Iterable[bytes], size: int, seed: bytes) -> list[tuple[bytes, ...]]:
    """Groups of `size` members or a few more, each ascending; the same for everyone who knows `seed`.

    Members are ordered by SHA-256 of seed and key and dealt out in turn. Use a seed that nobody could choose
    after seeing the members, such as the hash of the last record. Raises Refused if there are too few.
    """
    devices = sorted(set(members), key=lambda member: hashlib.sha256(b"groups\0" + seed + member).digest())
    if size < SMALLEST_GROUP or len(devices) < size:
        raise Refused(Reason.OUT_OF_RANGE, f"{len(devices)} devices make no group of {size}")
    count = len(devices) // size
    return [tuple(sorted(devices[first::count])) for first in range(count)]


def noise_plan(multiplier: float, group_size: int, *, colluders: int = 0) -> NoisePlan:
    """Noise of which every sum that opens carries the whole `multiplier`.

    A sum opens with as few as the threshold of answers, and `colluders` among them may know their own noise
    and take it out again. With everybody present and honest it carries more.
    """
    return NoisePlan(multiplier, sharers=max(1, needed_threshold(group_size) - colluders))
