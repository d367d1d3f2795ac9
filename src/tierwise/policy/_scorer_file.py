"""A scorer's file as far as a policy looks into it: whole, and made for which rungs. Its numbers are room `router`'s."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import msgspec

from tierwise.errors import ConfigurationError

SCORER_MAGIC: Final = b"tierwise scorer 1\n"
MOST_SCORER: Final = 64 << 20
"""Bytes of the file; more is none."""
DIGEST: Final = 32
"""Bytes at its end: SHA-256 of all before."""
_REMEDY: Final = "make it anew with `tierwise train`"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a scorer's file says of itself."""

    kind: Literal["rungs", "difficulty"]
    """'difficulty' is free of a ladder: its rungs are a weaker and a stronger model in general."""
    rungs: tuple[str, ...]
    """Of the ladder it was made for, cheapest first."""
    proven: bool = False
    """Trained and held out on the owner's own calls. What is not allows no stage above shadow."""
    bar: float
    """The score from which an answer holds."""
    calls: tuple[int, ...]
    """Labelled calls of each rung."""
    floor: float
    """Least support."""
    data: tuple[str, ...] = ()
    """Where the outcomes come from, with licences."""


class Framed(msgspec.Struct, frozen=True):
    """A file whose bytes are those that were written."""

    header: bytes
    """JSON."""
    arrays: bytes
    digest: str
    """64 hex digits."""


class _Header(msgspec.Struct, frozen=True):
    about: About


def framed_scorer(data: bytes, name: str) -> Framed:
    """The parts of a scorer's file. Raises ConfigurationError, which names `name`, where it is none or damaged."""
    if not data.startswith(SCORER_MAGIC):
        raise ConfigurationError(f"{name}: expected a scorer of version 1, got other bytes: {_REMEDY}")
    if len(data) > MOST_SCORER:
        raise ConfigurationError(f"{name}: expected at most {MOST_SCORER} bytes, got {len(data)}: {_REMEDY}")
    body, digest = data[:-DIGEST], data[-DIGEST:]
    if sha256(body).digest() != digest:
        raise ConfigurationError(
            f"{name}: its bytes do not have the digest at its end: it is damaged; {_REMEDY}"
        )
    at = len(SCORER_MAGIC) + 4
    length = int.from_bytes(body[len(SCORER_MAGIC) : at], "little")
    return Framed(body[at : at + length], body[at + length :], digest.hex())


def about_scorer(data: bytes, name: str) -> tuple[About, str]:
    """What a scorer's file says of itself, and its digest. Raises ConfigurationError, which names `name`."""
    framed = framed_scorer(data, name)
    try:
        return msgspec.json.decode(framed.header, type=_Header).about, framed.digest
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise ConfigurationError(f"{name}: {error}; {_REMEDY}") from None


def scorer_bytes(path: Path) -> bytes:
    """The bytes of such a file, as far as one can be. Raises OSError, and ValueError for an odd name."""
    with path.open("rb") as file:
        return file.read(MOST_SCORER + 1)


def prior_bytes() -> bytes:
    """The scorer that ships with the project."""
    return files("tierwise").joinpath("router", "data", "prior.scorer").read_bytes()
