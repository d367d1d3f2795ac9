"""The catalog: one object that answers what a name means, what it can do and what it costs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Literal

from tierwise.catalog._genai import Published
from tierwise.catalog._lanes import LANES, Lane
from tierwise.catalog._layer import Layer, load_layer
from tierwise.catalog._models import Ladder, Model, Resolution
from tierwise.catalog._names import Named, Names
from tierwise.catalog._overrides import Overrides, Reserved, load_overrides
from tierwise.catalog._pricing import Asked, Pricing
from tierwise.catalog._rates import RateCard
from tierwise.errors import ConfigurationError, UnknownModel, Unpriced

DEFAULT_LADDER = "gpt-5.4"
"""The ladder used where none is named."""

_Key = tuple[str, Lane, date, bool, Literal["decisions"] | None]
# Bounds on what one catalog remembers: a log with more names or days than this is answered
# all the same, only slower.
_REMEMBERED = 4096


class Catalog:
    """Models, prices and ladders, with an owner's overrides on top.

    Reading the package's own data takes about 40 ms at `open`; genai-prices (about 0.7 s) is
    loaded at the first question that needs it. Answers are remembered. A catalog pickles as
    the path of its overrides, so a worker process reads its own.
    """

    def __init__(self, layer: Layer, overrides: Overrides, path: Path | None) -> None:
        self._layer = layer
        self._overrides = overrides
        self._path = path
        self._published = Published()
        self._names = Names(layer, self._published, overrides.aliases, overrides.priced_names)
        self._pricing = Pricing(layer, self._published, overrides)
        self._ladders = {ladder.name: ladder for ladder in (*layer.ladders, *overrides.ladders)}
        self._named: dict[str, Named | str] = {}
        self._cards: dict[_Key, RateCard | str] = {}
        self._check()

    @classmethod
    def open(cls, overrides: Path | str | None = None) -> Catalog:
        """The catalog, with an overrides file if one is given (docs/catalog.md has its keys).

        Raises:
            ConfigurationError: the file cannot be read or does not hold; names file and key.
        """
        path = None if overrides is None else Path(overrides)
        return cls(load_layer(), load_overrides(path), path)

    def __reduce__(self) -> tuple[object, ...]:
        return (Catalog.open, (self._path,))

    # ------------------------------------------------------------ names

    def resolve(self, name: str) -> Resolution:
        """The model that a name means, as logs and clouds write it.

        Raises:
            UnknownModel: nothing by that name; the message has the nearest names.
        """
        return self._name(name).resolution

    def models(self) -> tuple[Model, ...]:
        """Every model of our data, newest family first, and any that only the overrides price."""
        return self._names.models

    # ------------------------------------------------------------ money

    def rate_card(
        self,
        name: str,
        lane: Lane = "standard",
        *,
        at: date,
        residency: bool = False,
        endpoint: str | None = None,
    ) -> RateCard:
        """The rates of a model in a lane on a day, in USD per million tokens.

        `at` is the UTC day of the call (of a datetime, its UTC day). `residency` adds the uplift
        of regional processing where it applies. `endpoint` matters only as 'decisions', which
        has prices of its own.

        Raises:
            UnknownModel: the name leads to no model.
            Unpriced: the model is known and this lane, day or endpoint has no published price.
        """
        if lane not in LANES:
            raise Unpriced(f"expected a lane of {', '.join(LANES)}, got {lane!r:.40}")
        key: _Key = (name, lane, _day(at), residency, "decisions" if endpoint == "decisions" else None)
        if (known := self._cards.get(key)) is None:
            known = self._price(key)
            if len(self._cards) >= _REMEMBERED:
                self._cards.clear()
            self._cards[key] = known
        if isinstance(known, str):
            raise Unpriced(known)
        return known

    def hosted_fee(self, kind: str, at: date) -> Decimal:
        """USD for one call of a hosted tool ('web_search', 'file_search', ...), or one minute of a container.

        Raises:
            Unpriced: no fee is published for that kind or day, or it is not billed by the call.
        """
        day = _day(at)
        rows = [row for row in self._layer.fees if row.kind == kind]
        if not rows:
            kinds = ", ".join(row.kind for row in self._layer.fees if row.usd is not None)
            raise Unpriced(f"no fee is published for hosted tool {kind!r:.60}; known: {kinds}")
        held = [row for row in rows if row.holds(day)]
        if not held:
            raise Unpriced(
                f"{kind} on {day.isoformat()} is unpriced: its first fee in our data is of {rows[0].start}"
            )
        if held[-1].usd is None:
            raise Unpriced(f"{kind} is unpriced: {held[-1].refused}")
        return held[-1].usd

    @property
    def reserved(self) -> tuple[Reserved, ...]:
        """The owner's reserved capacity; its monthly fees are in no call's cost."""
        return self._overrides.reserved

    @property
    def background_models(self) -> frozenset[str]:
        """Models that the owner says may use background windows."""
        return self._overrides.background_models

    # ------------------------------------------------------------ ladders

    def ladder(self, name: str = DEFAULT_LADDER) -> Ladder:
        """A ladder by name.

        Raises:
            ConfigurationError: no such ladder; the message lists those there are.
        """
        if name not in self._ladders:
            raise ConfigurationError(
                f"no ladder is called {name!r:.60}; there are {', '.join(self._ladders)}"
            )
        return self._ladders[name]

    def ladders(self) -> tuple[Ladder, ...]:
        """Every ladder, ours first."""
        return tuple(self._ladders.values())

    # ------------------------------------------------------------ provenance

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all price data in effect: ours, genai-prices' and the overrides, in hex."""
        parts = (self._layer.text, self._published.dump().encode(), self._overrides.text)
        return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()

    @property
    def prices_date(self) -> date:
        """The day our own price rows were last checked."""
        return self._layer.checked

    # ------------------------------------------------------------ inside

    def _name(self, name: str) -> Named:
        known = self._named.get(name)
        if known is None:
            try:
                known = self._names.resolve(name)
            except UnknownModel as error:
                known = str(error)
            if len(self._named) >= _REMEMBERED:
                self._named.clear()
            self._named[name] = known
        if isinstance(known, str):
            raise UnknownModel(known)
        return known

    def _price(self, key: _Key) -> RateCard | str:
        name, lane, at, residency, endpoint = key
        named = self._name(name)
        try:
            return self._pricing.card(
                Asked(named=named, lane=lane, at=at, residency=residency, endpoint=endpoint)
            )
        except Unpriced as error:
            return str(error)

    def _check(self) -> None:
        place = self._overrides.place
        for ladder in self._overrides.ladders:
            self._meant(f"{place}: [[ladder]] {ladder.name!r}", ladder.models)
        for alias, target in self._overrides.aliases.items():
            self._meant(f"{place}: [[alias]] {alias!r}", (target,))

    def _meant(self, where: str, names: tuple[str, ...]) -> None:
        for name in names:
            try:
                self._names.resolve(name)
            except UnknownModel as error:
                raise ConfigurationError(f"{where}: {error}") from error


def _day(at: date) -> date:
    if isinstance(at, datetime):
        return (at.astimezone(UTC) if at.tzinfo else at).date()
    return at
