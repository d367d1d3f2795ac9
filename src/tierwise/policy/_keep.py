"""What text of calls is kept: the [keep] table as a value, and whether an owner's pattern is safe to run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, Literal, get_args

import msgspec

Redaction = Literal["email", "phone", "card", "iban", "ip", "key", "bearer", "jwt"]
REDACTIONS: Final[tuple[Redaction, ...]] = get_args(Redaction)
"""Built-in patterns of what is taken out of text."""
KEYS: Final[tuple[Redaction, ...]] = ("key", "bearer", "jwt")
"""Of them those that are always taken out, named or not: no key is written anywhere."""
MOST_PATTERNS: Final = 50
WIDEST: Final = 500
"""Characters that a pattern of the owner's may match at most."""
MOST_WAYS: Final = 1_000
"""Ways in which such a pattern may be tried at one place of a text: what bounds its time."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
"""What such a pattern may be called."""


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """What text of calls is kept, how much is taken out of it, and for how long."""

    text: Literal["prompts", "all"]
    """Requests alone, or with their replies."""
    workloads: frozenset[str] = frozenset()
    """Only calls of these, by fingerprint (16 hex digits); empty: of all."""
    share: Decimal = Decimal(1)
    """Share of the calls, 0 to 1, drawn by their ids."""
    redact: frozenset[Redaction] = frozenset(REDACTIONS)
    patterns: Mapping[str, str] = {}
    """Regular expressions of the owner's by name, each passed by `unsafe`."""
    retention: int
    """Days that it is kept."""

    def chooses(self, call: str, workload: str | None) -> bool:
        """Whether the text of a call is kept: the same answer for the same id, whoever asks."""
        if self.workloads and workload not in self.workloads:
            return False
        drawn = int.from_bytes(blake2b(call.encode(), digest_size=8).digest(), "big")
        return drawn < self.share * (1 << 64)


class Text(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a call's text: JSON, packed as zstandard."""

    until: int
    """When it is to go, microseconds since the epoch, UTC."""
    request: bytes = b""
    """Empty where only the reply came, of a call whose request was kept before."""
    reply: bytes = b""
    """Empty where none is kept, or none came yet."""


def unsafe(pattern: str) -> str | None:
    """Why a pattern is refused; None for one whose time is bounded by the length of the text.

    A backtracking matcher tries every way to divide a text among repetitions. A pattern whose
    repetitions all have an upper limit, of which the ways multiply to at most `MOST_WAYS`, takes
    at most that many times `WIDEST` steps a character.
    """
    try:
        parsed = _parsed(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"not a regular expression: {error}"
    least, most = parsed.getwidth()
    if least == 0:
        return "it matches nothing at all, and so at every place"
    repeats = _repeats(parsed)
    if any(high is None for high in repeats):
        return "a repetition without an upper limit; write {1,64} in place of +, {0,64} in place of *"
    if most > WIDEST:
        return f"it may match {most} characters; at most {WIDEST} can be searched for in bounded time"
    ways = _ways(parsed)
    if ways > MOST_WAYS:
        return (
            f"its repetitions can divide a text in more than {MOST_WAYS} ways; lower their upper limits, and "
            "nest none"
        )
    return None


def _parsed(pattern: str) -> Any:
    # The parser of the standard library has had this place since 3.11 and is stable in what is read here.
    from re import _parser  # type: ignore[attr-defined]  # typeshed does not have it

    re.compile(pattern)
    return _parser.parse(pattern)


def _repeats(parsed: Any) -> list[int | None]:
    """Upper limits of every repetition in a pattern, however deep; None for one without."""
    from re import _constants  # type: ignore[attr-defined]

    found: list[int | None] = []
    for name, value in parsed:
        if str(name) in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            found.append(None if value[1] == _constants.MAXREPEAT else int(value[1]))
        for part in _parts(value):
            found += _repeats(part)
    return found


def _ways(parsed: Any) -> int:
    """Ways in which a pattern can be tried from one place; beyond `MOST_WAYS` only that it is beyond."""
    ways = 1
    for name, value in parsed:
        parts = [_ways(part) for part in _parts(value)]
        if str(name) == "BRANCH":
            ways *= max(1, sum(parts))
        elif str(name) in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            low, high = int(value[0]), int(value[1])
            inner = parts[0]
            ways *= (high - low + 1) * min(inner ** min(high, 20), MOST_WAYS + 1)
        else:
            for inner in parts:
                ways *= inner
        if ways > MOST_WAYS:
            return MOST_WAYS + 1
    return ways


def _parts(value: Any) -> list[Any]:
    """The patterns within a part of a pattern."""
    if hasattr(value, "getwidth"):
        return [value]
    if isinstance(value, list | tuple):
        return [part for each in value for part in _parts(each)]
    return []
