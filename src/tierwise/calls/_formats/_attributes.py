"""Span attributes of the GenAI conventions, whatever dialect named them.

Dialects: OpenTelemetry GenAI (https://opentelemetry.io/docs/specs/semconv/gen-ai/), its older
names, OpenLLMetry (opentelemetry-semantic-conventions-ai 0.5), OpenInference
(openinference-semantic-conventions 0.1.42) and the Vercel AI SDK. In all of them the input
count contains the cached tokens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from tierwise.calls._formats._exports import chat_usage
from tierwise.calls._values import embedded, first, mapping, text

Attributes = Mapping[str, Any]
_DEEPEST = 6

_INPUT = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens",
    "llm.token_count.prompt", "ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens",
)  # fmt: skip
_OUTPUT = (
    "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens",
    "llm.token_count.completion", "ai.usage.outputTokens", "ai.usage.completionTokens",
)  # fmt: skip
_CACHED = (
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
    "llm.usage.cache_read_input_tokens", "llm.token_count.prompt_details.cache_read",
    "gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cached_tokens",
    "ai.usage.cachedInputTokens",
)  # fmt: skip
_WRITTEN = (
    "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write", "gen_ai.usage.details.cache_write_tokens",
)  # fmt: skip
_REASONING = (
    "gen_ai.usage.reasoning_tokens", "gen_ai.usage.reasoning.output_tokens",
    "llm.usage.reasoning_tokens", "llm.token_count.completion_details.reasoning",
    "gen_ai.usage.details.reasoning_tokens", "ai.usage.reasoningTokens",
)  # fmt: skip
REQUEST_MODEL = ("gen_ai.request.model", "llm.request.model", "ai.model.id", "llm.model_name")
RESPONSE_MODEL = ("gen_ai.response.model", "llm.response.model", "ai.response.model", "llm.model_name")
RESPONSE_ID = ("gen_ai.response.id", "llm.response.id", "ai.response.id")
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider")
SERVED_TIER = ("openai.response.service_tier", "gen_ai.openai.response.service_tier")
ASKED_TIER = ("openai.request.service_tier", "gen_ai.openai.request.service_tier")
SESSION = ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id",
           "langfuse.session.id")  # fmt: skip
USER = ("user.id", "gen_ai.user", "llm.user", "enduser.id", "traceloop.association.properties.user_id")

_CALL_OPERATIONS = {
    "chat": "chat",
    "generate_content": "chat",
    "text_completion": "completions",
    "completion": "completions",
    "embeddings": "embeddings",
    "embedding": "embeddings",
    "LLM": "chat",
    "EMBEDDING": "embeddings",
}


def plain(value: Any, prefix: str = "") -> dict[str, Any]:
    """Attributes as one flat mapping of dotted names.

    Takes OTLP's list of key and typed value, and objects, nested or flat; lists of objects
    get their position in the name (`llm.input_messages.0.message.role`).
    """
    flat: dict[str, Any] = {}
    if isinstance(value, list):
        for item in value:
            key = text(mapping(item).get("key"))
            if key:
                _spread(flat, prefix + key, typed(item.get("value")), 0)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _spread(flat, f"{prefix}{key}", item, 0)
    return flat


def _spread(flat: dict[str, Any], name: str, value: Any, depth: int) -> None:
    inside: list[tuple[str, Any]] = []
    if depth < _DEEPEST and isinstance(value, Mapping) and value:
        inside = [(f"{name}.{key}", item) for key, item in value.items()]
    elif depth < _DEEPEST and isinstance(value, list) and value and isinstance(value[0], Mapping):
        inside = [(f"{name}.{index}", item) for index, item in enumerate(value)]
    if inside:
        for key, item in inside:
            _spread(flat, key, item, depth + 1)
    if not isinstance(value, Mapping):
        flat[name] = value


def typed(value: Any, depth: int = 0) -> Any:
    """OTLP's AnyValue as a plain value; whole numbers come as text and are turned back."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return value
    if "intValue" in value:
        number = value["intValue"]
        return int(number) if isinstance(number, str) and number.lstrip("-").isdecimal() else number
    if "arrayValue" in value:
        items = mapping(value["arrayValue"]).get("values")
        return [typed(item, depth + 1) for item in items] if isinstance(items, list) else []
    if "kvlistValue" in value:
        pairs = mapping(value["kvlistValue"]).get("values")
        listed = pairs if isinstance(pairs, list) else []
        return {str(mapping(p).get("key")): typed(mapping(p).get("value"), depth + 1) for p in listed}
    return first(value, "stringValue", "boolValue", "doubleValue", "bytesValue")


