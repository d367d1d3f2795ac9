r"""A scorer as one file: data and no code, with a digest of all its bytes.

    b"tierwise scorer 1\n"     magic and version
    4 bytes                    length of the header, little-endian
    JSON                       `Header`
    arrays                     little-endian, in the order of `_layout`, nothing between them
    32 bytes                   SHA-256 of everything before

Hashed columns that no text of training has are not stored.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tierwise.errors import ConfigurationError
from tierwise.policy import SCORER_MAGIC, About, Framed, framed_scorer, prior_bytes, scorer_bytes
from tierwise.router._calibrate import Curve
from tierwise.router._features import GROUPS, SEEN_BITS, SHAPES
from tierwise.router._matrix import WAVES, Space
from tierwise.router._model import Scorer

MOST_RUNGS = 32
_DENSE = SHAPES + WAVES


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands before the arrays."""

    about: About
    bits: int
    used: int
    """Hashed columns that are stored."""
    curves: tuple[Curve, ...]


def _layout(header: Header) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name, type and shape of each array, in their order in the file."""
    rungs = len(header.about.rungs)
    return {
        "used": ("<u1", ((len(GROUPS) << header.bits) // 8,)),
        "seen": ("<u1", ((1 << SEEN_BITS) // 8,)),
        "idf": ("<f2", (header.used,)),
        "center": ("<f4", (SHAPES,)),
        "scale": ("<f4", (SHAPES,)),
        "waves": ("<f4", (SHAPES + 1, WAVES)),
        "hashed": ("<f2", (rungs, header.used)),
        "dense": ("<f4", (rungs, _DENSE + 1)),
    }


def encode(scorer: Scorer) -> bytes:
    """The bytes of a scorer; equal scorers give equal bytes."""
    space = scorer.space
    known = space.idf > 0
    wide = space.idf.size
    header = Header(about=scorer.about, bits=space.bits, used=int(known.sum()), curves=scorer.curves)
    arrays: dict[str, NDArray[Any]] = {
        "used": np.packbits(known),
        "seen": np.packbits(space.seen),
        "idf": space.idf[known],
        "center": space.center,
        "scale": space.scale,
        "waves": space.waves,
        "hashed": scorer.weights[:, :wide][:, known],
        "dense": scorer.weights[:, wide:],
    }
    told = msgspec.json.encode(header)
    parts = [SCORER_MAGIC, len(told).to_bytes(4, "little"), told]
    parts += [arrays[name].astype(kind).tobytes() for name, (kind, _) in _layout(header).items()]
    body = b"".join(parts)
    return body + sha256(body).digest()


def decode(data: bytes, name: str = "the scorer") -> Scorer:
    """The scorer of these bytes. Raises ConfigurationError, which names `name`, for anything else."""
    framed = framed_scorer(data, name)
    try:
        return _read(framed)
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise ConfigurationError(f"{name}: {error}; make it anew with `tierwise train`") from None


def _read(framed: Framed) -> Scorer:
    header, body, at = msgspec.json.decode(framed.header, type=Header), framed.arrays, 0
    _check(header)
    found: dict[str, NDArray[np.float32]] = {}
    for name, (kind, shape) in _layout(header).items():
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        if at + size > len(body):
            raise ValueError(f"expected {size} bytes of {name}, and the file ends before")
        array = np.frombuffer(body, dtype=kind, count=int(np.prod(shape)), offset=at).reshape(shape)
        found[name] = array if kind == "<u1" else array.astype(np.float32)
        if kind != "<u1" and not np.isfinite(found[name]).all():
            raise ValueError(f"expected numbers in {name}, got infinite ones or none")
        at += size
    if at != len(body):
        raise ValueError(f"expected the digest after the arrays, got {len(body) - at} bytes more")
    return _assembled(header, found, framed.digest)


def _assembled(header: Header, found: dict[str, NDArray[np.float32]], digest: str) -> Scorer:
    known = np.unpackbits(found["used"]).astype(bool)  # type: ignore[arg-type]  # bytes here
    if int(known.sum()) != header.used:
        raise ValueError(f"expected {header.used} columns to be marked as used, got {int(known.sum())}")
    if (found["scale"] <= 0).any():
        raise ValueError("expected scales above 0")
    idf = np.zeros(known.size, dtype=np.float32)
    idf[known] = found["idf"]
    weights = np.zeros((len(header.about.rungs), known.size + _DENSE + 1), dtype=np.float32)
    weights[:, : known.size][:, known] = found["hashed"]
    weights[:, known.size :] = found["dense"]
    seen = np.unpackbits(found["seen"]).astype(bool)  # type: ignore[arg-type]  # bytes here
    space = Space(header.bits, idf, found["center"], found["scale"], found["waves"], seen)
    return Scorer(header.about, space, weights, header.curves, digest)


def _check(header: Header) -> None:
    """Raises ValueError for a header that arrays and curves cannot be read by."""
    about = header.about
    if not 8 <= header.bits <= 20:
        raise ValueError(f"expected 8 to 20 bits, got {header.bits}")
    if not 0 <= header.used <= len(GROUPS) << header.bits:
        raise ValueError(f"expected used columns within the table, got {header.used}")
    if not 1 <= len(about.rungs) <= MOST_RUNGS or len(set(about.rungs)) != len(about.rungs):
        raise ValueError(f"expected 1 to {MOST_RUNGS} different rungs, got {len(about.rungs)}")
    if len(header.curves) != len(about.rungs) or len(about.calls) != len(about.rungs):
        raise ValueError("expected a curve and a count of calls for each rung")
    if not (0 <= about.floor <= 1 and 0 < about.bar <= 1):
        raise ValueError("expected a floor and a bar from 0 to 1")
    for curve in header.curves:
        size = len(curve.chance)
        numbers = (*curve.edges, *curve.chance, *curve.low)
        if (
            size < 1
            or len(curve.low) != size
            or len(curve.edges) != size - 1
            or not all(map(isfinite, numbers))
        ):
            raise ValueError("expected a curve of as many chances as lower ends and one edge fewer")
        if list(curve.edges) != sorted(curve.edges) or list(curve.chance) != sorted(curve.chance):
            raise ValueError("expected a curve that rises")
        if not all(0 <= low <= chance <= 1 for low, chance in zip(curve.low, curve.chance, strict=True)):
            raise ValueError("expected lower ends not above their chances, both from 0 to 1")


def save(scorer: Scorer, path: Path) -> str:
    """Writes the file and returns its digest as hex."""
    data = encode(scorer)
    path.write_bytes(data)
    return data[-32:].hex()


def load(path: Path) -> Scorer:
    """Reads the file. Raises ConfigurationError where it is missing or no scorer."""
    try:
        data = scorer_bytes(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}: name a scorer's file") from None
    return decode(data, str(path))


@lru_cache(maxsize=1)
def prior() -> Scorer:
    """The scorer of difficulty that ships with the project: free of a ladder, unproven (docs/model-card.md)."""
    return decode(prior_bytes(), "the shipped prior")
