"""genai-prices read as rates: its prices, without its silent fallbacks.

genai-prices answers an unknown context key, a lane a model does not have, and a day before its
first dated lane price with the standard price. So it is asked for the prices it holds, never
for the price of a call, and what it does not hold is refused by name.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec

from tierwise.catalog._lanes import Lane
from tierwise.catalog._rates import Rates
from tierwise.errors import Unpriced

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, Provider

_KINDS = {
    "input_mtok": "uncached",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "written",
    "input_audio_mtok": "audio_input",
    "cache_audio_read_mtok": "audio_cached",
    "output_mtok": "output",
    "output_audio_mtok": "audio_output",
}
# Fees per call, which our own table has with their dates.
_IGNORED = frozenset({"web_searches_kcount", "storage_searches_kcount"})
_CONTEXTS: dict[Lane, dict[str, str]] = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
_AFTER_PREFIX = re.compile(r"-?(preview)?(-\d{4}-\d{2}-\d{2})?")


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """Rates below and above the long-context step, as genai-prices holds them."""

    short: Rates
    long: Rates | None = None
    threshold: int | None = None


class LanePrices(msgspec.Struct, frozen=True, kw_only=True):
    """Lane rates, and the first day that genai-prices dates them from (None: always)."""

    prices: Prices
    first_day: date | None


class Published:
    """The OpenAI prices of the installed genai-prices, loaded at first use (about 0.7 s)."""

    @cached_property
    def _provider(self) -> Provider:
        # Brings pydantic and an HTTP client with it, so only where a price is asked for.
        from genai_prices import Usage, calc_price

        priced = calc_price(Usage(input_tokens=0), "gpt-4o", provider_id="openai")
        return priced.provider

    @cached_property
    def source(self) -> str:
        """The package and its version."""
        return f"genai-prices {version('genai-prices')}"

    def find(self, name: str) -> ModelInfo | None:
        """The entry for exactly this name; None where only a looser rule would match."""
        info = self._provider.find_model(name)
        return info if info is not None and _names(info.match, name.lower()) else None

    def names(self) -> list[str]:
        """Ids of every entry."""
        return [info.id for info in self._provider.models]

    def dump(self) -> str:
        """Every price in a stable order, for the digest."""
        return "\n".join(
            f"{info.id} {info.match!r} {info.prices!r} {info.price_variants!r}"
            for info in self._provider.models
        )

    def standard(self, info: ModelInfo, at: date) -> Prices:
        """Standard rates on a day.

        Raises:
            Unpriced: no price row holds on that day, or the model is billed in other units.
        """
        rows = info.prices
        if isinstance(rows, list) and not any(
            row.constraint is None or row.constraint.active(_moment(at)) for row in rows
        ):
            raise Unpriced(f"{info.id} has no published price on {at.isoformat()}")
        return _read(info.id, info.get_prices(_moment(at)))

    def lane(self, info: ModelInfo, lane: Lane, at: date) -> LanePrices | None:
        """The lane's rates on a day, or its earliest ones where that day comes before them.

        None where no such lane is published for the model.

        Raises:
            Unpriced: the model is billed in units other than tokens.
        """
        context = _CONTEXTS[lane]
        variants = [row for row in info.price_variants or () if row.when == context]
        if not variants:
            return None
        starts = [_start(info.id, row) for row in variants]
        open_ended = any(start is None for start in starts)
        first = None if open_ended else min(start for start in starts if start)
        day = at if first is None else max(at, first)
        held: dict[str, Any] = {}
        for variant, start in zip(variants, starts, strict=True):
            if start is None or start <= day:
                held = {**_set(variant.prices), **held}
        standard = _set(info.get_prices(_moment(day)))
        return LanePrices(prices=_prices(info.id, held or standard), first_day=first)


def _moment(at: date) -> datetime:
    # genai-prices compares UTC dates; noon keeps clear of both edges.
    return datetime(at.year, at.month, at.day, 12, tzinfo=UTC)


def _start(model: str, variant: PriceVariant) -> date | None:
    if variant.constraint is None:
        return None
    start = getattr(variant.constraint, "start_date", None)
    if not isinstance(start, date):
        raise Unpriced(
            f"{model} has a price by time of day, which is not read; add a [[price]] to the overrides"
        )
    return start


def _set(price: ModelPrice) -> dict[str, Any]:
    return {key: value for key, value in vars(price).items() if value is not None and key not in _IGNORED}


def _read(model: str, price: ModelPrice) -> Prices:
    return _prices(model, _set(price))


def _prices(model: str, held: dict[str, Any]) -> Prices:
    if strange := sorted(set(held) - set(_KINDS)):
        raise Unpriced(
            f"{model} is also billed by {', '.join(strange)}, which token counts do not tell; "
            "add a [[price]] for it to the overrides file"
        )
    steps = {tier.start for value in held.values() for tier in getattr(value, "tiers", ())}
    if len(steps) > 1:
        raise Unpriced(f"{model} has prices with more than one step ({sorted(steps)}), which are not read")
    short = Rates(**{_KINDS[key]: getattr(value, "base", value) for key, value in held.items()})
    if not steps:
        return Prices(short=short)
    long = Rates(**{_KINDS[key]: _above(value) for key, value in held.items()})
    return Prices(short=short, long=long, threshold=steps.pop())


def _above(value: Any) -> Decimal:
    tiers = getattr(value, "tiers", None)
    price: Decimal = tiers[-1].price if tiers else getattr(value, "base", value)
    return price


def _names(clause: Any, name: str) -> bool:
    """Whether a match rule names `name` itself, not just some prefix of it."""
    for part in getattr(clause, "or_", [clause]):
        if getattr(part, "equals", "").lower() == name:
            return True
        if (pattern := getattr(part, "regex", None)) and re.search(pattern, name):
            return True
        prefix = getattr(part, "starts_with", "").lower()
        if prefix and name.startswith(prefix) and _follows(prefix, name[len(prefix) :]):
            return True
    return False


def _follows(prefix: str, rest: str) -> bool:
    # Fine-tuned names end in the owner's own words, so there a prefix is the whole rule.
    return prefix.startswith("ft:") or _AFTER_PREFIX.fullmatch(rest) is not None
