"""Records that are sealed by a digest of everything else in them: evidence and certificates."""

from __future__ import annotations

from hashlib import sha256

import msgspec


def seal_of(record: msgspec.Struct) -> str:
    """SHA-256 of the record without its digest, in hex: what its `digest` must be."""
    bare = msgspec.structs.replace(record, digest="")
    return sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def sealed_bytes(record: msgspec.Struct) -> bytes:
    """The record as the JSON of its file, sealed with its digest."""
    sealed = msgspec.structs.replace(record, digest=seal_of(record))
    return msgspec.json.format(msgspec.json.encode(sealed), indent=2) + b"\n"
