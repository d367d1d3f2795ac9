"""Hard constraints: may this model take this call at all, and at which effort?"""

from __future__ import annotations

from tierwise.catalog import Model, Tokens
from tierwise.policy._proposal import EFFORTS
from tierwise.policy._types import Limits
from tierwise.workloads import Facts

SAMPLING = frozenset({"logprobs", "sampling"})
"""Needs that only a model that is not reasoning may serve."""

ENDPOINTS = frozenset({"chat", "responses"})
"""Endpoints between whose models a call can move."""


def effort_as_asked(effort: str | None, model: Model) -> str | None:
    """The effort a call really ran at: its own, else the model's default; None without reasoning."""
    if not model.efforts:
        return None
    return effort if effort in EFFORTS else model.default_effort


def effort_on(effort: str | None, model: Model) -> str | None:
    """The effort of `model` that comes nearest to `effort`, above rather than below."""
    if not model.efforts:
        return None
    wanted = EFFORTS.index(effort) if effort is not None else 0
    offered = sorted(model.efforts, key=EFFORTS.index)
    return next((e for e in offered if EFFORTS.index(e) >= wanted), offered[-1])


def must_not_reason(facts: Facts, model: Model) -> bool:
    """True when the call works on `model` only at effort none."""
    tools_in_chat = facts.endpoint == "chat" and "tools" in facts.needs
    return (tools_in_chat and model.chat_tools == "effort-none") or (
        bool(facts.needs & SAMPLING) and model.sampling == "effort-none"
    )


def _fits(facts: Facts, model: Model, usage: Tokens) -> str | None:
    input_tokens = max(usage.input_total, facts.input_tokens if usage.input_total == 0 else 0)
    room = facts.max_output_tokens or usage.output_total
    if model.max_output is not None:
        room = min(room, model.max_output)
    if model.max_input is not None and input_tokens > model.max_input:
        return f"its input of {input_tokens} tokens exceeds the {model.max_input} of {model.name}"
    if model.context is not None and input_tokens + room > model.context:
        return f"input and output of {input_tokens + room} tokens exceed the window of {model.name}"
    return None


def refusal(facts: Facts, model: Model, effort: str | None, usage: Tokens, limits: Limits) -> str | None:
    """Why `model` at `effort` may not take the call, in words; None when it may."""
    if limits.models is not None and model.name not in limits.models:
        return f"{model.name} is not among the approved models"
    if facts.endpoint not in ENDPOINTS or facts.endpoint not in model.endpoints:
        return f"{model.name} does not serve {facts.endpoint}"
    missing = sorted((facts.needs - SAMPLING - model.features) & KNOWN_FEATURES)
    if missing:
        return f"{model.name} lacks {', '.join(missing)}"
    if "tools" in facts.needs and facts.endpoint == "chat" and model.chat_tools == "never":
        return f"{model.name} takes no tools in Chat Completions"
    if facts.needs & SAMPLING and model.sampling in {"never", "unknown"}:
        return f"{model.name} refuses sampling parameters or logprobs"
    if must_not_reason(facts, model) and effort not in {None, "none"}:
        return f"{model.name} takes this call only at effort none, it runs at {effort}"
    return _fits(facts, model, usage)


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
