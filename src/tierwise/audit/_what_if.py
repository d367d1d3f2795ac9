"""What totals cost, and what half of them would cost one tier down and in Batch."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

import msgspec

from tierwise.audit._breakdowns import tier_of
from tierwise.calls import Bucket
from tierwise.catalog import Catalog, Lane, Tokens
from tierwise.errors import CatalogError
from tierwise.policy import Policy, scaled

HALF: Final = 500
"""Per mille of the calls that a what-if moves; the log cannot tell which."""
NOTHING: Final = Decimal(0)
NO_MODEL: Final = "the export is not grouped by model; group it by model to price it"


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket with what it cost, and would cost one tier down and in Batch."""

    bucket: Bucket
    model: str
    cost: Decimal | None = None
    why: str | None = None
    """Why it has no price."""
    tier: Decimal = NOTHING
    """Saved when half of it runs one tier down."""
    tier_all: Decimal = NOTHING
    """Saved when all of it does."""
    lane: Decimal = NOTHING
    """Saved when, after that, half of it goes by Batch."""
    lane_all: Decimal = NOTHING


def day_of(start: int) -> dt.date:
    """The day of a time in microseconds, UTC."""
    return dt.datetime.fromtimestamp(start / 1e6, tz=dt.UTC).date()


class Totals:
    """Prices buckets at the short-context rates: a total says nothing of single prompts."""

    def __init__(self, catalog: Catalog, policy: Policy) -> None:
        self._catalog = catalog
        self._policy = policy

    def price(self, bucket: Bucket) -> Priced:
        """A bucket's cost and what-ifs; without a price, the reason."""
        if bucket.model is None:
            return Priced(bucket=bucket, model="(no model)", why=NO_MODEL)
        day = day_of(bucket.start)
        try:
            name = self._catalog.resolve(bucket.model).model.name
            cost = self.cost(bucket.tokens, name, bucket.lane, day)
        except CatalogError as error:
            return Priced(bucket=bucket, model=bucket.model, why=str(error))
        if bucket.free:
            return Priced(bucket=bucket, model=name, cost=NOTHING)
        below = self._below(name, day)
        half, rest = halved(bucket.tokens)
        moves = [
            self._saving(part, (name, bucket.lane), (below or name, bucket.lane), day)
            for part in (half, rest)
        ]
        lanes = self._lanes(bucket, name, below or name, day)
        return Priced(
            bucket=bucket,
            model=name,
            cost=cost,
            tier=moves[0],
            tier_all=sum(moves, NOTHING),
            lane=lanes[0],
            lane_all=lanes[1],
        )

    def cost(self, tokens: Tokens, model: str, lane: Lane, day: dt.date) -> Decimal:
        """USD of totals. Raises CatalogError where there is no price."""
        card = self._catalog.rate_card(model, lane, at=day)
        return msgspec.structs.replace(card, long=None, threshold=None).cost(tokens).total

    def _saving(
        self, tokens: Tokens, before: tuple[str, Lane], after: tuple[str, Lane], day: dt.date
    ) -> Decimal:
        try:
            return max(self.cost(tokens, *before, day) - self.cost(tokens, *after, day), NOTHING)
        except CatalogError:
            return NOTHING

    def _lanes(self, bucket: Bucket, name: str, below: str, day: dt.date) -> tuple[Decimal, Decimal]:
        """Saved by Batch on half of what the tier what-if left, and on all of it."""
        if bucket.lane != "standard":
            return NOTHING, NOTHING
        half, rest = halved(bucket.tokens)
        (low, high), (low_rest, high_rest) = halved(half), halved(rest)
        saved = [
            self._saving(part, (model, "standard"), (model, "batch"), day)
            for part, model in ((low, below), (low_rest, name), (high, below), (high_rest, name))
        ]
        return saved[0] + saved[1], sum(saved, NOTHING)

    def _below(self, model: str, day: dt.date) -> str | None:
        """The ladder's model one tier below; None at its foot."""
        ladder = self._policy.ladder
        tier, _ = tier_of(model, self._catalog, ladder, day)
        at = ladder.models.index(ladder.model_for(tier)) if tier is not None else 0
        return ladder.models[at - 1] if at > 0 else None


def halved(tokens: Tokens) -> tuple[Tokens, Tokens]:
    """Two halves that add up to the whole."""
    kinds = tokens.__struct_fields__
    half = {kind: scaled(getattr(tokens, kind), HALF) for kind in kinds}
    return Tokens(**half), Tokens(**{kind: getattr(tokens, kind) - half[kind] for kind in kinds})
