"""Rates, a rate card, and what a call costs under it, to the last digit."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import cached_property
from typing import Final

import msgspec

from tierwise.catalog._lanes import Lane
from tierwise.catalog._tokens import KINDS, Tokens
from tierwise.errors import Unpriced

_MILLION: Final = Decimal(1_000_000)
_ZERO: Final = Decimal(0)
# 10 digits of tokens times a rate of at most 40 fit with room: any rounding would be an error.
_PRECISION: Final = 80
_RATE_DIGITS: Final = 40


def _exact() -> Context:
    """A context of its own per use: decimal contexts are mutable and belong to one thread."""
    return Context(prec=_PRECISION, traps=[Inexact, Overflow, InvalidOperation])


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD per million tokens of each kind; None where no rate is published.

    Reasoning is billed at `output`. Where `written` is None, writing to the cache carries no
    fee and written tokens are billed at `uncached`. Any other None refuses a non-zero count.

    Raises:
        ValueError: a rate that is negative, not a number, or has more than 40 digits.
    """

    uncached: Decimal | None = None
    cached: Decimal | None = None
    written: Decimal | None = None
    written_12h: Decimal | None = None
    audio_input: Decimal | None = None
    audio_cached: Decimal | None = None
    output: Decimal | None = None
    audio_output: Decimal | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            rate: Decimal | None = getattr(self, name)
            if rate is None:
                continue
            # Refuses 1e999 too: a rate is dollars per million, not an exponent.
            sane = rate.is_finite() and rate >= 0 and -_RATE_DIGITS < rate.adjusted() < _RATE_DIGITS
            if not sane or len(rate.as_tuple().digits) > _RATE_DIGITS:
                raise ValueError(f"{name} must be a rate of 0 or more USD per million tokens, got {rate}")

    def of(self, kind: str) -> Decimal | None:
        """The rate that tokens of `kind` (a word of `KINDS`) are billed at, None if unpublished."""
        if kind == "reasoning":
            return self.output
        rate: Decimal | None = getattr(self, kind)
        if rate is None and self.written is None and kind in ("written", "written_12h"):
            return self.uncached
        return rate

    def times(self, factor: Decimal) -> Rates:
        """Every published rate multiplied by `factor`, exactly."""
        context = _exact()
        rates = {name: getattr(self, name) for name in self.__struct_fields__}
        return Rates(
            **{name: None if rate is None else context.multiply(rate, factor) for name, rate in rates.items()}
        )


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What tokens cost, in USD, exact. `parts` has the kinds that were used and adds up to `total`."""

    total: Decimal
    parts: dict[str, Decimal]


class _Units(msgspec.Struct, frozen=True):
    """Rates as whole numbers of one small unit, so that a sum of tokens is a sum of ints."""

    factors: tuple[int, ...]
    """What a token of each kind costs, in the order of `KINDS`; 0 for one without a rate."""
    places: int
    """The unit is ten to the minus this many USD."""
    refused: tuple[str, ...]
    """Kinds without a rate."""


class RateCard(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The rates of one model in one lane on one date.

    `long` replaces `short` for the whole call when its input is strictly above `threshold`
    tokens; both are None where no such step is published.
    """

    model: str
    lane: Lane
    short: Rates
    long: Rates | None = None
    threshold: int | None = None
    source: str = ""
    """Where the rates come from, with a date."""
    note: str | None = None
    """What a reader of the price must know, e.g. 'priced as gpt-5.4'."""
    unpublished: frozenset[str] = frozenset()
    """Kinds that are known to have a rate of their own which is not published: always refused."""

    def rates(self, input_total: int) -> Rates:
        """The rates of a call with `input_total` input tokens, cached ones included."""
        if self.long is not None and self.threshold is not None and input_total > self.threshold:
            return self.long
        return self.short

    @property
    def reads_priced(self) -> bool:
        """True where input read from the cache has a published rate, on either side of a step."""
        sides = [self.short] if self.long is None else [self.short, self.long]
        return "cached" not in self.unpublished and all(side.cached is not None for side in sides)

    def cost(self, tokens: Tokens) -> Cost:
        """What `tokens` cost: each kind at its own rate, never rounded.

        Raises:
            Unpriced: a kind with a non-zero count has no published rate here; the message
                names the kind, the model and the lane.
        """
        context = _exact()
        multiply, divide, add = context.multiply, context.divide, context.add
        rates = self.rates(tokens.input_total)
        parts: dict[str, Decimal] = {}
        total = _ZERO
        for kind in KINDS:
            count: int = getattr(tokens, kind)
            if not count:
                continue
            rate = rates.of(kind) if kind not in self.unpublished else None
            if rate is None:
                raise self._unpriced(kind, count, tokens.input_total)
            parts[kind] = part = divide(multiply(rate, count), _MILLION)
            total = add(total, part)
        return Cost(total=total, parts=parts)

    def total(self, tokens: Tokens) -> Decimal:
        """`cost(tokens).total`, at a fifth of the time: for decisions, which price a call several times.

        Raises:
            Unpriced: as `cost`.
        """
        long = self.long is not None and self.threshold is not None and tokens.input_total > self.threshold
        units = self._long_units if long else self._short_units
        for kind in units.refused:
            if getattr(tokens, kind):
                raise self._unpriced(kind, getattr(tokens, kind), tokens.input_total)
        f = units.factors
        amount = (
            tokens.uncached * f[0]
            + tokens.cached * f[1]
            + tokens.written * f[2]
            + tokens.written_12h * f[3]
            + tokens.audio_input * f[4]
            + tokens.audio_cached * f[5]
            + (tokens.output + tokens.reasoning) * f[6]
            + tokens.audio_output * f[8]
        )
        if not amount:
            return _ZERO
        # By way of text: exact whatever the context, and contexts belong to threads.
        digits = str(amount)
        zeros = min(len(digits) - len(digits.rstrip("0")), units.places)
        return Decimal(f"{digits[: len(digits) - zeros]}E-{units.places - zeros}")

    @cached_property
    def _short_units(self) -> _Units:
        return _units(self.short, self.unpublished)

    @cached_property
    def _long_units(self) -> _Units:
        return _units(self.long or self.short, self.unpublished)

    def _unpriced(self, kind: str, count: int, input_total: int) -> Unpriced:
        above = self.threshold is not None and input_total > self.threshold
        step = f" above {self.threshold:,} input tokens" if above else ""
        return Unpriced(
            f"{self.model} has no published rate for {kind.replace('_', ' ')} tokens in the {self.lane} "
            f"lane{step}, and the call has {count:,}; add a [[price]] for it to the overrides file"
        )


def _units(rates: Rates, unpublished: frozenset[str]) -> _Units:
    """Rates per million as whole numbers of the unit that all of them have in common."""
    of = [None if kind in unpublished else rates.of(kind) for kind in KINDS]
    places = max((-int(rate.as_tuple().exponent) for rate in of if rate is not None), default=0)
    places = max(places, 0)
    context = _exact()
    factors = tuple(0 if rate is None else int(context.scaleb(rate, places)) for rate in of)
    refused = tuple(kind for kind, rate in zip(KINDS, of, strict=True) if rate is None)
    return _Units(factors, places + 6, refused)
