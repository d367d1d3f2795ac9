"""One rate card: the owner's prices first, then our rows, then genai-prices, then the rules over all.

The order of a card: reserved capacity, a [[price]] of the owner's (both final), else a list
price (our dated row, or genai-prices), then 12-hour writes, the residency uplift, a discount.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NoReturn, TypeVar

import msgspec

from tierwise.catalog._genai import Prices, Published
from tierwise.catalog._lanes import Lane
from tierwise.catalog._layer import Layer
from tierwise.catalog._models import Model
from tierwise.catalog._names import Named
from tierwise.catalog._overrides import Overrides
from tierwise.catalog._rates import RateCard, Rates
from tierwise.catalog._rows import RateRow, matches
from tierwise.errors import Unpriced

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

_Rated = TypeVar("_Rated", bound=RateRow)

_FREE = Rates(**dict.fromkeys(Rates.__struct_fields__, Decimal(0)))
_PROMISE = "background-"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a card is wanted for."""

    named: Named
    lane: Lane
    at: date
    residency: bool
    endpoint: str | None

    @property
    def model(self) -> Model:
        """The model that the name led to."""
        return self.named.resolution.model

    def refuse(self, why: str) -> NoReturn:
        """Raise, saying what has no price."""
        tuned = "fine-tuned " if self.named.resolution.how == "fine-tune" else ""
        what = f"{tuned}{self.model.name} in the {self.lane} lane on {self.at.isoformat()}"
        raise Unpriced(f"{what} is unpriced: {why}")


class Pricing:
    """Rate cards from the three sources of prices."""

    def __init__(self, layer: Layer, published: Published, overrides: Overrides) -> None:
        self._layer = layer
        self._published = published
        self._overrides = overrides

    def card(self, asked: Asked) -> RateCard:
        """The rate card for what is asked.

        Raises:
            Unpriced: no published rate, by name; never a guess, never zero.
        """
        if (card := self._owned(asked)) is not None:
            return card
        listed = self._window(asked) if asked.lane.startswith(_PROMISE) else self._listed(asked)
        return self._discounted(asked, self._uplifted(asked, self._with_long_writes(listed)))

    # ------------------------------------------------------------ the owner's

    def _owned(self, asked: Asked) -> RateCard | None:
        name = asked.model.name
        for capacity in reversed(self._overrides.reserved):
            if capacity.covers(name, asked.lane, asked.at):
                note = f"reserved capacity ({capacity.reason}): no cost per token, {capacity.monthly_fee} USD a month"
                return RateCard(
                    model=name, lane=asked.lane, short=_FREE, source=self._overrides.place, note=note
                )
        row = _latest(self._overrides.prices, asked.named.spelled, asked)
        if row is None:
            return None
        return _from_row(asked, row, self._overrides.place, f"your price of {row.start}: {row.reason}")

    def _discounted(self, asked: Asked, card: RateCard) -> RateCard:
        for discount in reversed(self._overrides.discounts):
            if discount.covers(card.model, card.lane, asked.at):
                note = f"{discount.percent} % contract discount: {discount.reason}"
                return _times(card, 1 - discount.percent / 100, note)
        return card

    # ------------------------------------------------------------ lists

    def _listed(self, asked: Asked) -> RateCard:
        if (row := _latest(self._layer.rates, asked.named.keys, asked)) is not None:
            return _from_row(asked, row, row.source, asked.named.resolution.note)
        if asked.endpoint == "decisions":
            asked.refuse(
                "the Decisions endpoint has published prices for gpt-6-luna in the standard lane only"
            )
        for key in asked.named.keys:
            info = self._published.find(key)
            if info is None:
                continue
            if key.startswith("ft:") and not info.id.startswith("ft:"):
                continue  # the base model's price is not the fine-tuned one's
            if asked.lane == "standard":
                prices = self._published.standard(info, asked.at)
                return _card(asked, prices, self._published.source, ())
            return self._lane(asked, info)
        return self._missing(asked)

    def _lane(self, asked: Asked, info: ModelInfo) -> RateCard:
        # Entries stand for several names; only the name itself is in OpenAI's lane tables.
        same = info.id == asked.model.name or info.id.startswith("ft:")
        found = self._published.lane(info, asked.lane, asked.at) if same else None
        if found is None:
            asked.refuse(
                f"no {asked.lane} price is published for {asked.model.name}; it is not offered there"
            )
        source = self._published.source
        standard = self._published.standard(info, asked.at)
        if found.first_day is not None and asked.at < found.first_day:
            source = self._before(asked, standard, self._published.standard(info, found.first_day))
        prices, notes, unpublished = _settled(asked.lane, found.prices, standard)
        return _card(asked, prices, source, notes, unpublished)

    def _before(self, asked: Asked, then: Prices, later: Prices) -> str:
        """The source that lets a lane's first dated rates be read back to this day."""
        rows = [row for row in self._layer.history if row.lane == asked.lane]
        own = [row for row in rows if row.models and matches(asked.model.name, row.models)]
        row = (own or [row for row in rows if not row.models])[0]
        released = asked.model.released
        if not row.holds(asked.at):
            asked.refuse(f"its first published {asked.lane} price in our data is of {row.start}")
        if released is not None and asked.at < released:
            asked.refuse(f"{asked.model.name} was released on {released.isoformat()}")
        if then != later:
            asked.refuse(
                f"its standard price was another then, and the {asked.lane} price of the time is not known"
            )
        return f"{row.source}; standard price unchanged since"

    def _missing(self, asked: Asked) -> NoReturn:
        rows = [row for row in self._layer.rates if row.model in asked.named.keys and row.endpoint is None]
        if any(row.lane == asked.lane for row in rows):
            first = min((row.start for row in rows if row.lane == asked.lane and row.start), default=None)
            asked.refuse(f"its first published price in our data is of {first}")
        lanes = ", ".join(sorted({row.lane for row in rows}))
        asked.refuse(f"prices are published for: {lanes or 'no lane'}; add a [[price]] to the overrides file")

    # ------------------------------------------------------------ rules over all lanes

    def _window(self, asked: Asked) -> RateCard:
        name = asked.model.name
        named = (
            name in self._overrides.background_models
            or asked.named.keys[0] in self._overrides.background_models
        )
        if not named and not matches(name, self._layer.background):
            asked.refuse(
                "background windows are known for gpt-5.4 and later; OpenAI does not publish which models are "
                "eligible, so name it in background_models if it works for you"
            )
        window = next(row for row in self._layer.windows if row.lane == asked.lane)
        standard = msgspec.structs.replace(asked, lane="standard")
        base = self._with_long_writes(self._listed(standard))
        note = None if named else "eligibility for background windows is not published"
        card = msgspec.structs.replace(base, lane=asked.lane, source=f"{base.source}; {window.source}")
        return _times(card, window.times_standard, note)

    def _with_long_writes(self, card: RateCard) -> RateCard:
        rule = self._layer.write_12h
        if (
            not matches(card.model, rule.models)
            or card.short.written is None
            or card.short.written_12h is not None
        ):
            return card
        return msgspec.structs.replace(
            card,
            short=_with_12h(card.short, rule.times_input),
            long=None if card.long is None else _with_12h(card.long, rule.times_input),
        )

    def _uplifted(self, asked: Asked, card: RateCard) -> RateCard:
        if not asked.residency:
            return card
        rule = self._layer.residency
        if asked.model.released is None:
            asked.refuse("its release date is not known, so neither is whether the residency uplift applies")
        if asked.model.released < rule.released_from:
            return card
        return _times(card, rule.times, f"{(rule.times - 1) * 100:.0f} % residency uplift")


