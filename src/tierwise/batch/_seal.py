"""Bodies at rest: compressed, and sealed with the owner's key."""

from __future__ import annotations

import hmac
import os
import threading
from typing import Final

import zstandard

from tierwise.errors import ConfigurationError, MissingExtra, SealBroken

SHORTEST: Final = 16
"""Bytes that a key must have."""
_NONCE: Final = 12
LARGEST: Final = 512 << 20
"""Bytes that an opened body may have."""


class _Packing(threading.local):
    """Compresses; zstandard's objects are for one thread at a time, and crash in two."""

    def __init__(self) -> None:
        self.squeeze = zstandard.ZstdCompressor(level=1).compress
        self.widen = zstandard.ZstdDecompressor().decompress


class Sealer:
    """Seals bodies, in any thread, with AES-256-GCM under a key made from the owner's for this alone (HKDF, RFC 5869).

    Args:
        key: The owner's key, 16 bytes or more.

    Raises:
        ConfigurationError: The key is too short.
        MissingExtra: cryptography is not installed.
    """

    def __init__(self, key: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
            from cryptography.hazmat.primitives.hashes import SHA256
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF
        except ModuleNotFoundError:
            raise MissingExtra("what waits is kept sealed: pip install 'tierwise[batch]'") from None
        if len(key) < SHORTEST:
            raise ConfigurationError(
                f"expected a key of {SHORTEST} bytes or more to seal what waits, got {len(key)}; "
                "make one with: openssl rand -hex 32"
            )
        derived = HKDF(SHA256(), length=64, salt=None, info=b"tierwise bodies at rest 1").derive(key)
        self._cipher, self._marks = AESGCM(derived[:32]), derived[32:]
        self._packing = _Packing()

    def seal(self, name: str, body: bytes) -> bytes:
        """A body sealed; it opens under the same name alone."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, self._packing.squeeze(body), name.encode())

    def mark(self, body: bytes) -> str:
        """The same for the same body, 32 hex digits; without the key it tells nothing of it."""
        return hmac.digest(self._marks, body, "sha256").hex()[:32]

    def open(self, name: str, sealed: bytes) -> bytes:
        """The body again.

        Raises:
            SealBroken: Another key or name, or damaged.
        """
        from cryptography.exceptions import InvalidTag

        try:
            squeezed = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
            return self._packing.widen(squeezed, max_output_size=LARGEST)
        except (InvalidTag, ValueError, zstandard.ZstdError):
            raise SealBroken(
                f"{name} cannot be opened: it was sealed with another key, or is damaged; "
                "start with the key that it was sealed with"
            ) from None
