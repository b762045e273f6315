"""Keys and masks: X25519 (RFC 7748), HKDF-SHA-256 (RFC 5869), ChaCha20 and its sealed form (RFC 8439)."""

from __future__ import annotations

import hashlib

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federation.refusal import Reason, Refused

KEY_BYTES = 32
SEAL_BYTES = 16


def public_of(secret: bytes) -> bytes:
    """The public X25519 key of 32 secret bytes."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def agreed(secret: bytes, public: bytes, salt: bytes, purpose: bytes) -> bytes:
    """32 bytes that only the two owners of the keys know, for one `purpose`. Raises Refused for a bad key."""
    try:
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError as error:
        # Also a point of low order, which would make the result the same for everybody.
        raise Refused(Reason.MALFORMED, "a key that nothing can be agreed with") from error
    return HKDF(SHA256(), KEY_BYTES, salt, purpose).derive(shared)


def commitment(seed: bytes, salt: bytes) -> bytes:
    """What is published of a self-mask seed, so that a wrong one is noticed when it is rebuilt."""
    return hashlib.sha256(b"self mask\0" + salt + seed).digest()


def mask(key: bytes, count: int) -> np.ndarray:
    """uint32 [count] of the ChaCha20 key stream. A key is good for one mask."""
    stream = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(4 * count))
    return np.frombuffer(stream, dtype="<u4")


def sealed(key: bytes, content: bytes, context: bytes) -> bytes:
    """Content encrypted and bound to `context`. A key is good for one content, so the nonce can be zero."""
    return ChaCha20Poly1305(key).encrypt(bytes(12), content, context)


def opened(key: bytes, envelope: bytes, context: bytes) -> bytes:
    """What was sealed. Raises Refused if anything was changed."""
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), envelope, context)
    except InvalidTag as error:
        raise Refused(Reason.SIGNATURE, "an envelope of shares that does not open") from error
