"""The owner's key, under which every digest of a recorder file is taken."""

from __future__ import annotations

import os
import stat
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes
from typing import Final

from tierwise.errors import ConfigurationError

LENGTH: Final = 32
NO_KEY: Final = ""
"""The id of no key: digests that anybody can take."""


def make_key(path: Path) -> bytes:
    """A new key in a new file that only its owner can read; never replaces one.

    Raises:
        ConfigurationError: There is a file, or none can be made.
    """
    key = token_bytes(LENGTH)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{path}: expected no file, found one; a key is never replaced") from None
    except OSError as error:
        raise ConfigurationError(
            f"{path}: a key cannot be made there: {error.strerror}; name another place"
        ) from None
    with os.fdopen(file, "wb") as opened:
        opened.write(key.hex().encode() + b"\n")
    return key


def read_key(path: Path) -> bytes:
    """The key in a file that `make_key` made.

    Raises:
        ConfigurationError: No such file, one that others can read, or one that holds no key.
    """
    try:
        text = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigurationError(f"{path}: the key cannot be read: {error.strerror}") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"{path}: others may read the key; make it yours alone with: chmod 600 {path}"
        )
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != LENGTH:
        raise ConfigurationError(f"{path}: expected a key of {2 * LENGTH} hex digits, found none that is one")
    return key


def key_id(key: bytes) -> str:
    """A name for a key, 16 hex digits, which tells nothing of it; '' for none."""
    return blake2b(b"tierwise key", key=key[:64], digest_size=8).hexdigest() if key else NO_KEY
