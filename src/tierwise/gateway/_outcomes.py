"""`POST /v1/tierwise/outcomes`: callers say how answers turned out."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from tierwise.errors import RequestError
from tierwise.gateway._access import Caller, Refused
from tierwise.gateway._errors import NO_OUTCOMES
from tierwise.ledger import Ledger, Outcome, add_outcomes, projects_of

MOST: Final = 1_000
"""Outcomes in one request."""
PLACES: Final = 17
"""Decimal places that are kept of a score: a float has no more."""
_THUMBS: Final = {"up": Decimal(1), "down": Decimal(0)}
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One outcome as a caller says it: `decision` and one or more of `score`, `label`, `thumbs`."""

    decision: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """The id in the reply's `x-tierwise-decision`."""
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_.:-]{1,60}$")] | None = None
    """What was measured; 'score', 'label' or 'thumbs' without it."""
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    label: Text | None = None
    thumbs: Literal["up", "down"] | None = None


class Many(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several outcomes at once."""

    outcomes: Annotated[list[Told], msgspec.Meta(min_length=1, max_length=MOST)]


def take(ledger: Ledger, body: bytes, caller: Caller, process: str) -> tuple[int, tuple[str, ...]]:
    """Take outcomes down: how many, and decisions that are not known, whose outcomes were left out.

    Args:
        ledger: Where they are kept.
        body: One `Told`, or `Many`.
        caller: Only calls of its project count; admins say of any.
        process: What the ids of this process's calls begin with: its newest calls are perhaps not
            in the database yet.

    Raises:
        RequestError: The body says something else.
        Refused: The caller has no gateway key.
        LedgerUnavailable: The database cannot be reached.
    """
    key = caller.key
    if key is None:
        raise Refused(NO_OUTCOMES)
    told = _read(body)
    now = time.time_ns() // 1_000
    project = None if key.scope.admin else caller.project
    with ledger.asked() as connection:
        known = projects_of(connection, {one.decision for one in told})
        ours = [
            one
            for one in told
            if (one.decision in known and (key.scope.admin or known[one.decision] == caller.project))
            or (one.decision not in known and one.decision.startswith(process))
        ]
        add_outcomes(connection, [_outcome(one, now, f"key:{key.name}", project) for one in ours])
    taken = {one.decision for one in ours}
    return len(ours), tuple(dict.fromkeys(one.decision for one in told if one.decision not in taken))


def _read(body: bytes) -> list[Told]:
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        kind: type[Told | Many] = Many if "outcomes" in fields else Told
        read = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        said = (
            "expected JSON with 'decision' and 'score', 'label' or 'thumbs', or a list of such as 'outcomes'"
        )
        raise RequestError(f"{said}: {error}") from None
    told = read.outcomes if isinstance(read, Many) else [read]
    for number, one in enumerate(told):
        if one.score is None and one.label is None and one.thumbs is None:
            raise RequestError(f"outcome {number}: expected a 'score', 'label' or 'thumbs', got none")
        if one.score is not None and one.thumbs is not None:
            raise RequestError(f"outcome {number}: expected 'score' or 'thumbs', got both")
    return told


def _outcome(one: Told, at: int, who: str, project: str | None) -> Outcome:
    score = Decimal(repr(one.score)) if one.score is not None else None
    if one.thumbs is not None:
        score = _THUMBS[one.thumbs]
    kind = "thumbs" if one.thumbs is not None else "score" if score is not None else "label"
    return Outcome(
        call=one.decision,
        at=at,
        name=one.name or kind,
        score=round(score, PLACES) if score is not None else None,
        label=one.label,
        who=who,
        project=project,
    )
