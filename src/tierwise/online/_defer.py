"""Defer: a decided call becomes a request that waits, and once its answer came, an entry with its price."""

from __future__ import annotations

from secrets import token_hex
from typing import Final

import msgspec

from tierwise.batch import Outcome, Waiting
from tierwise.calls import Recorded, Request, Status, batch_line
from tierwise.catalog import Catalog, Lane, served_lane, utc_day
from tierwise.errors import CatalogError
from tierwise.online._values import Admitted, Entry, Later, Routed, Run
from tierwise.policy import Decision, Defer, Policy, late_lanes, wait_of
from tierwise.workloads import Facts

DAY: Final = 86_400
PREFIXES: Final = {"responses": "resp_tw_", "chat": "chatcmpl_tw_"}
"""Beginnings of ids of answers that came later, by endpoint."""
PATHS: Final = {
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
    "embeddings": "/v1/embeddings",
    "completions": "/v1/completions",
}
_NOT_SENT: Final = ("background", "background_options", "stream", "stream_options", "service_tier")
"""Fields that say how an answer is to travel, which the lane now says."""
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LOST: Final = "outcome_unknown"
"""Code of a request whose sender was gone before its answer came."""


class Deferred(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits, for whoever keeps it: in clear, and to be kept sealed."""

    item: Waiting
    body: bytes
    """As it is sent."""
    entry: bytes
    """What `Pipeline.told` needs once its end is known; holds no text."""


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a call when it begins to wait."""

    call: Recorded
    reason: str | None = None
    """Why it went as asked although there is a policy."""


_ENCODER = msgspec.json.Encoder(decimal_format="string")
_KEPT = msgspec.json.Decoder(Kept)
_FACTS = msgspec.json.Decoder(Facts)
_DECISION = msgspec.json.Decoder(Decision)


def may_wait(call: Admitted, policy: Policy) -> bool:
    """Whether the policy may decide for Batch: somebody keeps what waits, and nobody waits for this answer.

    A call that goes on from an earlier one is not held up: others may go on from it.
    """
    later, request = call.asked.later, call.request
    if later is None or request is None or call.unread is not None:
        return False
    if request.stream or policy.limits.zero_retention:
        return False
    linked = request.previous_response_id or request.conversation
    windowed = "background_options" in request.extras
    return later.always or (request.background and not linked and not windowed)


def takes_window(request: Request) -> bool:
    """Whether a call may be sent with a completion window: a background response that says nothing of one itself."""
    said = request.stream or "background_options" in request.extras or request.previous_response_id
    return request.endpoint == "responses" and request.background and not said and not request.conversation


def lane_asked(call: Admitted, request: Request) -> Lane:
    """The lane that a call asks for, beside its body or in it."""
    later = call.asked.later
    if later is not None and later.lane != "standard":
        return later.lane
    try:
        return served_lane(request.service_tier, None)[0]
    except CatalogError:
        return "standard"


def opens_in(policy: Policy, at: int) -> int:
    """Seconds from a time (microseconds since the epoch) until the owner lets batches go."""
    window = policy.waiting.window
    return window.opens_in(at) if window is not None else 0


def waits(call: Admitted, routed: Routed) -> bool:
    """Whether a decided call is to be kept instead of sent; what cannot be read, upstream refuses now."""
    later = call.asked.later
    unread = call.request is None or call.unread is not None
    return later is not None and not unread and (later.always or routed.lane == "batch")


def new_id(endpoint: str, drawn: str | None = None) -> str:
    """An id for an answer that comes later; by chance, or the same for the same `drawn`."""
    return PREFIXES.get(endpoint, "item_tw_") + (drawn or token_hex(16))


def deferred(
    call: Admitted,
    routed: Routed,
    run: Run,
    identity: str,
    entry: Entry,
    policy: Policy | None,
    prices: Catalog,
) -> Deferred:
    """The request that waits.

    Args:
        call: As it came.
        routed: As decided and shaped.
        run: Its id and when it came.
        identity: The id of its answer.
        entry: As it was taken down.
        policy: What decided.
        prices: The catalog.
    """
    later = call.asked.later or Later()
    endpoint = "responses" if routed.translated else call.endpoint
    body, path = _body(routed.outgoing.body), PATHS[endpoint]
    facts, state = routed.facts, routed.state
    in_batch = routed.lane == "batch"
    opens = opens_in(policy, run.at) if policy is not None and in_batch else 0
    item = Waiting(
        id=identity,
        call=run.id,
        sender=later.sender,
        project=call.asked.project,
        job=later.job,
        path=path,
        model=routed.outgoing.model or "",
        tokens=max(
            facts.input_tokens if facts is not None else len(body) // 3,
            state.usage.input_total if state is not None else 0,
        ),
        size=len(batch_line(identity, path, body)),
        made=run.at,
        due=run.at + (_wait(call, routed, policy) * 1_000_000 if in_batch else 0),
        start=run.at + opens * 1_000_000,
        mark=later.mark,
        then=_then(call, routed, policy, prices, run.at),
    )
    kept = _ENCODER.encode(Kept(call=entry.line, reason=entry.reason))
    return Deferred(item=item, body=body, entry=kept)


def _body(body: bytes) -> bytes:
    """The body without what says how its answer is to travel; what else stands in it keeps its bytes."""
    fields = _FIELDS.decode(body)
    if fields.keys().isdisjoint(_NOT_SENT):
        return body
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in _NOT_SENT})