def endpoint_kind(attributes: Attributes) -> str | None:
    """'chat', 'completions' or 'embeddings' for a call to a model; None for any other span.

    Agents, workflows, chains and tools carry model names and summed tokens too: what a span
    says it is comes first, and only a span that says nothing is judged by its tokens.
    """
    step = text(attributes.get("ai.operationId"))
    if step is not None:
        inner = step.rpartition(".")[2]
        return {"doGenerate": "chat", "doStream": "chat", "doEmbed": "embeddings"}.get(inner)
    for key in ("openinference.span.kind", "gen_ai.operation.name", "llm.request.type"):
        said = text(attributes.get(key))
        if said is not None and said.lower() not in ("unknown", "other"):
            return _CALL_OPERATIONS.get(said) or _CALL_OPERATIONS.get(said.lower())
    if attributes.get("traceloop.span.kind") is not None:
        return None
    counted = first(attributes, *_INPUT, *_OUTPUT) is not None
    return "chat" if counted and first(attributes, *REQUEST_MODEL, *RESPONSE_MODEL) else None


def is_tool(attributes: Attributes) -> bool:
    """Whether the span is the execution of a tool that a model asked for."""
    return (
        text(attributes.get("openinference.span.kind")) == "TOOL"
        or text(attributes.get("traceloop.span.kind")) == "tool"
        or text(attributes.get("gen_ai.operation.name")) == "execute_tool"
        or text(attributes.get("ai.operationId")) == "ai.toolCall"
    )


def usage_of(attributes: Attributes) -> dict[str, Any] | None:
    """Usage in OpenAI's wire form. Raises BadRecord 'impossible usage'."""
    return chat_usage(
        input=first(attributes, *_INPUT),
        output=first(attributes, *_OUTPUT),
        cached=first(attributes, *_CACHED),
        written=first(attributes, *_WRITTEN),
        reasoning=first(attributes, *_REASONING),
        audio_input=attributes.get("llm.token_count.prompt_details.audio"),
        audio_output=attributes.get("llm.token_count.completion_details.audio"),
    )


def indexed(attributes: Attributes, prefix: str) -> list[dict[str, Any]]:
    """Objects written one field an attribute (`gen_ai.prompt.0.role`), in order of their number."""
    rows: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, value in attributes.items():
        if key.startswith(prefix):
            number, _, field = key[len(prefix) :].partition(".")
            if number.isdecimal() and len(number) < 6 and field:
                rows[int(number)][field] = value
    return [rows[number] for number in sorted(rows)]


def nested(row: Attributes, prefix: str) -> list[dict[str, Any]]:
    """Numbered objects inside an indexed object, their common ending taken off the names."""
    return [{key.rpartition(".")[2]: value for key, value in item.items()} for item in indexed(row, prefix)]


def parameters_of(attributes: Attributes) -> dict[str, Any]:
    """Parameters of the request under their wire names."""
    found = dict(mapping(attributes.get("llm.invocation_parameters")))
    found.pop("messages", None)
    for wire, names in (
        ("max_tokens", ("gen_ai.request.max_tokens", "llm.request.max_tokens", "ai.settings.maxTokens")),
        ("max_completion_tokens", ("gen_ai.request.max_completion_tokens",)),
        ("temperature", ("gen_ai.request.temperature", "llm.temperature", "ai.settings.temperature")),
        ("top_p", ("gen_ai.request.top_p", "llm.top_p")),
        ("n", ("gen_ai.request.n", "gen_ai.request.choice.count")),
        ("reasoning_effort", ("gen_ai.request.reasoning_effort", "llm.request.reasoning_effort")),
        ("stream", ("gen_ai.is_streaming", "llm.is_streaming")),
        ("seed", ("gen_ai.request.seed",)),
        ("stop", ("gen_ai.request.stop_sequences", "llm.chat.stop_sequences")),
        ("service_tier", ASKED_TIER),
    ):
        value = first(attributes, *names)
        if value is not None:
            found[wire] = value
    schema = first(attributes, "gen_ai.request.structured_output_schema", "ai.schema")
    if schema is not None:
        found["response_format"] = {"type": "json_schema", "json_schema": {"schema": embedded(schema)}}
    elif attributes.get("gen_ai.output.type") == "json":
        found["response_format"] = {"type": "json_object"}
    return found
