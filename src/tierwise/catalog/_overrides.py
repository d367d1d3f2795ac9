"""What an owner knows better than any price list: contract prices, discounts, names, ladders."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tierwise.catalog._lanes import LANES, Lane
from tierwise.catalog._layer import read_ladders
from tierwise.catalog._models import Ladder
from tierwise.catalog._rows import RateRow, Row, matches, parse_toml, read_rows
from tierwise.errors import ConfigurationError

_TABLES = ("alias", "discount", "ladder", "price", "reserved")
_LISTS = ("background_models",)
_LARGEST = 4 * 2**20


class Price(RateRow, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """A [[price]]: what the owner pays, whatever the lists say. `from` and `reason` are required."""

    reason: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _required(self.reason, self.start)


class Discount(Row, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """A [[discount]]: a percentage off the list price of every model that fits."""

    models: tuple[str, ...]
    lanes: tuple[Lane, ...] = LANES
    percent: Decimal
    reason: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _required(self.reason, self.start)
        if not self.percent.is_finite() or not 0 < self.percent <= 100:
            raise ValueError(f"percent must be above 0 and at most 100, got {self.percent}")

    def covers(self, model: str, lane: Lane, at: date) -> bool:
        """Whether the discount applies to a call."""
        return self.holds(at) and lane in self.lanes and matches(model, self.models)


class Reserved(Row, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """A [[reserved]]: capacity paid by the month; its tokens cost nothing more."""

    models: tuple[str, ...]
    lanes: tuple[Lane, ...] = ("standard",)
    monthly_fee: Decimal
    """USD a month, whether used or not; no part of any call's cost."""
    reason: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _required(self.reason, self.start)
        if not self.monthly_fee.is_finite() or self.monthly_fee < 0:
            raise ValueError(f"monthly_fee must be 0 or more USD, got {self.monthly_fee}")

    def covers(self, model: str, lane: Lane, at: date) -> bool:
        """Whether the capacity carries a call."""
        return self.holds(at) and lane in self.lanes and matches(model, self.models)


class Alias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An [[alias]]: a name of the owner's (a deployment, a proxy's route) and the model behind it."""

    name: str
    model: str


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """One overrides file, checked. Empty where there is none."""

    prices: tuple[Price, ...] = ()
    discounts: tuple[Discount, ...] = ()
    reserved: tuple[Reserved, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    aliases: dict[str, str] = {}
    background_models: frozenset[str] = frozenset()
    place: str = ""
    text: bytes = b""

    @property
    def priced_names(self) -> frozenset[str]:
        """Every name that a [[price]] is for, lower case."""
        return frozenset(row.model.strip().lower() for row in self.prices)


def load_overrides(path: Path | None) -> Overrides:
    """Read an overrides file; None gives none.

    Raises:
        ConfigurationError: the file is missing, not TOML, or has a key or value that does not
            hold; the message names the file, the row and the key.
    """
    if path is None:
        return Overrides()
    place = str(path)
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{place}: cannot read the overrides file: {error.strerror}") from error
    if len(text) > _LARGEST:
        raise ConfigurationError(f"{place}: larger than {_LARGEST:,} bytes; expected an overrides file")
    return _read(parse_toml(text, place), place, text)


def _read(tables: dict[str, Any], place: str, text: bytes) -> Overrides:
    if unknown := sorted(set(tables) - {*_TABLES, *_LISTS}):
        raise ConfigurationError(
            f"{place}: unknown key {unknown[0]!r}; expected {', '.join(f'[[{name}]]' for name in _TABLES)} "
            f"or {', '.join(_LISTS)}"
        )
    aliases = read_rows(Alias, tables, "alias", place)
    return Overrides(
        prices=read_rows(Price, tables, "price", place),
        discounts=read_rows(Discount, tables, "discount", place),
        reserved=read_rows(Reserved, tables, "reserved", place),
        ladders=read_ladders(tables, place),
        aliases={alias.name.strip().lower(): alias.model for alias in aliases},
        background_models=_names(tables.get("background_models", []), place),
        place=place,
        text=text,
    )


def _names(value: object, place: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigurationError(
            f"{place}: background_models must be a list of model names, got {value!r:.60}"
        )
    return frozenset(name.strip().lower() for name in value)


def _required(reason: str, start: date | None) -> None:
    if not reason.strip():
        raise ValueError("reason must say why, in a few words")
    if start is None:
        raise ValueError("from must be a date, e.g. from = 2026-11-01")
