"""What is asked: both endpoints' bodies in one form, as the engine needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from tierwise.simulator._models import Model

Json = dict[str, Any]
"""A JSON object as it came; only the parsers of this room look inside."""

Kind = Literal["message", "call", "result", "search", "loaded", "reasoning", "media"]


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message or item of the conversation."""

    role: str
    text: str
    kind: Kind = "message"
    breakpoint: bool = False
    """Whether an explicit cache breakpoint follows it."""
    media: int = 0
    """Tokens of images and files in it, estimated."""
    name: str = ""
    """Of the tool, for calls."""
    call_id: str = ""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One tool definition, namespaces opened up."""

    name: str
    kind: str
    """The wire's `type`: function, custom, web_search, ..."""
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    deferred: bool = False
    namespace: str | None = None
    about: str = ""
    """What its namespace says of itself."""
    loaded: bool = False
    """Came by tool search or `additional_tools`, not with the request's own tools."""
    added: bool = False
    """Came by `additional_tools` or by the caller's own search; then `loaded` is set, too."""
    wire: Mapping[str, Any] = {}
    """The definition as it came."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request, checked for form and not yet for what the model takes."""

    endpoint: Literal["chat", "responses"]
    body: Json
    model: Model
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    search: Mapping[str, Any] | None = None
    """The `tool_search` tool, if there is one."""
    schema: Mapping[str, Any] | None = None
    schema_name: str = ""
    json: bool = False
    """JSON mode without a schema."""
    choice: str = "auto"
    """none, auto or required."""
    forced: str | None = None
    """The tool that must be called."""
    allowed: frozenset[str] | None = None
    """The tools that may be called, where `allowed_tools` says so."""
    effort: str | None = None
    verbosity: str = "medium"
    cap: int | None = None
    n: int = 1
    tier: str = "auto"
    cache_key: str | None = None
    retention: str | None = None
    cache_mode: str = "implicit"
    ttl: str = "30m"
    prewarm: bool = False
    parallel: bool = True
    stream: bool = False
    usage: bool = False
    """Chat streams: send usage at the end."""
    obfuscation: bool | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    stop: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """The newest text of a user, '' where there is none."""
        return next((t.text for t in reversed(self.turns) if t.role == "user" and t.kind == "message"), "")

    @property
    def everything(self) -> str:
        """All text that tasks are matched against."""
        return "\n".join(turn.text for turn in self.turns if turn.text)
