"""From TOML to the tables of `_file`: what does not fit is a problem with its line."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec

from tierwise.policy._file import (
    BarTable,
    DefaultTable,
    DeferTable,
    KeepTable,
    LimitsTable,
    PolicyFile,
    RuleTable,
    SwitchTable,
    Table,
)
from tierwise.policy._lines import Path
from tierwise.policy._problems import Sheet, expected, found, nearest

_Kind = TypeVar("_Kind", bound=Table)
_PARTS: Final = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_TABLES: Final[dict[str, type[Table]]] = {
    "bar": BarTable,
    "limits": LimitsTable,
    "switch": SwitchTable,
    "keep": KeepTable,
    "defer": DeferTable,
}


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """What could be read of a file; None for a table with a problem."""

    top: PolicyFile | None
    """Everything but rules and default."""
    rules: tuple[RuleTable | None, ...]
    default: DefaultTable | None


def shape(raw: dict[str, Any], sheet: Sheet) -> Tables:
    """The tables of a file, each read apart so that one problem does not hide the next."""
    top = dict(raw)
    rows = top.pop("rule", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        sheet.say(("rule",), f"expected an array of tables, [[rule]], found {found(rows)}")
        rows = []
    rules = tuple(_read(row, RuleTable, ("rule", number), sheet) for number, row in enumerate(rows))
    default = None
    if "default" in top:
        default = _read(top.pop("default"), DefaultTable, ("default",), sheet)
    else:
        sheet.say((), "expected a table [default] for calls that no rule matches, found none; add one")
    for key, kind in _TABLES.items():
        if key in top and _read(top[key], kind, (key,), sheet) is None:
            del top[key]
    return Tables(
        top=_read({**top, "default": {}}, PolicyFile, (), sheet),
        rules=rules,
        default=default,
    )


def _read(value: object, kind: type[_Kind], path: Path, sheet: Sheet) -> _Kind | None:
    """A table as its type; None, with problems noted, where it does not fit."""
    if not isinstance(value, dict):
        sheet.say(path, f"expected {expected(kind)}, found {found(value)}")
        return None
    kept = _known(value, kind, path, sheet)
    ranges = _ranges(kept, kind, path, sheet)
    try:
        read = msgspec.convert(kept, kind)
    except (msgspec.ValidationError, ArithmeticError) as error:
        _explain(str(error), kept, kind, path, sheet)
        return None
    return read if ranges else None


def _known(value: dict[str, Any], kind: type[Table], path: Path, sheet: Sheet) -> dict[str, Any]:
    """The table without keys that its type does not have, here and in tables within."""
    hints = get_type_hints(kind)
    kept = {}
    for key, inner in value.items():
        if key not in hints:
            sheet.say((*path, key), f"no such key; {nearest(key, kind.__struct_fields__)}")
            continue
        table = table_in(hints[key])
        within = isinstance(inner, dict) and table is not None
        kept[key] = _known(inner, table, (*path, key), sheet) if within and table is not None else inner
    return kept


def table_in(kind: Any) -> type[Table] | None:
    """The table that a field may hold, if any."""
    if isinstance(kind, type) and issubclass(kind, Table):
        return kind
    return next((table for part in get_args(kind) if (table := table_in(part)) is not None), None)


def _ranges(value: dict[str, Any], kind: type[Table], path: Path, sheet: Sheet) -> bool:
    """Whether numbers lie in the range that the schema states; notes those that do not."""
    right = True
    for key, hint in get_type_hints(kind, include_extras=True).items():
        number = value.get(key)
        table = table_in(hint) if isinstance(number, dict) else None
        if isinstance(number, dict) and table is not None:
            right &= _ranges(number, table, (*path, key), sheet)
        if isinstance(number, bool) or not isinstance(number, int | Decimal):
            continue
        bounds = _bounds(hint)
        if bounds and not _within(Decimal(number), bounds):
            most = f" to {bounds['maximum']}" if "maximum" in bounds else " or more"
            sheet.say((*path, key), f"expected a number from {bounds['minimum']}{most}, found {number}")
            right = False
    return right


def _within(number: Decimal, bounds: dict[str, int]) -> bool:
    if not number.is_finite():
        return False
    return bounds["minimum"] <= number <= bounds.get("maximum", number)


def _bounds(hint: Any) -> dict[str, int]:
    for meta in getattr(hint, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta) and meta.extra_json_schema:
            return meta.extra_json_schema
    for part in get_args(hint):
        if bounds := _bounds(part):
            return bounds
    return {}


def _explain(message: str, value: dict[str, Any], kind: type[Table], path: Path, sheet: Sheet) -> None:
    """What msgspec says in our words: where, what was expected, what was found."""
    said, _, at = message.partition(" - at `$")
    keys = tuple(_key(name, index) for name, index in _PARTS.findall(at))
    missing = re.search(r"missing required field `(\w+)`", said)
    if missing:
        sheet.say((*path, *keys), f"expected the key {missing[1]!r}, found none; add it")
        return
    where: Any = value
    hint: Any = kind
    for key in keys:
        if key == "...":
            break
        where = _under(where, key)
        hint = _hint(hint, key)
    wanted = expected(hint) if hint is not None and hint is not kind else said
    sheet.say((*path, *(key for key in keys if key != "...")), f"expected {wanted}, found {found(where)}")


def _under(value: object, key: str | int) -> Any:
    found: Any = value
    return found[key] if isinstance(value, dict | list) else found


def _key(name: str, index: str) -> str | int:
    return name or (int(index) if index.isdigit() else index)


def _hint(kind: Any, key: str | int) -> Any:
    """The type of what stands under a key of a table, or at a place of an array."""
    if isinstance(key, int):
        parts = [part for part in _flat(kind) if getattr(part, "__origin__", None) is tuple]
        return get_args(parts[0])[0] if parts else None
    table = table_in(kind)
    return get_type_hints(table, include_extras=True).get(key) if table is not None else None


def _flat(kind: Any) -> list[Any]:
    return [kind, *(inner for part in get_args(kind) for inner in _flat(part))]
