"""Findings as terminal text, one self-contained HTML file, or JSON with its schema.

In: Findings. Out: what a person or a program reads. Money is exact until here; this is the
one place that rounds. Rendering loads rich or Jinja only when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tierwise.report._words import count, money, share

if TYPE_CHECKING:
    from rich.console import Console

    from tierwise.audit import Explained, Findings

__all__ = [
    "count",
    "explained_json",
    "explained_text",
    "html",
    "json_bytes",
    "json_schema",
    "money",
    "schema_text",
    "share",
    "terminal",
]


def terminal(findings: Findings, console: Console) -> None:
    """Print the report to `console`: a screen or two at 100 columns, readable at 80.

    Colour only repeats what the words say. Text from the log is stripped of control
    characters, and characters that the console cannot encode are replaced.
    """
    from tierwise.report._terminal import draw

    draw(findings, console)


def html(findings: Findings) -> str:
    """One HTML document that asks no host for anything: styles and charts are inside it.

    Everything that comes from a log is escaped. Write it as UTF-8.
    """
    from tierwise.report._html import render

    return render(findings)


def json_bytes(findings: Findings) -> bytes:
    """UTF-8 JSON, indented, in a fixed order, money exact as strings; see `json_schema`."""
    from tierwise.report._json import json_bytes as encode

    return encode(findings)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `json_bytes`, with a description of each field that has one."""
    from tierwise.report._json import json_schema as schema

    return schema()


def schema_text() -> str:
    """The schema as the text of docs/findings.schema.json, ending in a line break."""
    from tierwise.report._json import schema_text as text

    return text()


def explained_text(explained: Explained) -> str:
    """One workload's prompt cache in lines of about 100 columns, ending in a line break."""
    from tierwise.report._explained import lines

    return "\n".join(lines(explained)).rstrip("\n") + "\n"


def explained_json(explained: Explained) -> bytes:
    """The same as JSON, like `json_bytes`: equal values give equal bytes."""
    from tierwise.report._json import json_bytes as encode

    return encode(explained)
