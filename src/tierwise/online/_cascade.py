"""The answer of a rung that is tried first: read, scored, and accepted, or taken down as spent in vain.

Nobody but us sees an answer that is not accepted; of a stream, nothing is passed on before it is judged.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final, Literal

import msgspec

from tierwise.calls import Around, Endpoint, Outgoing, Response, Spend, live_call, parse_response
from tierwise.cascade import Seen, check_of, score, seen
from tierwise.errors import RequestError, TierwiseError
from tierwise.online._price import kept_long
from tierwise.online._values import Admitted, Reply, Routed, Run
from tierwise.policy import Cascading, Certificate, Policy, Trial, certificate_of
from tierwise.upstream import whole_reply

MOST_HELD: Final = 32 * 1024 * 1024
"""Bytes of a stream that are held until it is checked; a longer one is not accepted."""
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def with_cascade(routed: Routed, policy: Policy) -> Routed:
    """The call with the certificate by which its answer is accepted, where its decision says that it is checked."""
    decision = routed.decision
    if decision is None or not isinstance(decision.plan.cascade, Cascading) or not routed.carried:
        return routed
    rule = next((rule for rule in policy.rules if rule.name == decision.rule), None)
    return msgspec.structs.replace(routed, cascade=certificate_of(rule) if rule is not None else None)


def trial_of(routed: Routed) -> Trial | None:
    """The rung whose answer is to be checked; None where it goes to its caller as it is."""
    found = routed.cascade
    tried = routed.state.tried if routed.state is not None else 0
    return found.trials[tried] if isinstance(found, Certificate) and tried < len(found.trials) else None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an answer."""

    accepted: bool
    why: str
    """A few words without its text."""


def judged(
    call: Admitted, routed: Routed, run: Run, trial: Trial, status: int, body: bytes | None
) -> Generator[Outgoing, Reply, Judged]:
    """Check a whole answer; what its paid checks use is added to the run.

    Yields:
        What paid checks ask; expects the reply.
    """
    response, wire = _read(routed, call.endpoint, body) if status < 400 and body is not None else (None, None)
    if response is None or call.request is None:
        return Judged(accepted=False, why=f"status {status}" if status >= 400 else "it cannot be read")
    if response.model not in {None, trial.snapshot, trial.rung.model}:
        return Judged(accepted=False, why=f"{response.model:.80} answered, and {trial.snapshot} is certified")
    found = seen(call.request, response, wire)
    if found.hard is not None:
        return Judged(accepted=False, why=found.hard)
    for paid in trial.paid:
        check = check_of(paid)
        outgoing = check.ask(call.request, routed.outgoing, response)
        reply = yield outgoing
        second, _ = _read(routed, call.endpoint, reply.body) if reply.status < 400 else (None, None)
        run.spent += spent_on("check", outgoing.model, reply.status, reply.body, run.at)
        value = check.value(call.request, response, second)
        if value is not None:
            found = Seen(hard=None, values={**found.values, check.name: value})
    chance = score(trial.scoring, found)
    said = f"score {chance:.3f}, accepted from {trial.least:.3f}"
    return Judged(accepted=chance >= trial.least, why=said)


def body_of(held: bytes, whole: bool) -> bytes | None:
    """The body that a held stream amounts to; None where it is not there to its end, or cannot be read."""
    if not whole:
        return None
    try:
        return msgspec.json.encode(whole_reply(held))
    except TierwiseError:
        return None


def spent_on(
    what: Literal["attempt", "check"], model: str | None, status: int, body: bytes | None, at: int
) -> tuple[Spend, ...]:
    """What a request used that is not the caller's answer; nothing for one that upstream refused.

    Of one whose usage did not come, only that is known: its cost is not.
    """
    if status >= 400:
        return ()
    done = live_call("other", None, b"", body, Around(at=at)) if body is not None else None
    if done is None or done.response is None:
        return (Spend(what=what, served=model or "", tokens=None),)
    return (
        Spend(
            what=what,
            served=done.model_served or model or "",
            lane=done.lane,
            tokens=done.tokens,
            hosted=dict(done.response.hosted),
        ),
    )


def spent_in_vain(call: Admitted, routed: Routed, run: Run, status: int, body: bytes | None) -> None:
    """Count an answer that was not accepted, and the steps before it."""
    served = routed.outgoing.model or ""
    decision = routed.decision if routed.carried else None
    for spend in spent_on("attempt", served, status, body, run.at):
        done = live_call("other", None, b"", body, Around(at=run.at, lane=routed.lane))
        tokens = kept_long(done, decision, call.asked.body).tokens if spend.tokens is not None else None
        run.spent += (msgspec.structs.replace(spend, tokens=tokens, lane=done.lane),)
        served = spend.served
    run.spent += tuple(
        Spend(what="attempt", served=served, lane=routed.lane, tokens=tokens) for tokens in run.earlier
    )
    run.earlier = ()


def _read(
    routed: Routed, called: Endpoint, body: bytes | None
) -> tuple[Response | None, Mapping[str, Any] | None]:
    """A reply, and its JSON."""
    try:
        wire = msgspec.json.decode(body or b"")
        response = parse_response("responses" if routed.translated else called, body or b"")
    except (*_BROKEN, RequestError):
        return None, None
    return response, wire if isinstance(wire, dict) else None
