"""Ed25519 signatures (RFC 8032) and the short ids made from public keys. Files and storage are elsewhere."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES = 32
SIGNATURE_BYTES = 64
DEVICE_ID_BYTES = 16
# Signed before every message, so that a signature made here means nothing anywhere else.
CONTEXT = b"assistant federation 1\0"


class Signer:
    """A private key. `seed` is its 32 secret bytes."""

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError for a seed of another length."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.device_id = device_id(self.public)

    @classmethod
    def generate(cls) -> Signer:
        """A new key from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes; keep them in a file of mode 0600."""
        return self._key.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """64 bytes; deterministic."""
        return self._key.sign(CONTEXT + message)


def verified(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` over `message` was made with the key of `public`; False for malformed keys too."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, CONTEXT + message)
    except (InvalidSignature, ValueError):
        return False
    return True


def device_id(public: bytes) -> bytes:
    """The 16 bytes that name a device on the wire: the beginning of SHA-256 of its public key."""
    return hashlib.sha256(public).digest()[:DEVICE_ID_BYTES]
