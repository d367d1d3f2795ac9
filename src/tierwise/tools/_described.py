"""A tool as a search sees it, and its texts cut into fields of words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tierwise.tools._words import terms

NAMES: Final = 400
"""Names and descriptions of parameters that are read of one schema."""
DEEP: Final = 8
"""Levels of a schema that are read."""
SCHEMA: Final = 1_000_000
"""Longest JSON text of a schema that is read; a longer one counts as none."""
FIELDS: Final = ("name", "description", "parameters", "notes", "group", "about")
"""What a tool's words are cut from: `parameters` are their names, `notes` their descriptions,
`about` the description of the server or namespace."""


class Described(msgspec.Struct, frozen=True):
    """One tool definition, as a search reads it; any field but the name may be empty."""

    name: str
    description: str = ""
    schema: str | bytes | Mapping[str, Any] = ""
    """The parameters as JSON Schema, as JSON text or decoded; what cannot be read counts as none."""
    group: str = ""
    """Name of the server or namespace that the tool belongs to."""
    about: str = ""
    """Description of that server or namespace."""


def fields(tool: Described) -> tuple[list[str], ...]:
    """A tool's words by field, in the order of `FIELDS`."""
    names: list[str] = []
    notes: list[str] = []
    for name, note in _parameters(_schema(tool)):
        names.append(name)
        notes.append(note)
    texts = (tool.name, tool.description, " ".join(names), " ".join(notes), tool.group, tool.about)
    return tuple(terms(text) for text in texts)


def _schema(tool: Described) -> object:
    if isinstance(tool.schema, Mapping):
        return tool.schema
    if not tool.schema or len(tool.schema) > SCHEMA:
        return None
    try:
        return msgspec.json.decode(tool.schema)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _parameters(schema: object) -> Iterator[tuple[str, str]]:
    """Names of parameters with their descriptions, outermost first, at most `NAMES` of them."""
    level: list[object] = [schema]
    left = NAMES
    for _ in range(DEEP):
        below: list[object] = []
        for node in level:
            if not isinstance(node, Mapping):
                continue
            properties = node.get("properties")
            for name, value in properties.items() if isinstance(properties, Mapping) else ():
                if not left:
                    return
                left -= 1
                note = value.get("description") if isinstance(value, Mapping) else None
                yield str(name), note if isinstance(note, str) else ""
                below.append(value)
            below.extend(node[key] for key in ("items", "additionalProperties") if key in node)
            for key in ("anyOf", "oneOf", "allOf"):
                choices = node.get(key)
                below.extend(choices[:left] if isinstance(choices, list) else ())
        level = below[: NAMES * 4]