def _wait(call: Admitted, routed: Routed, policy: Policy | None) -> int:
    """Seconds until its answer is promised."""
    decision, state = routed.decision, routed.state
    if decision is not None and state is not None and policy is not None:
        rule = next((rule for rule in policy.rules if rule.name == decision.rule), None)
        wait = wait_of(rule, state) if rule is not None else None
        if wait is not None:
            return wait
    return call.labels.deadline or DAY


def _then(
    call: Admitted, routed: Routed, policy: Policy | None, prices: Catalog, at: int
) -> tuple[Lane, ...]:
    """Lanes by which it goes by itself, first to last."""
    decision, lane = routed.decision, routed.lane
    if decision is None and call.request is not None:
        lane = lane_asked(call, call.request)
    day = utc_day(at / 1e6)
    late: tuple[Lane, ...] = ()
    if decision is not None:
        late = late_lanes(decision, policy.waiting if policy is not None else Defer(), prices, day)
    return late if lane == "batch" else (lane, *(other for other in late if other != lane))


def entry_of(identity: str, call: Recorded, reason: str | None = None) -> Entry:
    """The entry of a call that only its line is left of."""
    facts = _FACTS.decode(call.facts) if bytes(call.facts) else None
    decision = _DECISION.decode(call.decision) if bytes(call.decision) else None
    return Entry(
        id=identity,
        line=call,
        facts=facts,
        decision=decision,
        reason=reason,
        cost=call.cost,
        as_asked=call.as_asked,
    )


def kept_entry(identity: str, kept: bytes) -> Entry:
    """The entry of a call that waited, as it was when it began to."""
    found = _KEPT.decode(kept)
    return entry_of(identity, found.call, found.reason)


def how_ended(end: Outcome) -> tuple[Status | None, str | None]:
    """Status and error of a call that waited, where its answer does not say them itself.

    One that may have been carried out unseen is unknown, so that its money stays held; what was
    cancelled or came to nothing is an error, which OpenAI does not charge for.
    """
    if end.error == _LOST:
        return "unknown", end.error
    if end.state == "done":
        return None, None
    return "error", end.error or end.state


def in_lane(decision: Decision, lane: Lane, prices: Catalog, at: int) -> Decision:
    """A decision as it was carried out: by another lane than the one decided, at what was expected there.

    Raises:
        CatalogError: The lane has no price.
    """
    if lane == decision.plan.lane or not decision.steps:
        return decision
    day = utc_day(at / 1e6)
    last = decision.steps[-1]
    cost = prices.rate_card(decision.plan.rung.model, lane, at=day).total(last.tokens)
    plan = msgspec.structs.replace(decision.plan, lane=lane)
    return msgspec.structs.replace(
        decision,
        plan=plan,
        moved=plan.rung != decision.baseline or lane != decision.lane_asked,
        steps=(*decision.steps[:-1], msgspec.structs.replace(last, cost=cost)),
    )


def carried_out(entry: Entry, lane: Lane, prices: Catalog) -> Decision | None:
    """What a call that waited went by, for its price; None where it went as asked."""
    if entry.decision is None or entry.reason is not None:
        return None
    try:
        return in_lane(entry.decision, lane, prices, entry.line.at or 0)
    except CatalogError:
        return entry.decision
