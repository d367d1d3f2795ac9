"""The calls of a day as they stand in the ledger, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from tierwise.ledger._money import read_amount
from tierwise.ledger._rows import SETTLED, UNKNOWN
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import BOOK, PAID, calls


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """A call with its money, USD."""

    id: str
    project: str | None
    model: str
    """As served, else as asked; '' where neither is known."""
    lane: str
    status: str
    attempts: int
    moved: bool
    cost: Decimal | None
    """Its own, else what it was settled at; None for a call without a price."""
    as_asked: Decimal | None
    held: Decimal | None
    unpriced: str | None
    """Why it has no price."""
    line: bytes | None
    """The call as a recorder file holds it; None where its end never came."""
    damaged: bool
    """Whether text of its money is no number: it then counts as unpriced."""

    @property
    def settled(self) -> bool:
        """Whether its cost is what it was settled at."""
        return self.status == SETTLED

    @property
    def unknown(self) -> bool:
        """Whether nobody knows its end, nor what it cost."""
        return self.status == UNKNOWN and self.cost is None and not self.damaged


def entries(ledger: Ledger, day: str, project: str | None = None) -> Iterator[Entered]:
    """The calls of one UTC day, of one project where one is named, read as they are asked for."""
    columns: tuple[Any, ...] = (
        calls.c.id, calls.c.project, calls.c.served, calls.c.asked, calls.c.lane, calls.c.status,
        calls.c.attempts, calls.c.moved, PAID, calls.c.as_asked, calls.c.reserved, calls.c.unpriced, calls.c.line,
    )  # fmt: skip
    query = sa.select(*columns).select_from(BOOK).where(calls.c.day == day)
    if project is not None:
        query = query.where(calls.c.project == project)
    with ledger.engine.connect().execution_options(yield_per=1_000) as connection:
        for row in connection.execute(query):
            yield _entered(row)


def _entered(row: Any) -> Entered:
    (
        identity,
        project,
        served,
        asked,
        lane,
        status,
        attempts,
        moved,
        paid,
        as_asked,
        reserved,
        unpriced,
        line,
    ) = row
    texts = (paid, as_asked, reserved)
    cost, before, held = (read_amount(text) for text in texts)
    return Entered(
        id=identity,
        project=project,
        model=served or asked or "",
        lane=lane,
        status=status,
        attempts=attempts,
        moved=moved,
        cost=cost,
        as_asked=before,
        held=held,
        unpriced=unpriced,
        line=bytes(line) if line is not None else None,
        damaged=any(text is not None and read_amount(text) is None for text in texts),
    )
