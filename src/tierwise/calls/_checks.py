"""Checks that cost nothing: an answer that fails one is of no use to its caller, whatever it says."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from tierwise.calls._plain_json import NO_JSON, json_in
from tierwise.calls._schema import misfit, wanted
from tierwise.calls._types import Request, Response

REFUSED: Final = "refused"
_CUT: Final = frozenset({"length", "max_output_tokens", "max_tokens"})


def failure(request: Request, response: Response) -> str | None:
    """Why an answer is of no use, in a few words without its text; None where it may be of use.

    Looked at in this order: an error, a refusal that the API says is one, an answer cut by its cap or a
    filter, an empty one, one that is not of the JSON asked for, tool arguments that are no JSON or do
    not fit the tool. A refusal in plain words looks like any other text, and is left to whoever grades or scores it.
    """
    if response.status == "error" or response.error is not None:
        return "failed"
    if response.refusal:
        return REFUSED
    if response.finish == "content_filter":
        return "filtered"
    if response.finish in _CUT:
        return "cut at its length"
    if response.status in {"incomplete", "abandoned"}:
        return "not complete"
    if not response.tool_calls and not response.text.strip():
        return "empty"
    return _arguments(request, response) if response.tool_calls else _form(request, response)


def _form(request: Request, response: Response) -> str | None:
    asked = wanted(request)
    if not asked.json:
        return None
    value = json_in(response.text)
    if value is NO_JSON:
        return "not JSON"
    if not isinstance(value, dict) and asked.schema is None:
        return "not a JSON object"
    found = misfit(value, asked.schema) if asked.schema is not None else None
    return f"does not fit the schema: {found}" if found else None


def _arguments(request: Request, response: Response) -> str | None:
    offered = _offered(request.tools)
    for name, raw in zip(response.tool_calls, response.arguments, strict=False):
        if name not in offered.names:
            # Hosted tools carry other names in answers than in requests.
            continue
        schema = offered.schemas.get(name)
        if schema is None:
            continue
        value = json_in(raw or "{}")
        if not isinstance(value, dict):
            return "tool arguments that are no JSON object"
        if found := misfit(value, schema):
            return f"tool arguments do not fit the tool: {found}"
    return None


class _Offered(msgspec.Struct, frozen=True):
    names: frozenset[str]
    schemas: dict[str, Any]
    """Parameters by function name; custom tools, which take free text, have none."""


@lru_cache(maxsize=64)
def _offered(tools: bytes) -> _Offered:
    try:
        listed = msgspec.json.decode(tools) if tools else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        listed = []
    schemas: dict[str, Any] = {}
    names: set[str] = set()
    for tool in listed if isinstance(listed, list) else ():
        _add(tool, names, schemas)
    return _Offered(frozenset(names), schemas)


def _add(tool: Any, names: set[str], schemas: dict[str, Any]) -> None:
    if not isinstance(tool, dict):
        return
    nested = tool.get("function")
    inner = nested if isinstance(nested, dict) else tool
    if isinstance(name := inner.get("name"), str):
        names.add(name)
        if tool.get("type", "function") == "function":
            parameters = inner.get("parameters")
            schemas[name] = parameters if isinstance(parameters, dict) else {}
    for member in tool.get("tools") or () if tool.get("type") == "namespace" else ():
        _add(member, names, schemas)
