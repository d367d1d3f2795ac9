"""What each model refuses, in the words of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tierwise.simulator._ask import Ask, Json
from tierwise.simulator._errors import Refusal, bad, unsupported, unsupported_value
from tierwise.simulator._models import Model
from tierwise.simulator._prices import PriceList

_CHAT: Final = frozenset(
    """
    audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages
    metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key
    prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier
    stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity
    web_search_options
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
_RESPONSES: Final = frozenset(
    """
    background background_options context_management conversation image include input input_transformations
    instructions max_output_tokens max_tool_calls metadata model moderation parallel_tool_calls
    previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning
    safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_logprobs
    top_p truncation user
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
_TIERS: Final = ("auto", "default", "flex", "priority", "fast", "scale")
_VERBOSITIES: Final = ("low", "medium", "high")


def check_names(body: Json, endpoint: str) -> None:
    """Refuse parameters that the endpoint does not have."""
    for name in body:
        if endpoint == "chat" and name not in _CHAT:
            raise bad(f"Unrecognized request argument supplied: {name}")
        if endpoint == "responses" and name not in _RESPONSES:
            raise bad(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def check(ask: Ask, prices: PriceList) -> str | None:
    """Refuse what this model does not take; returns the effort in force, None where it does not reason."""
    effort = _effort(ask)
    _sampling(ask, effort)
    _verbosity(ask)
    _caps(ask)
    _tier(ask, prices)
    _tools(ask, effort)
    _cache(ask)
    if ask.endpoint == "chat":
        _chat_only(ask)
    else:
        _background(ask)
    if ask.schema is not None and _strict(ask):
        check_schema(ask.schema, ask)
    return effort


def _effort(ask: Ask) -> str | None:
    model = ask.model
    name = "reasoning_effort" if ask.endpoint == "chat" else "reasoning.effort"
    if ask.effort is None:
        return model.effort
    if not model.reasons:
        raise unsupported(name)
    accepted = model.efforts if ask.endpoint == "responses" else tuple(e for e in model.efforts if e != "max")
    if ask.effort not in accepted:
        supported = ", ".join(f"'{e}'" for e in accepted)
        raise unsupported_value(name, ask.effort, f"Supported values are: {supported}.")
    return ask.effort


def _sampling(ask: Ask, effort: str | None) -> None:
    """Temperature, top_p and logprobs by model and effort."""
    model, body = ask.model, ask.body
    if model.sampling == "always" or (model.sampling == "at none" and effort == "none"):
        return
    for name, default in (("temperature", (1, None)), ("top_p", (1, None))):
        value = body.get(name)
        if value in default:
            continue
        if ask.endpoint == "chat":
            raise unsupported_value(name, value, "Only the default (1) value is supported.")
        raise unsupported(name)
    if ask.logprobs or ask.top_logprobs:
        if ask.endpoint == "chat":
            raise unsupported("logprobs" if ask.logprobs else "top_logprobs")
        raise bad(
            "logprobs are not supported with reasoning models.", param="include", code="unsupported_parameter"
        )


def _verbosity(ask: Ask) -> None:
    name = "verbosity" if ask.endpoint == "chat" else "text.verbosity"
    if ask.verbosity not in _VERBOSITIES:
        raise bad(
            f"Invalid value: '{ask.verbosity}'. Supported values are: 'low', 'medium', and 'high'.",
            param=name,
            code="invalid_value",
        )
    if not ask.model.verbosity and ask.verbosity != "medium":
        raise unsupported_value(name, ask.verbosity, "Supported values are: 'medium'.")


def _caps(ask: Ask) -> None:
    model, body = ask.model, ask.body
    if ask.endpoint == "chat" and model.reasons and body.get("max_tokens") is not None:
        raise unsupported("max_tokens", "Use 'max_completion_tokens' instead.")
    if ask.cap is None:
        return
    name = next(
        (n for n in ("max_completion_tokens", "max_tokens") if body.get(n) is not None), "max_output_tokens"
    )
    least = 16 if ask.endpoint == "responses" else 1
    if ask.cap < least:
        raise bad(
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {ask.cap} instead.",
            param=name,
            code="integer_below_min_value",
        )
    if ask.cap > model.max_output and ask.endpoint == "chat":
        raise bad(
            f"{name} is too large: {ask.cap}. This model supports at most {model.max_output} completion tokens, "
            f"whereas you provided {ask.cap}.",
            param=name,
            code="invalid_value",
        )


def _tier(ask: Ask, prices: PriceList) -> None:
    if ask.tier not in _TIERS:
        raise bad(
            f"Invalid value: '{ask.tier}'. Supported values are: 'auto', 'default', 'flex', and 'priority'.",
            param="service_tier",
            code="invalid_value",
        )
    lane = {"flex": "flex", "priority": "priority", "fast": "priority"}.get(ask.tier)
    if lane is not None and not prices.offers(ask.model.name, lane):
        raise bad(
            f"Invalid service_tier argument: '{ask.tier}' is not available for this model.",
            param="service_tier",
        )


def _tools(ask: Ask, effort: str | None) -> None:
    model = ask.model
    names = {tool.name for tool in ask.tools}
    if ask.forced is not None and ask.forced not in names:
        raise bad(f"Tool choice '{ask.forced}' not found in 'tools' parameter.", param="tool_choice")
    if ask.endpoint == "responses":
        if not model.search and (ask.search is not None or any(tool.deferred for tool in ask.tools)):
            raise bad(f"Tool 'tool_search' is not supported with {model.snapshot}.", param="tools")
        if ask.search is None and any(tool.deferred for tool in ask.tools):
            raise bad("Tools with 'defer_loading' require a 'tool_search' tool.", param="tools")
        return
    functions = any(tool.kind == "function" for tool in ask.tools)
    if not functions or model.chat_tools == "always" or (model.chat_tools == "at none" and effort == "none"):
        return
    hint = "" if model.chat_tools == "never" else " or set reasoning_effort to 'none'"
    raise bad(
        f"Function tools with reasoning_effort are not supported for {model.name} in /v1/chat/completions. "
        f"To use function tools, use /v1/responses{hint}.",
        param="reasoning_effort",
    )


def _cache(ask: Ask) -> None:
    if ask.retention not in {None, "in_memory", "24h"}:
        raise bad(
            f"Invalid value: '{ask.retention}'. Supported values are: 'in_memory' and '24h'.",
            param="prompt_cache_retention",
            code="invalid_value",
        )
    if ask.retention == "in_memory" and ask.model.name == "gpt-5.5":
        raise unsupported_value("prompt_cache_retention", "in_memory", "Supported values are: '24h'.")
    if ask.body.get("prompt_cache_options") is not None and ask.model.generation == 1:
        raise unsupported("prompt_cache_options")


def _chat_only(ask: Ask) -> None:
    body, model = ask.body, ask.model
    if not 1 <= ask.n <= 128:
        raise bad(
            f"Invalid 'n': expected a value between 1 and 128, got {ask.n}.", param="n", code="invalid_value"
        )
    if ask.top_logprobs and not ask.logprobs:
        raise bad("'logprobs' must be true when 'top_logprobs' is set.", param="top_logprobs")
    if not model.reasons:
        return
    for name, neutral in _NEUTRAL.items():
        if body.get(name) not in neutral:
            raise unsupported(name)


_NEUTRAL: Final[Mapping[str, tuple[Any, ...]]] = {
    "stop": (None,),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logit_bias": (None, {}),
    "prediction": (None,),
}
"""Values of Chat parameters that a reasoning model lets pass."""


def _background(ask: Ask) -> None:
    window = (ask.body.get("background_options") or {}).get("completion_window")
    if window is None:
        return
    if window not in {"2h", "8h"}:
        raise bad(f"Invalid value: '{window}'. Supported values are: '2h' and '8h'.", param="background_options.completion_window", code="invalid_value")  # fmt: skip
    if ask.stream or not ask.body.get("background") or ask.tier not in {"auto", "default"}:
        raise bad("'background_options' needs background, the default service tier and no stream.", param="background_options")  # fmt: skip


def _strict(ask: Ask) -> bool:
    if ask.endpoint == "chat":
        return bool(((ask.body.get("response_format") or {}).get("json_schema") or {}).get("strict"))
    return bool(((ask.body.get("text") or {}).get("format") or {}).get("strict"))


def check_schema(schema: Mapping[str, Any], ask: Ask) -> None:
    """Strict schemas: objects closed, every property required, ten levels at most."""
    wrong = _wrong(schema, (), 0)
    if wrong is None and schema.get("type") != "object" and "$ref" not in schema:
        wrong = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
    if wrong is None:
        return
    if ask.endpoint == "chat":
        raise bad(f"Invalid schema for response_format '{ask.schema_name}': {wrong}", param="response_format")
    raise bad(
        f"Invalid schema for response_format '{ask.schema_name}': {wrong}",
        param="text.format.schema",
        code="invalid_json_schema",
    )


def _wrong(schema: Any, path: tuple[str, ...], depth: int) -> str | None:
    if not isinstance(schema, dict):
        return None
    properties = schema.get("properties")
    if isinstance(properties, dict):
        if depth >= 10:
            return f"In context={path}, more than 10 levels of nesting."
        if schema.get("additionalProperties") is not False:
            return f"In context={path}, 'additionalProperties' is required to be supplied and to be false."
        missed = [name for name in properties if name not in (schema.get("required") or [])]
        if missed:
            return (
                f"In context={path}, 'required' is required to be supplied and to be an array including every "
                f"key in properties. Missing '{missed[0]}'."
            )
    inner: list[tuple[str, Any]] = [*(properties or {}).items(), *(schema.get("$defs") or {}).items()]
    inner.append(("items", schema.get("items")))
    inner += [(str(at), each) for at, each in enumerate(schema.get("anyOf") or [])]
    for name, each in inner:
        found = _wrong(each, (*path, name), depth + (1 if isinstance(properties, dict) else 0))
        if found is not None:
            return found
    return None


def overflow(model: Model, tokens: int, endpoint: str, room: int = 0) -> Refusal | None:
    """The refusal of a prompt of `tokens` that does not fit, None where it does.

    `room` is the output asked for, which shares the window.
    """
    if tokens <= model.max_input and tokens + room <= model.context:
        return None
    if endpoint == "responses":
        return bad(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            param="input",
            code="context_length_exceeded",
        )
    limit = min(model.max_input, model.context)
    return bad(
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} tokens. "
        "Please reduce the length of the messages.",
        param="messages",
        code="context_length_exceeded",
    )
