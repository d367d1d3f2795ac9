"""From a request to what a State holds of it: parameters, hints, the draw for a canary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final

from tierwise.calls import Message, Request
from tierwise.policy._state import ARMS, Hints, Sent
from tierwise.policy._types import Policy
from tierwise.workloads import DEPTHS, ROLES, TASKS, tool_names

HINTED = ("task", "depth", "role", "workload")
"""Metadata keys, and headers after `HEADER`, that may carry hints."""
HEADER = "x-tierwise-"
LONGEST_HINT = 200


def sent_of(request: Request, parameters: Iterable[str] = ()) -> Sent:
    """What a decision may need of a request beside its facts.

    Args:
        request: As parsed.
        parameters: Names of the body's top-level keys as sent, which tell `max_tokens` from
            `max_completion_tokens`; without them neither is renamed.
    """
    return Sent(
        parameters=frozenset(parameters),
        temperature=request.temperature,
        top_p=request.top_p,
        n=request.n,
        verbosity=request.verbosity,
        store=request.store,
        stream=request.stream,
        background=request.background,
        tools=frozenset(tool_names(request)) if request.tools else frozenset(),
        extras=request.extras,
        released=any(map(_released, request.messages)),
        linked=_linked(request),
    )


def _linked(request: Request) -> str | None:
    if request.previous_response_id:
        return "previous_response_id"
    if request.conversation:
        return "conversation"
    if request.endpoint == "responses" and any(map(_is_reasoning, request.messages)):
        return "reasoning items"
    return None


def _released(message: Message) -> bool:
    """Whether a message is a tool call, or what came of one."""
    return (
        bool(message.tool_calls)
        or message.role == "tool"
        or (message.type or "").endswith(("_call", "_call_output"))
    )


def _is_reasoning(message: Message) -> bool:
    return message.type == "reasoning"


def hints_of(metadata: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Hints | None:
    """Hints in a call's metadata and headers; None where there are none. Unknown words are no hints.

    A header (`x-tierwise-task` and so on, names in lower case) wins over metadata. Whether
    hints count is the policy's to say (`Policy.trusts`).
    """
    found = {}
    for key in HINTED:
        value = (headers or {}).get(HEADER + key) or metadata.get(key)
        if value and len(value) <= LONGEST_HINT:
            found[key] = value
    task, depth, role = found.get("task"), found.get("depth"), found.get("role")
    if not found:
        return None
    return Hints(
        task=task if task in TASKS else None,
        depth=depth if depth in DEPTHS else None,
        role=role if role in ROLES else None,
        workload=found.get("workload"),
    )


def kept_metadata(metadata: Mapping[str, str], policy: Policy) -> dict[str, str]:
    """The part of a call's metadata that the policy looks at: nothing else enters a State."""
    return {key: metadata[key] for key in sorted(policy.metadata_keys & metadata.keys())}


HOLDBACK_SALT: Final = "holdback"
"""Of draws for holdbacks, so that they are independent of those for canaries."""


def arm_of(session: str, policy: Policy, salt: str = "") -> int:
    """A session's draw for canaries: 0 to ARMS - 1, uniform, the same for a policy digest and salt."""
    digest = blake2b(
        f"{policy.digest}\x1f{salt}\x1f{session}".encode("utf-8", "surrogatepass"), digest_size=8
    ).digest()
    return int.from_bytes(digest, "little") % ARMS
