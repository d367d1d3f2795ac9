"""Values that are valid against a JSON schema, drawn by the seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tierwise.simulator._draw import Dice
from tierwise.simulator._fields import listed, mapped

_DEEPEST: Final = 12
_LONGEST: Final = 1_000
"""Items and characters that are made at most, whatever a schema demands."""
_FORMATS: Final = {
    "date-time": "2026-03-14T09:26:53Z",
    "date": "2026-03-14",
    "time": "09:26:53Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "duration": "P1D",
}
_WORDS: Final = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbour", "inlet", "juniper")


class Values:
    """Draws values; the same schema and words give the same value."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    def of(self, schema: Mapping[str, Any], *words: object, hints: tuple[str, ...] = ()) -> Any:
        """A value valid against `schema`; `hints` are used for plain strings, in order.

        Understands type, enum, const, anyOf, allOf, $ref, properties, items, lengths and bounds;
        a `pattern` is not looked at.
        """
        return self._value(schema, schema, 0, list(hints), words)

    def _value(
        self, schema: Any, root: Mapping[str, Any], depth: int, hints: list[str], words: tuple[object, ...]
    ) -> Any:
        if not isinstance(schema, Mapping) or depth > _DEEPEST * 2:
            return None
        schema = _resolved(schema, root)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._dice.pick(schema["enum"], *words, "enum")
        several = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(several, list) and several:
            # The last one ends recursion: by custom it is null.
            chosen = several[-1] if depth > _DEEPEST else self._dice.pick(several, *words, "any")
            return self._value(chosen, root, depth + 1, hints, (*words, "any"))
        kind = _kind(schema, depth)
        if kind == "object":
            return self._object(schema, root, depth, hints, words)
        if kind == "array":
            return self._array(schema, root, depth, hints, words)
        return self._plain(schema, kind, hints, words)

    def _object(
        self,
        schema: Mapping[str, Any],
        root: Mapping[str, Any],
        depth: int,
        hints: list[str],
        words: tuple[object, ...],
    ) -> dict[str, Any]:
        required = listed(schema.get("required"))
        properties = mapped(schema.get("properties"))
        kept = [name for name in properties if name in required or depth < 3]
        return {name: self._value(properties[name], root, depth + 1, hints, (*words, name)) for name in kept}

    def _array(
        self,
        schema: Mapping[str, Any],
        root: Mapping[str, Any],
        depth: int,
        hints: list[str],
        words: tuple[object, ...],
    ) -> list[Any]:
        least = min(int(schema.get("minItems") or 0), _LONGEST)
        most = int(schema.get("maxItems") or max(least, 3))
        drawn = self._dice.between(max(least, min(1, most)), max(most, least), *words, "items")
        count = least if depth > _DEEPEST else min(drawn, least + 3)
        inner = schema.get("items") or {"type": "string"}
        return [self._value(inner, root, depth + 1, hints, (*words, at)) for at in range(count)]

    def _plain(
        self, schema: Mapping[str, Any], kind: str, hints: list[str], words: tuple[object, ...]
    ) -> Any:
        if kind == "boolean":
            return bool(self._dice.bits(*words) & 1)
        if kind == "null":
            return None
        if kind == "string":
            return self._string(schema, hints, words)
        low, high = _bounds(schema)
        step = schema.get("multipleOf")
        if kind == "integer":
            step = int(step) if step else 1
            first = -(-int(low) // step)
            return step * self._dice.between(first, max(first, int(high) // step), *words)
        if step:
            return step * self._dice.between(
                int(low // step) + 1, max(int(high // step), int(low // step) + 1), *words
            )
        return (
            round(low + (high - low) * self._dice.share(*words), 2) if high - low >= 1 else (low + high) / 2
        )

    def _string(self, schema: Mapping[str, Any], hints: list[str], words: tuple[object, ...]) -> str:
        known = _FORMATS.get(str(schema.get("format")))
        if known is not None:
            return known
        text = hints.pop(0) if hints else self._dice.pick(_WORDS, *words)
        least, most = min(int(schema.get("minLength") or 0), _LONGEST), schema.get("maxLength")
        text = text.ljust(least, "x")
        return text if most is None else text[: int(most)]


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow `$ref` within the document, and merge `allOf`."""
    for _ in range(_DEEPEST):
        ref = schema.get("$ref")
        if not isinstance(ref, str):
            break
        found: Any = root
        for part in ref.lstrip("#").strip("/").split("/"):
            if part and isinstance(found, Mapping):
                found = found.get(part.replace("~1", "/").replace("~0", "~"), {})
        if not isinstance(found, Mapping):
            return {}
        schema = found
    every = schema.get("allOf")
    if isinstance(every, list):
        merged: dict[str, Any] = {k: v for k, v in schema.items() if k != "allOf"}
        for part in every:
            if isinstance(part, Mapping):
                merged |= _resolved(part, root)
        return merged
    return schema


def _kind(schema: Mapping[str, Any], depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        plain = [k for k in kind if k != "null"]
        kind = "null" if (depth > _DEEPEST and "null" in kind) or not plain else plain[0]
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float]:
    whole = schema.get("type") == "integer" or (
        isinstance(schema.get("type"), list) and "integer" in schema["type"]
    )
    edge = 1.0 if whole else 1e-6
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("exclusiveMinimum") is not None:
        low = schema["exclusiveMinimum"] + edge
    if schema.get("exclusiveMaximum") is not None:
        high = schema["exclusiveMaximum"] - edge
    if low is None:
        low = 0.0 if high is None or high > 0 else high - 100
    return float(low), float(low + 100 if high is None else high)
