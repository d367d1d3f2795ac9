"""LiteLLM's data into the request that is asked about, a decision into changes of the data, a call into a report."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final

ENDPOINTS: Final[dict[str, str]] = {
    "acompletion": "/v1/chat/completions",
    "completion": "/v1/chat/completions",
    "aresponses": "/v1/responses",
    "responses": "/v1/responses",
    "aembedding": "/v1/embeddings",
    "embedding": "/v1/embeddings",
    "atext_completion": "/v1/completions",
    "text_completion": "/v1/completions",
}
"""Paths by LiteLLM's call types; calls of other types are not looked at."""
_PLACE: Final = re.compile(r"\[\d+\]$")
DECIDED: Final = frozenset({"/v1/chat/completions", "/v1/responses"})
LARGEST: Final = 1_000_000
"""Characters of a request that is asked about: a larger one takes too long to write down."""
# fmt: off
FIELDS: Final = frozenset(
    {
        "audio", "background", "conversation", "dimensions", "encoding_format", "frequency_penalty",
        "function_call", "functions", "include", "input", "instructions", "logit_bias", "logprobs",
        "max_completion_tokens", "max_output_tokens", "max_tokens", "messages", "modalities", "n",
        "parallel_tool_calls", "prediction", "presence_penalty", "previous_response_id", "prompt",
        "prompt_cache_key", "prompt_cache_retention", "reasoning", "reasoning_effort", "response_format",
        "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "temperature", "text",
        "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user", "verbosity",
        "web_search_options",
    }
)
# fmt: on
"""Fields of OpenAI's requests. The rest is LiteLLM's, keys of callers among it, and stays here."""
_UNKNOWN: Final = frozenset({"Timeout", "APIConnectionError"})
"""Errors after which nobody knows whether upstream acted."""
_SHORT: Final = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the decision service says of a call."""

    id: str
    path: str
    body: Mapping[str, Any]
    """The request as it would be sent."""
    changed: frozenset[str]
    """Top-level fields that differ from what was asked."""
    rung: str = ""
    breach: str | None = None
    """Why the call must not go: it is outside the owner's limits."""


@dataclasses.dataclass(kw_only=True)
class Seen:
    """A call between the hook before it and the events after it."""

    endpoint: str
    body: dict[str, Any]
    headers: dict[str, str]
    verdict: Verdict | None = None
    carried: bool = False
    reason: str | None = None
    """Why it goes as asked."""


def body_of(endpoint: str, data: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The request that a call makes of OpenAI, with the model behind the entry it names."""
    body = {name: value for name, value in data.items() if name in FIELDS}
    metadata = data.get("metadata") or {}
    if endpoint in {"/v1/chat/completions", "/v1/embeddings", "/v1/completions"}:
        # LiteLLM keeps its own facts there, the caller's below them.
        metadata = metadata.get("requester_metadata") or {}
    words = {name: value for name, value in metadata.items() if isinstance(value, str)}
    return {"model": model, **body, **({"metadata": words} if words else {})}


def labels_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Headers of the caller that speak to us."""
    headers = (data.get("proxy_server_request") or {}).get("headers") or {}
    return {name: value for name, value in headers.items() if name.lower().startswith("x-tierwise-")}


def fits(value: Any, room: int = LARGEST) -> bool:
    """Whether a value's texts have no more characters than there is room for; looks no further than that."""
    return _room(value, room) >= 0


def _room(value: Any, room: int) -> int:
    if isinstance(value, str):
        return room - len(value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    room -= 8
    for one in inner:
        if room < 0:
            break
        room = _room(one, room)
    return room


def verdict_of(found: Any) -> Verdict:
    """A decision as the service answers it. Raises ValueError, TypeError, KeyError for anything else."""
    identity, path, body = found["id"], found["path"], found["body"] or {}
    rung = (found.get("rung") or {}).get("model") or ""
    # A change inside one message ('messages[0]....') is one of the field.
    names = frozenset(
        _PLACE.sub("", change["parameter"].partition(".")[0]) for change in found.get("changes") or ()
    )
    if not isinstance(body, dict) or not all(isinstance(text, str) for text in (identity, path, rung)):
        raise TypeError("expected an id, a path, a rung and a body")
    if names and not isinstance(body.get("model"), str):
        raise ValueError("expected a model to go to")
    return Verdict(id=identity, path=path, body=body, changed=names, rung=rung, breach=found.get("breach"))


def apply(data: dict[str, Any], verdict: Verdict, name: str) -> None:
    """Make the changes: the model's entry, and every other field as the service has it."""
    for field in verdict.changed - {"model"}:
        if field in verdict.body:
            data[field] = verdict.body[field]
        else:
            data.pop(field, None)
    data["model"] = name


def report(
    seen: Seen, kwargs: Mapping[str, Any], response: Any, start: dt.datetime, end: dt.datetime
) -> dict[str, Any]:
    """What the ledger is told of a call: as it was asked, and how it went.

    Args:
        seen: The call before it went.
        kwargs: LiteLLM's details of it.
        response: What came back; None where nothing did.
        start: When it was sent, in local time if it names no zone.
        end: When it was over.
    """
    told: dict[str, Any] = {
        "endpoint": seen.endpoint,
        "body": seen.body,
        "headers": seen.headers,
        "decision": seen.verdict.id if seen.verdict is not None else None,
        "carried": seen.carried,
        "reason": seen.reason[:_SHORT] if seen.reason else None,
        "at": int(start.timestamp() * 1e6),
        "latency": max(0, int((end - start).total_seconds() * 1e6)),
    }
    if response is None:
        # Beside a reply stands the fault of an earlier try.
        fault = kwargs.get("exception")
        kind = type(fault).__name__
        code = getattr(fault, "code", None)
        told["status"] = "unknown" if kind in _UNKNOWN else "error"
        told["error"] = (code if isinstance(code, str) else kind)[:_SHORT]
        return told
    wire = _wire(response, kwargs)
    if seen.carried and seen.verdict is not None and wire["model"] != seen.verdict.rung:
        # A fallback of LiteLLM's: what the decision would have saved was not.
        told |= {"carried": False, "reason": f"LiteLLM sent it to {wire['model']}"[:_SHORT]}
    if _left_by_caller(kwargs):
        # Its usage is a guess of LiteLLM's then; the ledger makes its own, and marks it.
        wire.pop("usage", None)
        told["status"] = "abandoned"
    return {**told, "response": wire}


def _left_by_caller(kwargs: Mapping[str, Any]) -> bool:
    params = kwargs.get("litellm_params") or {}
    places = (params.get("metadata"), params.get("litellm_metadata"))
    return any(isinstance(place, Mapping) and place.get("client_disconnected") for place in places)


def _wire(response: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """A reply in OpenAI's form, with the model that served it and its usage."""
    wire, usage = _plain(response), getattr(response, "usage", None)
    if usage is not None:
        # LiteLLM puts Chat's usage in a reply of Responses, which then writes out the total alone.
        wire["usage"] = _plain(usage)
    # ... and the name that the caller asked for over the model's.
    info = (kwargs.get("litellm_params") or {}).get("model_info") or {}
    served = str(info.get("base_model") or kwargs.get("model") or wire.get("model") or "")
    wire["model"] = served.rpartition("/")[2]
    if wire.get("object") == "list":
        # Embeddings themselves are nobody's business here.
        wire.pop("data", None)
    return wire


def _plain(value: Any) -> dict[str, Any]:
    """A model of pydantic's, or a mapping, as JSON has it."""
    if isinstance(value, Mapping):
        return dict(value)
    found: dict[str, Any] = value.model_dump(mode="json", warnings=False)
    return found
