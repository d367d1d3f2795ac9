"""Whether a value fits a JSON schema, as far as structured outputs use schemas.

Keywords read: type, enum, const, properties, required, additionalProperties, items, prefixItems,
anyOf, oneOf, allOf, $ref within the document, and the bounds of numbers, lengths and counts. What else
stands in a schema, patterns and formats among it, is taken to hold: a check that costs nothing must not
fail a good answer, nor run an expression that somebody else wrote.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tierwise.calls._plain_json import is_number
from tierwise.calls._types import Request

_MOST_STEPS: Final = 200_000
"""Work spent on one value; what is left then is taken to hold."""
_Schema = Mapping[str, Any] | bool


class _Walk:
    """A schema document, the work spent on it, and the references being followed."""

    def __init__(self, root: _Schema) -> None:
        self.root = root
        self.left = _MOST_STEPS

    def fault(self, value: Any, schema: Any, following: tuple[str, ...] = ()) -> str | None:
        """Why the value does not fit, in words without its text; None where it does."""
        self.left -= 1
        if schema is False:
            return "nothing is allowed here"
        if not isinstance(schema, Mapping) or self.left < 0:
            return None
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in following:
            target = self._at(reference)
            if found := self.fault(value, target, (*following, reference)):
                return found
        return (
            self._kind(value, schema)
            or _listed(value, schema)
            or _bounds(value, schema)
            or self._combined(value, schema, following)
            or self._inside(value, schema)
        )

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#"):
            return True
        found: Any = self.root
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if found is not None else True

    def _kind(self, value: Any, schema: Mapping[str, Any]) -> str | None:
        wanted = schema.get("type")
        kinds = [wanted] if isinstance(wanted, str) else wanted if isinstance(wanted, list) else []
        if not kinds or any(_is(value, kind) for kind in kinds):
            return None
        return f"expected {' or '.join(str(kind)[:20] for kind in kinds[:4])}"

    def _combined(self, value: Any, schema: Mapping[str, Any], following: tuple[str, ...]) -> str | None:
        for inner in _list(schema.get("allOf")):
            if found := self.fault(value, inner, following):
                return found
        for name in ("anyOf", "oneOf"):
            choices = _list(schema.get(name))
            if choices and all(self.fault(value, inner, following) for inner in choices):
                return "none of the alternatives fits"
        return None

    def _inside(self, value: Any, schema: Mapping[str, Any]) -> str | None:
        if isinstance(value, dict):
            return self._object(value, schema)
        if isinstance(value, list):
            first = _list(schema.get("prefixItems"))
            for place, item in enumerate(value):
                inner = first[place] if place < len(first) else schema.get("items", True)
                if found := self.fault(item, inner):
                    return found
        return None

    def _object(self, value: dict[str, Any], schema: Mapping[str, Any]) -> str | None:
        known = schema.get("properties")
        properties: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
        if missing := [name for name in _list(schema.get("required")) if name not in value]:
            return f"{len(missing)} required fields missing"
        others = schema.get("additionalProperties", True)
        for name, item in value.items():
            if name not in properties and others is False and "patternProperties" not in schema:
                return "a field that the schema does not have"
            if found := self.fault(item, properties.get(name, others)):
                return found
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is(value: Any, kind: Any) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return is_number(value) and value == value // 1
        case "number":
            return is_number(value)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    return True


def _same(one: Any, other: Any) -> bool:
    """Equality in JSON, where true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _listed(value: Any, schema: Mapping[str, Any]) -> str | None:
    allowed = schema.get("enum")
    if isinstance(allowed, list) and not any(_same(value, item) for item in allowed):
        return "a value that is not in the list"
    if "const" in schema and not _same(value, schema["const"]):
        return "a value other than the constant"
    return None


def _bounds(value: Any, schema: Mapping[str, Any]) -> str | None:
    if is_number(value):
        for name, holds in _COMPARISONS.items():
            bound = schema.get(name)
            if isinstance(bound, int | float) and not isinstance(bound, bool) and not holds(value, bound):
                return f"a number outside its {name}"
        return None
    if isinstance(value, str | list | dict):
        low, high = _SIZES[type(value)]
        least, most = schema.get(low), schema.get(high)
        if isinstance(least, int) and len(value) < least:
            return f"less than {low}"
        if isinstance(most, int) and len(value) > most:
            return f"more than {high}"
    return None


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
_SIZES: Final[Mapping[type, tuple[str, str]]] = {
    str: ("minLength", "maxLength"),
    list: ("minItems", "maxItems"),
    dict: ("minProperties", "maxProperties"),
}


def misfit(value: Any, schema: Any) -> str | None:
    """Why a parsed value does not fit a schema, in words without its text; None where it does."""
    try:
        return _Walk(schema).fault(value, schema)
    except (RecursionError, TypeError, ArithmeticError):
        return None  # a schema that nobody could check; OpenAI would have refused it


class Wanted(msgspec.Struct, frozen=True):
    """The form that a request asks its answer to have."""

    json: bool
    """An object of JSON."""
    schema: Any = None
    """The schema it must fit; None for any object."""


def wanted(request: Request) -> Wanted:
    """The form asked for by `response_format` or `text.format`."""
    if not request.schema:
        return Wanted(json=False)
    try:
        given = msgspec.json.decode(request.schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Wanted(json=False)
    if not isinstance(given, dict) or given.get("type") not in {"json_schema", "json_object"}:
        return Wanted(json=False)
    nested = given.get("json_schema")
    inner = nested if isinstance(nested, dict) else given
    schema = inner.get("schema")
    return Wanted(json=True, schema=schema if isinstance(schema, dict) else None)
