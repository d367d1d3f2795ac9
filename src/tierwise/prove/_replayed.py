"""The body that asks another rung the same: the logged request, shaped as a live call moved there would be."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Raw

from tierwise.calls import Call, Message, Request, to_responses
from tierwise.catalog import Catalog, Tokens
from tierwise.errors import CatalogError, RequestError
from tierwise.policy import Limits, Pinned, Rule, Rung, applied, pinned, sent_of
from tierwise.workloads import Recogniser

Tier = Literal["default", "flex"]

_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_LEFT_OUT: Final = (
    "stream", "stream_options", "background", "background_options", "metadata", "service_tier", "store",
    "prompt_cache_options", "prompt_cache_retention",
)  # fmt: skip
"""Parameters that steer how a call travels or is kept, and not its answer. Chat takes metadata only
where it stores; what keeps a prefix warm is for live calls to pay."""
_PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A call ready to be asked of a rung, or why it is not."""

    rung: Rung
    path: str = ""
    """'/v1/responses' or '/v1/chat/completions'."""
    body: bytes = b""
    refused: str | None = None
    """Why the rung may not take it, in words without its text."""


def prepare(
    call: Call,
    rung: Rung,
    rule: Rule,
    prices: Catalog,
    limits: Limits,
    recogniser: Recogniser,
    *,
    tier: Tier | None = "default",
) -> Prepared:
    """The request of a replayable call on `rung`: never streamed, never stored, no tool carried out.

    Model, effort and what the model would refuse are changed by `policy.pinned` and `policy.applied`, by
    which live calls are changed too; nothing else of the prompt, tools or schema is.

    Args:
        call: One that `unreplayable` has nothing against.
        rung: Where it goes; the baseline's own to ask it afresh.
        rule: The rule that is to be proved: what it lets go, and whether Chat may go by Responses.
        prices: The catalog.
        limits: The owner's.
        recogniser: Gives the call's facts.
        tier: The service tier to ask for; None names none, for Batch.
    """
    request = call.request
    if request is None:
        return Prepared(rung=rung, refused="the log has no text of the request")
    try:
        body = request.body or body_of(request)
        found = _pinned(call, request, body, rung, rule, prices, limits, recogniser)
        if found.refused is not None:
            return Prepared(rung=found.rung, refused=found.refused)
        if found.endpoint == "responses":
            body = to_responses(body)
        shaped = _settled(applied(body, found.changes), tier)
    except (RequestError, CatalogError) as error:
        return Prepared(rung=rung, refused=str(error))
    except (msgspec.DecodeError, UnicodeError):
        return Prepared(rung=rung, refused="the request's body cannot be read")
    return Prepared(rung=found.rung, path=_PATHS[found.endpoint or call.endpoint], body=shaped)


def _pinned(
    call: Call,
    request: Request,
    body: bytes,
    rung: Rung,
    rule: Rule,
    prices: Catalog,
    limits: Limits,
    recogniser: Recogniser,
) -> Pinned:
    facts = recogniser.recognise(request)
    sent = sent_of(request, _FIELDS.decode(body))
    return pinned(facts, sent, rung, rule, prices, limits, call.tokens or Tokens())


def _settled(body: bytes, tier: Tier | None) -> bytes:
    fields = _FIELDS.decode(body)
    for name in _LEFT_OUT:
        fields.pop(name, None)
    fields["store"] = Raw(b"false")
    if tier is not None:
        fields["service_tier"] = Raw(msgspec.json.encode(tier))
    return msgspec.json.encode(fields)


def body_of(request: Request) -> bytes:
    """The body of a request whose log does not have it as sent, from what was read of it.

    Holds what `Request` carries; `unreplayable` turns away requests that said more, where that shows.
    """
    chat = request.endpoint == "chat"
    body: dict[str, Any] = {"model": request.model}
    body["messages" if chat else "input"] = [_message(message) for message in request.messages]
    if request.tools:
        body["tools"] = Raw(request.tools)
    form = Raw(request.schema) if request.schema else None
    plain: dict[str, Any] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "tool_choice": request.tool_choice,
        "prompt_cache_key": request.prompt_cache_key,
    }
    if chat:
        plain |= {
            "response_format": form,
            "reasoning_effort": request.effort,
            "verbosity": request.verbosity,
            # Every model takes this name; reasoning models refuse the older one.
            "max_completion_tokens": request.max_output_tokens,
            "logprobs": request.logprobs or None,
        }
    else:
        text = {"format": form, "verbosity": request.verbosity}
        plain |= {
            "text": _set(text) or None,
            "reasoning": {"effort": request.effort} if request.effort is not None else None,
            "max_output_tokens": request.max_output_tokens,
        }
    return msgspec.json.encode(body | _set(plain))


def _set(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: getattr(message, name)
        for name in ("type", "role", "content", "name", "tool_calls", "tool_call_id", "call_id")
    }
    for name in ("arguments", "output"):
        raw: Raw = getattr(message, name)
        fields[name] = raw if bytes(raw) else None
    return _set(fields)
