"""What the readers of third-party exports share: whose call it is, and a Call put together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from tierwise.calls._format import BadRecord
from tierwise.calls._requests import request_from
from tierwise.calls._responses import response_from
from tierwise.calls._types import NOT_OPENAI, Call, Place, Record, Response, Skipped
from tierwise.calls._usage import lane_of, usage_tokens
from tierwise.calls._values import count, mapping, moment, text
from tierwise.calls._words import Endpoint, Status
from tierwise.catalog import Tokens

_UNTOLD = frozenset({"", "none", "null", "unknown", "langchain", "crewai", "litellm", "vercel", "custom"})
"""Values of a provider field that name a framework, or nothing."""
_AZURE = frozenset(
    (
        "azure",
        "azure_text",
        "az.ai.openai",
        "azure.ai.openai",
        "azure.chat",
        "azure.responses",
        "azure.completion",
    )
)
_OTHER_MODELS = (
    "claude", "gemini", "gemma", "mistral", "mixtral", "codestral", "llama", "deepseek", "command",
    "qwen", "grok", "kimi", "glm-", "nova-", "titan", "phi-", "sonar",
)  # fmt: skip
"""Families of models that OpenAI does not serve; asked only where no provider is named."""
_CODE = re.compile(r"""['"]code['"]:\s*['"]([\w.]{3,60})['"]""")
_HTTP = re.compile(r"\b([45]\d\d)\b")
_CLASS = re.compile(r"\b(\w{2,60}(?:Error|Exception|Timeout))\b")


def each(items: Iterable[Any], read: Callable[[Any], Iterable[Record]], place: Place) -> list[Record]:
    """The records of several items that stand in one place; one that is bad becomes a Skipped."""
    records: list[Record] = []
    for item in items:
        try:
            records.extend(read(item))
        except BadRecord as bad:
            records.append(Skipped(reason=bad.reason, detail=bad.detail[:200], place=place))
    return records


def is_openai(provider: Any, model: Any) -> bool:
    """Whether OpenAI, or OpenAI's models on Azure, served the call, as far as the log says.

    A provider decides. Without one a model's prefix (`groq/...`) or family (`claude-...`) does;
    a name that says nothing is taken for OpenAI's, and priced or called unpriced by the catalog.
    """
    named = (text(provider) or "").strip().lower()
    if named not in _UNTOLD:
        other = "like" in named or "compatible" in named or named.startswith("custom")
        return named in _AZURE or ("openai" in named and not other)
    name = (text(model) or "").strip().lower()
    prefix, slash, rest = name.partition("/")
    if slash:
        return prefix in ("openai", "azure") and not rest.startswith(_OTHER_MODELS)
    return not name.startswith(_OTHER_MODELS)


def require_openai(provider: Any, model: Any) -> None:
    """Refuse a call that OpenAI did not serve.

    Raises:
        BadRecord: 'not an OpenAI call', naming the provider or the model.
    """
    if not is_openai(provider, model):
        named = text(provider) or ""
        whose = text(model) if named.lower() in _UNTOLD else named
        raise BadRecord(NOT_OPENAI, f"served by {(whose or '?')[:60]}")


def model_name(value: Any) -> str | None:
    """A model's name without the provider that gateways put before it."""
    name = text(value)
    return name.removeprefix("openai/").removeprefix("azure/") if name else None


def chat_usage(
    *,
    input: Any,
    output: Any,
    cached: Any = None,
    written: Any = None,
    reasoning: Any = None,
    audio_input: Any = None,
    audio_output: Any = None,
) -> dict[str, Any] | None:
    """Counts that contain each other, as OpenAI reports them, in Chat Completions wire form.

    None when neither input nor output is known.

    Raises:
        BadRecord: 'impossible usage' for a count that is no count.
    """
    if input in (None, "") and output in (None, ""):
        return None
    return {
        "prompt_tokens": count(input, "input tokens"),
        "completion_tokens": count(output, "output tokens"),
        "prompt_tokens_details": {
            "cached_tokens": count(cached, "cached tokens"),
            "cache_write_tokens": count(written, "cache write tokens"),
            "audio_tokens": count(audio_input, "audio input tokens"),
        },
        "completion_tokens_details": {
            "reasoning_tokens": count(reasoning, "reasoning tokens"),
            "audio_tokens": count(audio_output, "audio output tokens"),
        },
    }


def chat_body(
    *,
    model: Any,
    messages: list[dict[str, Any]],
    tools: list[Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """A Chat Completions request body made of what a log has; None when it has no messages."""
    if not messages:
        return None
    body = {key: value for key, value in (parameters or {}).items() if value is not None}
    body |= {"model": model, "messages": messages}
    if tools:
        body["tools"] = tools
    return body


def error_name(value: Any) -> str:
    """A short name for a failure from an error message: OpenAI's code, HTTP status or class.

    The message itself is not kept: it may quote the prompt.
    """
    found = mapping(value)
    if found:
        inner = mapping(found.get("error")) or found
        code = next(
            (text(inner[key]) for key in ("code", "type", "error_code") if text(inner.get(key))), None
        )
        if code:
            return code[:60]
    message = text(value) or ""
    for pattern in (_CODE, _HTTP, _CLASS):
        hit = pattern.search(message[:2_000])
        if hit:
            return hit.group(1)
    return "error"


def span_of_time(start: Any, end: Any) -> tuple[int | None, int | None]:
    """When a call was sent and how long it took, in microseconds; a negative time is no time.

    Raises:
        BadRecord: 'impossible date'.
    """
    begun, done = moment(start), moment(end)
    took = done - begun if begun is not None and done is not None else None
    return begun, took if took is not None and took >= 0 else None


def assembled(
    place: Place,
    *,
    endpoint: Endpoint,
    request: Mapping[str, Any] | None,
    response: Mapping[str, Any] | None,
    usage: Mapping[str, Any] | None,
    model_asked: str | None = None,
    model_served: str | None = None,
    served_tier: str | None = None,
    asked_tier: str | None = None,
    failed: str | None = None,
    **fields: Any,
) -> Call:
    """A Call from wire bodies and what a log says beside them.

    `request` and `response` are bodies in the form of either endpoint, whatever `endpoint`
    the call went to. A response that carries its own usage is believed before `usage`.
    `failed` names the error of a call that failed. `fields` are fields of Call.

    Raises:
        BadRecord: as the readers of requests, responses and usage do.
    """
    asked = request_from(endpoint, request) if request is not None else None
    given = _response(response, usage)
    tokens = given.tokens if given is not None else usage_tokens(usage) if usage else None
    status = _status(given, tokens, failed)
    if given is not None and given.status != status:
        given = msgspec.structs.replace(given, status=status, error=failed)
    lane, basis = lane_of(
        (given.service_tier if given else None) or served_tier,
        (asked.service_tier if asked else None) or asked_tier,
    )
    fields["id"] = fields.get("id") or (given.id if given else None)
    return Call(
        endpoint=endpoint,
        request=asked,
        response=given,
        model_asked=model_asked or (asked.model if asked else None),
        model_served=(given.model if given else None) or model_served,
        tokens=tokens,
        lane=lane,
        lane_basis=basis,
        status=status,
        error=failed or (given.error if given else None),
        place=place,
        **fields,
    )


def _status(given: Response | None, tokens: Tokens | None, failed: str | None) -> Status:
    if failed is not None:
        return "error"
    if given is not None and given.status != "unknown":
        return given.status
    # Tools log an answer without its finish reason: one that came is one that ended.
    answered = given is not None and (given.text or given.tool_calls)
    return "ok" if answered or tokens is not None else "unknown"


def _response(body: Mapping[str, Any] | None, usage: Mapping[str, Any] | None) -> Response | None:
    if body is None:
        return None
    if usage and not mapping(body.get("usage")):
        body = {**body, "usage": usage}
    return response_from("responses" if isinstance(body.get("output"), list) else "chat", body)