def _latest(rows: Iterable[_Rated], keys: tuple[str, ...], asked: Asked) -> _Rated | None:
    """The row that holds, the newest of the best key; later in the file wins a tie."""
    for key in keys:
        held = [
            row
            for row in rows
            if row.model.strip().lower() == key
            and row.lane == asked.lane
            and row.endpoint == (asked.endpoint if asked.endpoint == "decisions" else None)
            and row.holds(asked.at)
        ]
        if held:
            return max(reversed(held), key=lambda row: row.start or date.min)
    return None


def _from_row(asked: Asked, row: RateRow, source: str, note: str | None) -> RateCard:
    return RateCard(
        model=asked.model.name,
        lane=asked.lane,
        short=row.rates,
        long=row.long_rates,
        threshold=row.threshold,
        source=source,
        note=note,
        unpublished=frozenset(row.unpublished),
    )


def _card(
    asked: Asked,
    prices: Prices,
    source: str,
    notes: tuple[str, ...],
    unpublished: frozenset[str] = frozenset(),
) -> RateCard:
    said = (asked.named.resolution.note, *notes)
    return RateCard(
        model=asked.model.name,
        lane=asked.lane,
        short=prices.short,
        long=prices.long,
        threshold=prices.threshold,
        source=source,
        note="; ".join(note for note in said if note) or None,
        unpublished=unpublished,
    )


def _settled(lane: Lane, prices: Prices, standard: Prices) -> tuple[Prices, tuple[str, ...], frozenset[str]]:
    """A lane's rates with what its published dashes mean: (rates, notes, kinds refused)."""
    notes: list[str] = []
    unpublished: set[str] = set()
    if prices.short.cached is None and standard.short.cached is not None:
        if lane == "batch":
            # "-" in the Batch table: models before GPT-5 get no cache discount there
            # (OpenAI cookbook, Prompt Caching 201).
            prices = msgspec.structs.replace(
                prices, short=_flat_cache(prices.short), long=prices.long and _flat_cache(prices.long)
            )
            notes.append("Batch gives this model no cache discount")
        else:
            unpublished.add("cached")
    if prices.short.written is None and standard.short.written is not None:
        unpublished |= {"written", "written_12h"}
    if standard.threshold is not None and prices.threshold is None:
        notes.append(
            f"no rate above {standard.threshold:,} input tokens is published here; the flat rate holds"
        )
    return prices, tuple(notes), frozenset(unpublished)


def _flat_cache(rates: Rates) -> Rates:
    return msgspec.structs.replace(rates, cached=rates.uncached)


def _with_12h(rates: Rates, times_input: Decimal) -> Rates:
    if rates.uncached is None:
        return rates
    return msgspec.structs.replace(rates, written_12h=rates.times(times_input).uncached)


def _times(card: RateCard, factor: Decimal, note: str | None) -> RateCard:
    return msgspec.structs.replace(
        card,
        short=card.short.times(factor),
        long=None if card.long is None else card.long.times(factor),
        note="; ".join(said for said in (card.note, note) if said) or None,
    )
