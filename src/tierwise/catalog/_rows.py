"""Rows of the TOML files, ours and the owner's, checked once when they are read."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar

import msgspec

from tierwise.catalog._lanes import Lane
from tierwise.catalog._models import CacheRules, Feature
from tierwise.catalog._rates import Rates
from tierwise.errors import ConfigurationError

_Row = TypeVar("_Row", bound=msgspec.Struct)


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """What every dated row has: the first day it holds and the first day it no longer does."""

    start: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if self.start and self.until and self.until <= self.start:
            raise ValueError(f"until ({self.until}) must be after from ({self.start})")

    def holds(self, at: date) -> bool:
        """Whether the row holds on `at`."""
        return (self.start is None or self.start <= at) and (self.until is None or at < self.until)


class RateRow(Row, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """Rates of one model in one lane, from a day on."""

    model: str
    lane: Lane = "standard"
    endpoint: Literal["decisions"] | None = None
    rates: Rates
    long_rates: Rates | None = None
    threshold: int | None = None
    unpublished: tuple[Literal["cached", "written", "written_12h"], ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.long_rates is None) != (self.threshold is None):
            raise ValueError("long_rates and threshold belong together: give both or neither")
        if self.threshold is not None and self.threshold < 1:
            raise ValueError(f"threshold must be at least 1 token, got {self.threshold}")


class History(Row, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """From when on a lane's rates may be read backwards; empty `models` means all."""

    lane: Lane
    models: tuple[str, ...] = ()
    source: str


class Fee(Row, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """USD for one use of a hosted tool, or why there is no such number."""

    kind: str
    usd: Decimal | None = None
    refused: str | None = None
    source: str


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A background window, as a factor on the standard rates."""

    lane: Lane
    times_standard: Decimal
    source: str


class WriteRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a 12-hour cache write costs, as a factor on the lane's input rate."""

    models: tuple[str, ...]
    times_input: Decimal
    source: str


class Residency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The uplift of regional processing, for models released on or after a day."""

    released_from: date
    times: Decimal
    source: str


class ModelRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One [[model]], its family already merged in; the names that lead to it beside what it can."""

    name: str
    family: str
    aliases: tuple[str, ...] = ()
    azure: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    only_snapshots: bool = False
    context: int | None = None
    max_output: int | None = None
    max_input: int | None = None
    efforts: tuple[str, ...] = ()
    default_effort: str | None = None
    features: frozenset[Feature] = frozenset()
    endpoints: frozenset[str] = frozenset()
    sampling: str = "unknown"
    chat_tools: str = "always"
    successor: str | None = None
    successor_note: str | None = None
    shutdown: date | None = None
    released: date | None = None
    cache: CacheRules = CacheRules()
    encoding: str = "o200k_base"
    note: str | None = None
    source: str = ""


class LadderRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One [[ladder]]: four models, cheapest first."""

    name: str
    models: tuple[str, str, str, str]
    why: str = ""


def parse_toml(text: bytes, place: str) -> dict[str, Any]:
    """The tables of a TOML file, numbers with a point as exact decimals.

    Raises:
        ConfigurationError: not UTF-8, or not TOML; the message names the place.
    """
    try:
        return tomllib.loads(text.decode("utf-8"), parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{place}: expected UTF-8 text, {error.reason} at byte {error.start}"
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError, ArithmeticError) as error:
        raise ConfigurationError(f"{place}: not valid TOML: {error}") from error


def read_row(kind: type[_Row], value: object, place: str) -> _Row:
    """One row as its type.

    Raises:
        ConfigurationError: an unknown key, a missing one, or a value that does not hold; the
            message names the file, the row and the key.
    """
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, ArithmeticError) as error:
        raise ConfigurationError(f"{place}: {error}") from error


def read_rows(kind: type[_Row], tables: dict[str, Any], key: str, place: str) -> tuple[_Row, ...]:
    """All rows of the array of tables `key`; () where there is none.

    Raises:
        ConfigurationError: as `read_row`, or `key` is not an array of tables.
    """
    rows = tables.get(key, [])
    if not isinstance(rows, list):
        raise ConfigurationError(f"{place}: expected an array of tables [[{key}]], got {type(rows).__name__}")
    return tuple(read_row(kind, row, f"{place}: [[{key}]] number {i}") for i, row in enumerate(rows, 1))


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether `name` fits one of `patterns`, where * stands for any characters."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
