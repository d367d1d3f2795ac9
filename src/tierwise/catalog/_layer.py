"""Our reviewed layer of data: models, ladders, and the prices that genai-prices does not carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from typing import Any

import msgspec

from tierwise.catalog._models import Ladder, Model
from tierwise.catalog._rows import (
    Fee,
    History,
    LadderRow,
    ModelRow,
    RateRow,
    Residency,
    Window,
    WriteRule,
    parse_toml,
    read_row,
    read_rows,
)

_NAMES_ONLY = frozenset({"family", "aliases", "azure", "snapshots", "only_snapshots"})


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in `data/*.toml`, checked."""

    models: Mapping[str, Model]
    rows: Mapping[str, ModelRow]
    aliases: Mapping[str, str]
    """Other spellings to canonical names, and dated snapshots to theirs."""
    azure: Mapping[str, str]
    ladders: tuple[Ladder, ...]
    rates: tuple[RateRow, ...]
    history: tuple[History, ...]
    fees: tuple[Fee, ...]
    windows: tuple[Window, ...]
    write_12h: WriteRule
    residency: Residency
    background: tuple[str, ...]
    checked: date
    text: bytes
    """The files as read, for the digest."""


def load_layer() -> Layer:
    """Read the files of the package.

    Raises:
        ConfigurationError: a file that does not hold; a test makes sure that ours do.
    """
    folder = files("tierwise.catalog") / "data"
    texts = {name: (folder / name).read_bytes() for name in ("models.toml", "ladders.toml", "prices.toml")}
    tables = {name: _spelled_out(parse_toml(text, name)) for name, text in texts.items()}
    rows = _model_rows(tables["models.toml"])
    prices = tables["prices.toml"]
    return Layer(
        models={row.name: _model(row) for row in rows},
        rows={row.name: row for row in rows},
        aliases={other: row.name for row in rows for other in (*row.aliases, *_dated(row))},
        azure={other: row.name for row in rows for other in row.azure},
        ladders=read_ladders(tables["ladders.toml"], "ladders.toml"),
        rates=read_rows(RateRow, prices, "rate", "prices.toml"),
        history=read_rows(History, prices, "history", "prices.toml"),
        fees=read_rows(Fee, prices, "fee", "prices.toml"),
        windows=read_rows(Window, prices, "background", "prices.toml"),
        write_12h=read_row(WriteRule, prices["write_12h"], "prices.toml: [write_12h]"),
        residency=read_row(Residency, prices["residency"], "prices.toml: [residency]"),
        background=tuple(prices["background_eligible"]["assumed"]),
        checked=prices["checked"],
        text=b"\n".join(texts.values()),
    )


def read_ladders(tables: dict[str, Any], place: str) -> tuple[Ladder, ...]:
    """The [[ladder]] rows of a file; their models are checked by the catalog."""
    rows = read_rows(LadderRow, tables, "ladder", place)
    return tuple(Ladder(name=row.name, models=row.models, why=row.why) for row in rows)


def _spelled_out(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables with the short words of every `source` replaced by what they stand for."""
    words: dict[str, str] = tables.get("sources", {})
    if not words:
        return tables
    pattern = re.compile(rf"\b({'|'.join(words)})\b")

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: pattern.sub(lambda word: words[word[1]], item) if key == "source" else walk(item)
            for key, item in value.items()
        }

    return {key: walk(value) for key, value in tables.items() if key != "sources"}


def _model_rows(tables: dict[str, Any]) -> list[ModelRow]:
    families = tables["family"]
    merged = [{**families[row["family"]], **row} for row in tables["model"]]
    return [read_row(ModelRow, row, f"models.toml: {row['name']}") for row in merged]


def _dated(row: ModelRow) -> list[str]:
    return [f"{row.name}-{snapshot}" for snapshot in row.snapshots]


def _model(row: ModelRow) -> Model:
    fields = {name: getattr(row, name) for name in row.__struct_fields__ if name not in _NAMES_ONLY}
    return msgspec.convert(msgspec.to_builtins(fields, builtin_types=(date,)), Model)
