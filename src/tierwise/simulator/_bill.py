"""The simulator's own bill: what each call used, in which lane, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from tierwise.simulator._prices import FEES, RESIDENCY, Lane, PriceList, Rates

_MILLION = Decimal(1_000_000)


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one call. `cached` and `written_*` are parts of `input`, `reasoning` of `output`."""

    input: int = 0
    cached: int = 0
    written_30m: int = 0
    written_12h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def written(self) -> int:
        """Tokens written to the cache, whatever their lifetime."""
        return self.written_30m + self.written_12h

    @property
    def plain(self) -> int:
        """Input tokens neither read from the cache nor written to it."""
        return self.input - self.cached - self.written


class BillLine(msgspec.Struct, frozen=True, kw_only=True):
    """One billed call."""

    request_id: str
    response_id: str | None = None
    custom_id: str | None = None
    """Of the batch line, where it was one."""
    at: float
    """Unix seconds."""
    endpoint: str
    model: str
    """The family name, as the price list has it."""
    lane: Lane
    key: str = ""
    """A short digest that tells API keys apart."""
    used: Used
    fees: Mapping[str, int] = {}
    """Calls of hosted tools by kind."""
    cost: Decimal | None
    """USD; None where no price is published."""
    task: str | None = None
    """The taught task that answered, if one did."""
    right: bool | None = None
    """Whether it answered as the teacher calls right."""


class Bill:
    """Lines in the order the calls ended, and their sum."""

    def __init__(self, prices: PriceList, *, residency: bool = False) -> None:
        self._prices = prices
        self._residency = residency
        self.lines: list[BillLine] = []

    def cost(self, model: str, lane: Lane, used: Used, fees: Mapping[str, int]) -> Decimal | None:
        """USD of one call, exact; None where a rate that it needs is not published."""
        rates = self._prices.rates(model, lane, used.input)
        if rates is None:
            return None
        tokens = _tokens(rates, used)
        if tokens is None:
            return None
        factor = RESIDENCY if self._residency and self._prices.uplifted(model) else Decimal(1)
        return tokens * factor + sum((FEES[kind] * n for kind, n in fees.items()), Decimal(0))

    def add(self, line: BillLine) -> None:
        """Write one line."""
        self.lines.append(line)

    @property
    def total(self) -> Decimal:
        """USD of all priced lines."""
        return sum((line.cost for line in list(self.lines) if line.cost is not None), Decimal(0))

    @property
    def unpriced(self) -> int:
        """Lines without a published price."""
        return sum(line.cost is None for line in list(self.lines))


def _tokens(rates: Rates, used: Used) -> Decimal | None:
    parts = (
        (used.plain, rates.input),
        (used.cached, rates.cached),
        (used.written_30m, rates.written_30m),
        (used.written_12h, rates.written_12h),
        (used.output, rates.output),
    )
    total = Decimal(0)
    for count, rate in parts:
        if count and rate is None:
            return None
        total += count * (rate or Decimal(0))
    return total / _MILLION
