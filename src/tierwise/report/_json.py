"""Findings as JSON, exact and in a fixed order, and the schema of that JSON."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from tierwise.audit import LEVERS, Findings

if TYPE_CHECKING:
    from tierwise.audit import Explained

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MONEY = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}


def json_bytes(findings: Findings | Explained) -> bytes:
    """UTF-8 JSON of the findings, indented by two, ending in a line break.

    Money is a string in plain notation with every digit. Fields stand in the order of the
    structs, levers in the order they are applied, other keys sorted: equal findings give
    equal bytes. Decodes back to equal findings.
    """
    return msgspec.json.format(msgspec.json.encode(_plain(findings)), indent=2) + b"\n"


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `json_bytes` writes, one definition a struct.

    Descriptions are the docstrings of the structs and their fields. Every field is written
    always, so every field is required.
    """
    _, found = msgspec.json.schema_components((Findings,), ref_template="#/$defs/{name}")
    structs = _structs()
    defs = {name: _documented(found[name], structs[name]) for name in sorted(found)}
    return {
        "$schema": DIALECT,
        "title": "tierwise audit --json",
        "$ref": "#/$defs/Findings",
        "$defs": defs,
    }


def schema_text() -> str:
    """The schema as the text of docs/findings.schema.json."""
    return msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode() + "\n"


def _plain(value: Any) -> Any:
    match value:
        case msgspec.Struct():
            return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        case Decimal():
            return f"{value:f}" if value else "0"
        case str():
            # Paths may hold bytes that are no text (PEP 383); JSON is text.
            return value.encode("utf-8", "replace").decode()
        case dict():
            ordered = sorted(value, key=lambda key: (_lever_place(key), key))
            return {_plain(key): _plain(value[key]) for key in ordered}
        case tuple() | list():
            return [_plain(item) for item in value]
        case float():
            return value if math.isfinite(value) else None
        case _:
            return value


def _lever_place(key: str) -> int:
    return LEVERS.index(key) if key in LEVERS else len(LEVERS)


def _structs() -> dict[str, type[msgspec.Struct]]:
    """Every struct that findings are made of, by name."""
    found: dict[str, type[msgspec.Struct]] = {}
    waiting: list[Any] = [Findings]
    while waiting:
        each = waiting.pop()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__name__ not in found:
            found[each.__name__] = each
            waiting += [field.type for field in msgspec.structs.fields(each)]
        else:
            waiting += getattr(each, "__args__", ())
    return found


def _documented(schema: dict[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    words = _field_words(struct)
    fields = {
        name: _described(field, words.get(name)) for name, field in schema.get("properties", {}).items()
    }
    return {**schema, "properties": fields, "required": list(fields)}


def _described(field: dict[str, Any], words: str | None) -> dict[str, Any]:
    kept = _money_named({key: value for key, value in field.items() if key != "default"})
    return {**kept, "description": words} if words else kept


def _money_named(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with msgspec's bare decimal strings given the pattern that is written."""
    if schema.get("format") == "decimal":
        return {**schema, **MONEY}
    named = {key: _money_named(value) if isinstance(value, dict) else value for key, value in schema.items()}
    if "anyOf" in schema:
        named["anyOf"] = [_money_named(option) for option in schema["anyOf"]]
    return named


def _field_words(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Docstrings that stand beneath fields; none where the source is not at hand."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    except OSError:
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, after in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = _string(after)
            if text:
                found[field.target.id] = " ".join(text.split())
    return found


def _string(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        value = node.value.value
        return value if isinstance(value, str) else None
    return None
