"""A function definition as models see it: a type of a TypeScript namespace.

Source: that the models are shown functions in this form is public knowledge since 2023; OpenAI does not
document it (openai-facts 9: 'tools cannot be counted well locally'). Counts made of it come within a fifth
of recorded ones, see docs/simulator.md, and are called an estimate wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

HEAD: Final = 14
"""Tokens of the namespace around the definitions."""
DEEPEST: Final = 20
"""Levels of a schema that are written out."""


def shown(function: Mapping[str, Any]) -> str:
    """The text of one definition among others: its description as a comment, its parameters as a type.

    Args:
        function: `name`, `description`, `parameters`; anything odd in them is passed over.
    """
    about, schema = function.get("description"), function.get("parameters")
    lines = []
    if isinstance(about, str):
        lines = [f"// {line}" for line in about.splitlines()]
    has = isinstance(schema, dict) and bool(schema.get("properties"))
    takes = f"_: {_type(schema, 0)}" if has else ""
    lines.append(f"type {function.get('name')} = ({takes}) => any;")
    # The end of one definition and the slashes that open the next are one token: counted with the one before.
    return "\n".join([*lines, "", "//"]).removeprefix("//")


def _type(schema: Any, depth: int) -> str:
    """A JSON schema as a type."""
    if not isinstance(schema, dict) or depth > DEEPEST:
        return "any"
    choices = schema.get("enum")
    if isinstance(choices, list):
        return " | ".join(_literal(choice) for choice in choices)
    fields = schema.get("properties")
    if isinstance(fields, dict):
        return _object(fields, schema.get("required"), depth)
    kind = schema.get("type")
    if kind == "array":
        return f"{_type(schema.get('items'), depth + 1)}[]"
    several = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(several, list):
        return " | ".join(_type(each, depth + 1) for each in several)
    if isinstance(kind, list):
        return " | ".join(str(each) for each in kind)
    return kind if isinstance(kind, str) else "any"


def _object(fields: Mapping[str, Any], required: Any, depth: int) -> str:
    needed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    lines = ["{"]
    for name, inner in fields.items():
        about = inner.get("description") if isinstance(inner, dict) else None
        if isinstance(about, str) and about:
            lines.append(f"// {about}")
        lines.append(f"{name}{'' if name in needed else '?'}: {_type(inner, depth + 1)},")
    return "\n".join([*lines, "}"])


def _literal(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return "any"
