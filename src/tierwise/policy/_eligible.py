"""Hard constraints: may this model take this call at all, and at which effort?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

import msgspec

from tierwise.catalog import Model, Tokens
from tierwise.policy._proposal import EFFORTS, RANK
from tierwise.policy._state import Sent
from tierwise.policy._types import Limits
from tierwise.workloads import Facts

SAMPLING = frozenset({"logprobs", "sampling"})
"""Needs that only a model that is not reasoning may serve."""

ENDPOINTS = frozenset({"chat", "responses"})
"""Endpoints between whose models a call can move."""

REFUSED_WHEN_REASONING = frozenset(
    {"stop", "presence_penalty", "frequency_penalty", "logit_bias", "prediction"}
)
"""Parameters that reasoning models (GPT-5 and later) do not take. Source: LiteLLM's parameter code."""

NOT_IN_RESPONSES = frozenset(
    {"stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "prediction", "audio"}
)
"""Chat parameters that Responses does not have."""

KNOWN_FEATURES = frozenset(
    {
        "tools",
        "structured_output",
        "tool_search",
        "computer_use",
        "images",
        "files",
        "audio",
        "hosted_tools",
    }
)
"""Needs that decide whether a model may take a call."""

_ANY_SAMPLING = frozenset({"temperature", "top_p"})


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A call as a model has to serve it."""

    facts: Facts
    needs: frozenset[str]
    """Its needs, without what may be left out."""
    endpoint: str
    usage: Tokens
    extras: frozenset[str] = frozenset()
    """Further parameters, without those that may be left out."""


def ask_of(facts: Facts, usage: Tokens, sent: Sent | None, may_drop: Iterable[str] = ()) -> Ask:
    """The call as a model has to serve it, where `may_drop` may be left out."""
    dropped = frozenset(may_drop)
    needs = facts.needs
    if dropped and "sampling" in needs and _sampling_set(sent) <= dropped:
        needs -= {"sampling"}
    extras = (sent.extras - dropped) if sent is not None else frozenset()
    return Ask(facts=facts, needs=needs, endpoint=facts.endpoint, usage=usage, extras=extras)


def _sampling_set(sent: Sent | None) -> frozenset[str]:
    """Which of temperature and top_p ask for something; both where that is not known."""
    if sent is None:
        return _ANY_SAMPLING
    given = (("temperature", sent.temperature), ("top_p", sent.top_p))
    return frozenset(name for name, value in given if value not in {None, 1}) or _ANY_SAMPLING


def effort_as_asked(effort: str | None, model: Model) -> str | None:
    """The effort a call really ran at: its own, else the model's default; None without reasoning."""
    if not model.efforts:
        return None
    return effort if effort in EFFORTS else model.default_effort


def effort_on(effort: str | None, model: Model) -> str | None:
    """The effort of `model` that comes nearest to `effort`, above rather than below."""
    return _nearest(effort, model.efforts) if model.efforts else None


@lru_cache(maxsize=1024)
def _nearest(effort: str | None, efforts: Collection[str]) -> str:
    wanted = RANK[effort] if effort is not None else 0
    offered = sorted(efforts, key=RANK.__getitem__)
    return next((e for e in offered if RANK[e] >= wanted), offered[-1])


def must_not_reason(ask: Ask, model: Model) -> bool:
    """True when the call works on `model` only at effort none."""
    tools_in_chat = ask.endpoint == "chat" and "tools" in ask.needs
    return (tools_in_chat and model.chat_tools == "effort-none") or (
        bool(ask.needs & SAMPLING) and model.sampling == "effort-none"
    )


def refusal(ask: Ask, model: Model, effort: str | None, limits: Limits) -> str | None:
    """Why `model` at `effort` may not take the call, in words; None when it may."""
    needs = ask.needs
    if limits.models is not None and model.name not in limits.models:
        return f"{model.name} is not among the approved models"
    if ask.endpoint not in ENDPOINTS or ask.endpoint not in model.endpoints:
        return f"{model.name} does not serve {ask.endpoint}"
    missing = sorted((needs - SAMPLING - model.features) & KNOWN_FEATURES)
    if missing:
        return f"{model.name} lacks {', '.join(missing)}"
    if "tools" in needs and ask.endpoint == "chat" and model.chat_tools == "never":
        return f"{model.name} takes no tools in Chat Completions"
    if needs & SAMPLING and model.sampling in {"never", "unknown"}:
        return f"{model.name} refuses sampling parameters or logprobs"
    if must_not_reason(ask, model) and effort not in {None, "none"}:
        return f"{model.name} takes this call only at effort none, it runs at {effort}"
    return _refused_parameters(ask, model) or _fits(ask, model)


def tools_refused_in_chat(ask: Ask, model: Model, effort: str | None) -> bool:
    """Whether tools in Chat Completions are what `model` at `effort` refuses."""
    if ask.endpoint != "chat" or "tools" not in ask.needs:
        return False
    return model.chat_tools == "never" or (model.chat_tools == "effort-none" and effort not in {None, "none"})


def may_translate(facts: Facts, sent: Sent | None) -> str | None:
    """Why a Chat call may not go through Responses, in words; None when it may."""
    if sent is None:
        return "the request's parameters are not known"
    blocked = sorted(sent.extras & NOT_IN_RESPONSES)
    if sent.n is not None and sent.n > 1:
        blocked.append("n above 1")
    if "audio" in facts.needs and "audio" not in blocked:
        blocked.append("audio")
    return f"Responses has no {', '.join(blocked)}" if blocked else None


def _refused_parameters(ask: Ask, model: Model) -> str | None:
    if model.efforts and (refused := sorted(ask.extras & REFUSED_WHEN_REASONING)):
        return f"{model.name} refuses {', '.join(refused)}"
    effort = ask.facts.effort
    if not model.efforts and effort in EFFORTS and effort != "none":
        return f"{model.name} does not reason, the call asks for effort {effort}"
    cap = ask.facts.max_output_tokens
    if cap is not None and model.max_output is not None and cap > model.max_output:
        return f"{model.name} writes at most {model.max_output} tokens, the call allows {cap}"
    return None


def _fits(ask: Ask, model: Model) -> str | None:
    usage, facts = ask.usage, ask.facts
    input_tokens = max(usage.input_total, facts.input_tokens if usage.input_total == 0 else 0)
    room = facts.max_output_tokens or usage.output_total
    if model.max_output is not None:
        room = min(room, model.max_output)
    if model.max_input is not None and input_tokens > model.max_input:
        return f"its input of {input_tokens} tokens exceeds the {model.max_input} of {model.name}"
    if model.context is not None and input_tokens + room > model.context:
        return f"input and output of {input_tokens + room} tokens exceed the window of {model.name}"
    return None
