"""The money of a proof: what a call could cost at most is set aside before it goes, and settled after."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any, Final

import msgspec

from tierwise.catalog import Catalog, Lane
from tierwise.errors import SpendReached

_MILLION: Final = Decimal(1_000_000)
_CAPS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_FLAT: Final = 50_000
"""Tokens allowed for an image or a file whose content is not in the body. OpenAI publishes no bound for files;
images are below it (vision guide)."""
_ROOM: Final = 1_000
"""Tokens allowed for what the API adds around messages, tools and schemas."""
LONGEST_OUTPUT: Final = 128_000
"""Tokens of an answer where neither the request nor the catalog has a bound."""


class Purse:
    """At most so much money, calls on their way included.

    Args:
        most: USD.
        spent: What was spent of it before.
    """

    def __init__(self, most: Decimal, spent: Decimal = Decimal(0)) -> None:
        self.most, self.spent = most, spent
        self.held = Decimal(0)
        """USD set aside for calls on their way."""
        self.unknown = Decimal(0)
        """USD of `spent` that stands for calls whose cost is not known: their whole reserve."""
        self._flying = 0
        self._settled = asyncio.Event()

    async def reserve(self, amount: Decimal) -> None:
        """Set money aside for a call; waits for calls on their way where only they stand in the way.

        Raises:
            SpendReached: There is not so much left.
        """
        while self.spent + self.held + amount > self.most:
            if not self._flying or self.spent + amount > self.most:
                raise SpendReached(
                    f"a call could cost ${amount:.4f}, and ${self.most - self.spent:.4f} of ${self.most} is left; "
                    "nothing was sent. Go on with a larger --max-spend"
                )
            self._settled.clear()
            await self._settled.wait()
        self.held += amount
        self._flying += 1

    def settle(self, amount: Decimal, cost: Decimal | None) -> None:
        """Take back what was set aside and pay what the call cost; None, which is not known, pays all of it."""
        self.held -= amount
        self._flying -= 1
        if cost is None:
            self.unknown += amount
        self.spent += amount if cost is None else cost
        self._settled.set()


def most_cost(
    path: str, body: bytes, prices: Catalog, day: dt.date, lane: Lane = "standard", residency: bool = False
) -> Decimal:
    """USD that a request can cost at most.

    Input: a token is at least one byte of the body (byte-pair encoding over UTF-8), all of it at the dearest
    of the rates for plain input and for writing to the cache. Output: the request's own cap, else the
    model's. A cheaper lane is held at the standard price too, since it may be served so.

    Raises:
        CatalogError: The model, or its output, has no price.
    """
    fields: dict[str, Any] = msgspec.json.decode(body)
    model = str(fields.get("model"))
    flat = sum(body.count(mark) for mark in (b'"image_url"', b'"file_url"', b'"file_id"'))
    tokens = len(body) + _ROOM + flat * _FLAT
    known = prices.resolve(model).model
    cap = next((fields[name] for name in _CAPS if isinstance(fields.get(name), int)), None)
    output = 0 if path.endswith("/embeddings") else cap or known.max_output or LONGEST_OUTPUT
    lanes: set[Lane] = {"standard", lane}
    costs = []
    for one in lanes:
        rates = prices.rate_card(model, one, at=day, residency=residency).rates(tokens)
        read = max(
            rate for kind in ("uncached", "written", "written_12h") if (rate := rates.of(kind)) is not None
        )
        written = rates.of("output") if output else Decimal(0)
        costs.append((read * tokens + (written or Decimal(0)) * output) / _MILLION)
    return max(costs)
