"""Shamir's secret sharing (1979) of 32-byte secrets over the integers modulo 2²⁵⁶ + 297, a prime."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

PRIME = 2**256 + 297
SECRET_BYTES = 32
SHARE_BYTES = 33


def split(secret: bytes, count: int, threshold: int) -> list[bytes]:
    """`count` shares of 33 bytes, share i for point i + 1. Any `threshold` of them rebuild the secret."""
    if len(secret) != SECRET_BYTES or not 1 <= threshold <= count < 256:
        raise ValueError("a secret has 32 bytes, and a threshold lies between 1 and the number of shares")
    coefficients = [int.from_bytes(secret, "little")]
    coefficients += [secrets.randbelow(PRIME) for _ in range(threshold - 1)]
    shares = []
    for point in range(1, count + 1):
        value = 0
        for coefficient in reversed(coefficients):
            value = (value * point + coefficient) % PRIME
        shares.append(value.to_bytes(SHARE_BYTES, "little"))
    return shares


def rebuild(shares: Mapping[int, bytes]) -> bytes:
    """The secret from shares by their number, all that are given taken together (Lagrange at zero).

    Raises ValueError for what cannot be shares of a 32-byte secret. Too few or wrong shares give another
    secret: check the result against something public.
    """
    if not shares:
        raise ValueError("no shares")
    values = {number + 1: int.from_bytes(share, "little") for number, share in shares.items()}
    if any(len(share) != SHARE_BYTES for share in shares.values()) or max(values.values()) >= PRIME:
        raise ValueError("not a share")
    secret = 0
    for point, value in values.items():
        above = below = 1
        for other in values:
            if other != point:
                above = above * other % PRIME
                below = below * (other - point) % PRIME
        secret = (secret + value * above * pow(below, -1, PRIME)) % PRIME
    if secret >= 1 << 8 * SECRET_BYTES:
        raise ValueError("the shares do not belong together")
    return secret.to_bytes(SECRET_BYTES, "little")
