"""What is fixed before a proof asks anything; a change opens a new hypothesis, which is written down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from tierwise.errors import ConfigurationError
from tierwise.policy import Rung

Reference = Literal["right answers", "logged answers", "judge", "judge and people"]
"""What the rung's answers are held against. 'judge': the logged answer, by a judge's word."""


class Hypothesis(msgspec.Struct, frozen=True, kw_only=True):
    """The claim about one workload: each rung, down the order, keeps the bar."""

    workload: str
    population: str
    """Digest of its calls."""
    baseline: Rung
    rungs: tuple[Rung, ...]
    """In the order in which they are tried; the first that does not hold ends it."""
    margin: Decimal
    measure: Literal["points", "share"]
    confidence: Decimal
    grader: str
    """By name, with its parameters."""
    reference: Reference
    seed: str
    cluster: int
    """Calls of a cluster that are asked, at most."""
    repeats: float = 1.0
    """Share of calls whose baseline is asked afresh, where answers are held against the logged ones."""
    most_calls: int
    """Calls of a rung after which it is undecided."""
    planned: int = 1
    """Workloads that were planned together."""
    labels: str = ""
    """Digest of the file of labels, '' without one."""
    lane: str = "standard"

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, 64 hex digits."""
        return sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file of hypotheses."""

    digest: str
    opened: dt.date
    hypothesis: Hypothesis


def opened(path: Path, hypotheses: Iterable[Hypothesis], day: dt.date) -> dict[str, int]:
    """Write hypotheses down that are new, and say how many of the same workload were opened before each.

    Args:
        path: The file, one JSON line a hypothesis; made where there is none.
        hypotheses: Those that are about to be tried.
        day: Today.

    Returns:
        Digest of each to the number before it.

    Raises:
        ConfigurationError: The file holds something else.
    """
    known = _known(path)
    places = {one.digest: place for place, one in enumerate(known)}
    before: dict[str, int] = {}
    lines: list[bytes] = []
    for hypothesis in hypotheses:
        digest = hypothesis.digest
        end = places.get(digest, len(known))
        before[digest] = sum(one.hypothesis.workload == hypothesis.workload for one in known[:end])
        if digest not in places:
            one = Opened(digest=digest, opened=day, hypothesis=hypothesis)
            places[digest] = len(known)
            known.append(one)
            lines.append(msgspec.json.encode(one) + b"\n")
    if lines:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.writelines(lines)
    return before


def _known(path: Path) -> list[Opened]:
    if not path.exists():
        return []
    decoder = msgspec.json.Decoder(Opened)
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{path}: line {number}: expected a hypothesis, found something else: {error}; move the file away"
            ) from None
    return found
