"""How answers turned out: what callers and checks say of calls, appended and never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec
import sqlalchemy as sa

from tierwise.ledger._tables import calls, outcomes

Thumb = Literal["up", "down"]
_PAGE: Final = 500
_THEIRS: Final = outcomes.join(
    calls,
    sa.and_(
        calls.c.id == outcomes.c.call,
        sa.or_(outcomes.c.project.is_(None), outcomes.c.project == calls.c.project),
    ),
)
"""Outcomes with their calls: what a key said of a call that was not in yet counts only if that was its project's."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of one call's answer. At least one of score and label is given."""

    call: str
    """Id of the call, which is its decision's."""
    at: int
    """Microseconds since the epoch."""
    name: str = "score"
    """What was measured: of several outcomes of one name the last counts."""
    score: Decimal | None = None
    """From 0 to 1, higher is better."""
    label: str | None = None
    """The right answer, or what the answer was found to be."""
    project: str | None = None
    """Whose call it must be to count; None counts for anybody's."""
    who: str = ""
    """Who says so: 'key:NAME', or 'check' for what was found here."""


def add_outcomes(connection: sa.Connection, given: Sequence[Outcome]) -> None:
    """Append outcomes, in the connection's transaction."""
    rows = [
        {
            "call": one.call,
            "at": one.at,
            "name": one.name,
            "score": f"{one.score:f}" if one.score is not None else None,
            "label": one.label,
            "project": one.project,
            "who": one.who,
        }
        for one in given
    ]
    if rows:
        connection.execute(outcomes.insert(), rows)


def outcomes_of(engine: sa.Engine, *, since: int = 0, name: str | None = None) -> Iterator[Outcome]:
    """Outcomes said since a time in microseconds, oldest first; of each call and name the last alone."""
    newest = (
        sa.select(sa.func.max(outcomes.c.number))
        .select_from(_THEIRS)
        .group_by(outcomes.c.call, outcomes.c.name)
    )
    query = sa.select(outcomes).where(outcomes.c.number.in_(newest), outcomes.c.at >= since)
    if name is not None:
        query = query.where(outcomes.c.name == name)
    with engine.connect().execution_options(yield_per=1_000) as connection:
        for row in connection.execute(query.order_by(outcomes.c.number)):
            yield Outcome(
                call=row.call,
                at=row.at,
                name=row.name,
                score=Decimal(row.score) if row.score is not None else None,
                label=row.label,
                project=row.project,
                who=row.who,
            )


def projects_of(connection: sa.Connection, ids: Iterable[str]) -> Mapping[str, str | None]:
    """The project of each of these calls that is in the ledger."""
    wanted, found = list(ids), dict[str, str | None]()
    for at in range(0, len(wanted), _PAGE):
        where = calls.c.id.in_(wanted[at : at + _PAGE])
        rows = connection.execute(sa.select(calls.c.id, calls.c.project).where(where))
        found.update((row.id, row.project) for row in rows)
    return found


def with_scores(engine: sa.Engine, lines: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Recorder lines, each with the scores that were said of its call; the others as they are.

    Args:
        engine: Of the ledger.
        lines: Id of a call, and its line without the line break.
    """
    page: list[tuple[str, bytes]] = []
    for line in lines:
        page.append(line)
        if len(page) >= _PAGE:
            yield from _scored(engine, page)
            page = []
    yield from _scored(engine, page)


def _scored(engine: sa.Engine, page: Sequence[tuple[str, bytes]]) -> Iterator[bytes]:
    said: dict[str, dict[str, float]] = {}
    query = (
        sa.select(outcomes.c.call, outcomes.c.name, outcomes.c.score)
        .select_from(_THEIRS)
        .where(outcomes.c.call.in_([identity for identity, _ in page]))
    )
    with engine.connect() as connection:
        for row in connection.execute(query.order_by(outcomes.c.number)):
            if row.score is not None:
                said.setdefault(row.call, {})[row.name] = float(row.score)
    for identity, line in page:
        scores = said.get(identity)
        if scores is None:
            yield line
            continue
        # Only the one field is touched: the rest of the line stays as it was recorded.
        fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        before = json.loads(bytes(fields.get("scores", msgspec.Raw(b"{}"))))
        fields["scores"] = msgspec.Raw(msgspec.json.encode({**before, **scores}))
        yield msgspec.json.encode(fields)
