"""The words of a call: Request, Response, Call, and the coarser records some exports give."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from tierwise.calls._recorded import Recorded
from tierwise.calls._words import Endpoint, Status
from tierwise.catalog import Lane, Tokens


class Part(msgspec.Struct, frozen=True, gc=False):
    """One part of a message's content, by type; only text is carried."""

    type: str = "text"
    text: str | None = None


class Function(msgspec.Struct, frozen=True, gc=False):
    """A function call inside a Chat Completions message: name and JSON arguments."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """A tool call of an assistant message in Chat Completions."""

    id: str | None = None
    type: str | None = None
    function: Function | None = None


class Message(msgspec.Struct, frozen=True):
    """One message of Chat Completions or one input item of Responses.

    Decoded straight from the wire; the two endpoints' fields share one struct. `type` is
    None or 'message' for messages, else the item's type ('function_call',
    'function_call_output', 'reasoning', 'tool_search_output', ...).
    """

    role: str | None = None
    content: str | list[Part] | None = None
    type: str | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    call_id: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()
    """Raw JSON of a call's arguments, empty where there are none: test with `bytes(...)`."""
    output: msgspec.Raw = msgspec.Raw()
    """Raw JSON of a tool's output (a string or parts), empty where there is none."""

    @property
    def text(self) -> str:
        """All text of the message, parts joined by a line break; '' where there is none."""
        content = self.content
        if type(content) is str:
            return content
        if not content:
            return ""
        return "\n".join(part.text for part in content if part.text)  # type: ignore[union-attr]


class Request(msgspec.Struct, frozen=True):
    """One request, parsed once from either endpoint's wire form.

    Written with keywords, as Response and Call are; only the readers of millions of calls, for
    whom a keyword costs as much as a field, give all fields in their order.

    Tools and schema stay raw JSON: most calls of a workload share them, so whoever needs
    them parses each distinct text once.
    """

    endpoint: Endpoint
    model: str | None = None
    messages: tuple[Message, ...] = ()
    """In the order sent; `instructions` of Responses come first, as a developer message."""
    tools: bytes = b""
    """The JSON array of tool definitions exactly as sent, b'' where none were."""
    schema: bytes = b""
    """`response_format` (Chat) or `text.format` (Responses) as raw JSON, b'' for plain text."""
    effort: str | None = None
    """Reasoning effort as sent; None leaves the model's default."""
    verbosity: str | None = None
    max_output_tokens: int | None = None
    """The cap on output tokens, whatever the parameter was called."""
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    logprobs: bool = False
    stream: bool = False
    background: bool = False
    store: bool | None = None
    service_tier: str | None = None
    tool_choice: str | None = None
    """'none', 'auto', 'required', or 'forced' for a named tool."""
    previous_response_id: str | None = None
    conversation: str | None = None
    prompt_cache_key: str | None = None
    user: str | None = None
    metadata: Mapping[str, str] = {}
    extras: frozenset[str] = frozenset()
    """Names of further parameters that were set and that some models refuse.

    Any of: stop, seed, logit_bias, presence_penalty, frequency_penalty, prediction, audio,
    modalities, computer, background_options, prompt.
    """
    body: bytes = b""
    """The body as the log has it; only where `read` was asked to keep it and the log holds it as sent."""


class Response(msgspec.Struct, frozen=True):
    """What came back, as far as an audit needs it."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    """Unix seconds, as OpenAI reports it."""
    status: Status = "unknown"
    finish: str | None = None
    """finish_reason (Chat) or incomplete_details.reason (Responses)."""
    text: str = ""
    """The visible answer, choices and output texts joined by a line break."""
    refusal: bool = False
    tool_calls: tuple[str, ...] = ()
    """Names of the tools called, in order, repeats kept."""
    arguments: tuple[str, ...] = ()
    """Their JSON arguments as returned, in the same order."""
    service_tier: str | None = None
    tokens: Tokens | None = None
    hosted: Mapping[str, int] = {}
    """Billed hosted-tool calls by kind: web_search, file_search, code_interpreter."""
    error: str | None = None
    """OpenAI's error code (or type where there is no code) when the call failed."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a record came from: file index within the plan, and line or record number from 1."""

    file: int
    line: int


class Call(msgspec.Struct, frozen=True):
    """One request to a model and what came back, logged or live. Fields a log lacks are None."""

    id: str | None = None
    """What makes two records the same call: the response id, else the log's own id."""
    join: str | None = None
    """Set on a half record (a Batch input or output line): halves with the same value are one call."""
    at: int | None = None
    """When the call was sent, microseconds since the epoch, UTC."""
    latency: int | None = None
    """Microseconds from request to the last byte."""
    endpoint: Endpoint = "other"
    request: Request | None = None
    response: Response | None = None
    model_asked: str | None = None
    model_served: str | None = None
    tokens: Tokens | None = None
    lane: Lane = "standard"
    lane_basis: Literal["served", "asked", "assumed"] = "assumed"
    """'served': the response or the batch says so; 'asked': only the request does."""
    status: Status = "unknown"
    error: str | None = None
    project: str | None = None
    key: str | None = None
    user: str | None = None
    session: str | None = None
    trace: str | None = None
    span: str | None = None
    parent: str | None = None
    """Span id of the caller inside the trace."""
    name: str | None = None
    """What the application called this step (span or generation name), if anything."""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    scores: Mapping[str, float] = {}
    """Feedback on the answer, by name, as the log has it."""
    logged_cost: Decimal | None = None
    """What the log says the call cost, in USD; never used as the price, only compared."""
    residency: bool = False
    """Sent to a data-residency endpoint, which carries an uplift."""
    place: Place | None = None
    recorded: Recorded | None = None
    """A call that was recorded without its text: what is known of its request and response."""


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that an export only counts together: a row of the usage CSV or usage API."""

    start: int
    """Microseconds since the epoch, UTC."""
    end: int | None = None
    requests: int = 0
    model: str | None = None
    lane: Lane = "standard"
    lane_basis: Literal["served", "asked", "assumed"] = "assumed"
    tokens: Tokens
    project: str | None = None
    key: str | None = None
    user: str | None = None
    free: bool = False
    """Tokens that OpenAI gave for shared data (service tier 'incentivized-tier')."""
    place: Place | None = None


class CostLine(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenAI says was charged: a row of the cost CSV or costs API. A fact, not an estimate."""

    start: int
    amount: Decimal
    currency: str = "usd"
    line_item: str | None = None
    project: str | None = None
    place: Place | None = None


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was not read, and why. `reason` is a short phrase, the same for its kind."""

    reason: str
    detail: str = ""
    """What was found, at most 200 characters, never prompt text."""
    place: Place


NOT_OPENAI = "not an OpenAI call"
FROM_CACHE = "answered from a gateway's cache"
NOT_DAMAGE = frozenset({NOT_OPENAI, FROM_CACHE})
"""Reasons for which a sound record is left out; reading strictly does not stop at them."""

Record = Call | Bucket | CostLine | Skipped
"""What a reader yields."""
