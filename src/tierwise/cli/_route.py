"""`tierwise route`: one request in, one decision out."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.errors import CallerError, RequestError

if TYPE_CHECKING:
    from tierwise.calls import Request
    from tierwise.catalog import Catalog
    from tierwise.policy import Decision, Learned, Live, Plan, State
    from tierwise.workloads import Facts


def route(
    request: Annotated[
        Path | None,
        typer.Argument(help="File with the request body; standard input by default, or '-'.", metavar="FILE"),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="chat or responses; found out by the body's keys otherwise.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say it in words instead of JSON.")] = False,
    waits: Annotated[bool, typer.Option("--waits", help="The answer may take up to 24 hours.")] = False,
    policy: Annotated[
        Path | None,
        typer.Option(help="Your policy (tierwise.toml); the built-in proposal otherwise.", metavar="FILE"),
    ] = None,
    caller: Annotated[
        list[str] | None,
        typer.Option(help="Who calls, e.g. key:jobs, for policies that trust hints; may be repeated."),
    ] = None,
    ladder: Annotated[
        str | None, typer.Option(help="Ladder of the built-in proposal; gpt-5.4 by default.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE")
    ] = None,
) -> None:
    r"""Decide where one request should go, by your policy or the built-in one.

    \b
    Examples:
      tierwise route < request.json
      tierwise route request.json --policy tierwise.toml --explain
    """
    from tierwise.calls import parse_request
    from tierwise.catalog import Catalog
    from tierwise.policy import decide

    body = sys.stdin.buffer.read() if request is None or str(request) == "-" else request.read_bytes()
    parsed = parse_request(endpoint or _endpoint(body), body)
    catalog = Catalog.open(prices)
    live = _policy(policy, ladder, catalog)
    used = live.policy
    facts = _facts(parsed, live)
    if not facts.model:
        raise RequestError("expected 'model' in the body, found none; name the model the request asks for")
    state = _state(parsed, body, facts, live, catalog, waits=waits, callers=frozenset(caller or ()))
    today = dt.datetime.now(dt.UTC).date()
    decision = decide(facts, used, state, catalog, today)
    if explain:
        for line in in_words(decision, facts, live.learned):
            typer.echo(line)
    else:
        typer.echo(_json(decision, facts, live.learned))


# The parser keeps the lines of a paragraph that a backspace stands before.
route.__doc__ = (route.__doc__ or "").replace("\\b", "\b")


def _policy(path: Path | None, ladder: str | None, catalog: Catalog) -> Live:
    from tierwise.catalog import DEFAULT_LADDER
    from tierwise.policy import Live, load_live, proposal

    if path is None:
        return Live(policy=proposal(catalog.ladder(ladder or DEFAULT_LADDER)))
    if ladder is not None:
        raise CallerError("expected --policy or --ladder, got both; the policy names its own ladder")
    return load_live(path, catalog)


def _facts(request: Request, live: Live) -> Facts:
    """Facts of the request, completed by what an audit learned."""
    import msgspec

    from tierwise.calls import named_place

    facts = live.recogniser().recognise(request)
    if live.learned is None:
        return facts
    workload = live.learned.workload_of(facts.workload, named_place(request.metadata))
    role = live.learned.roles.get(workload, facts.role) if facts.role == "unknown" else facts.role
    return msgspec.structs.replace(facts, workload=workload, role=role)


def _lengths(decision: Decision, facts: Facts, learned: Learned | None) -> str | None:
    """Lengths of the answer as asked where an audit met the workload; None where they are assumed."""
    if learned is None or not learned.uses.get(facts.workload) or not decision.steps:
        return None
    tokens = decision.steps[0].tokens
    return f"{tokens.output} visible output tokens, {tokens.reasoning} of reasoning"


def _state(
    request: Request,
    body: bytes,
    facts: Facts,
    live: Live,
    catalog: Catalog,
    *,
    waits: bool,
    callers: frozenset[str],
) -> State:
    """What is known of a request that comes alone: what an audit learned, no session."""
    import msgspec

    from tierwise.online import Asked, Memory, admit, scored, scorers_of
    from tierwise.policy import rule_of

    call = admit(Asked(method="POST", path="", body=body), request.endpoint)
    now = int(dt.datetime.now(dt.UTC).timestamp() * 1e6)
    memory = Memory(catalog, live.learned)
    state = memory.state(call, request, facts, live.policy, now, callers=callers, lanes=None)
    rule = rule_of(facts, live.policy, state, catalog)
    scores = scored(rule, live.policy, request, facts, scorers_of(live))
    return msgspec.structs.replace(state, waits=waits, scored=scores)


def _endpoint(body: bytes) -> str:
    """Which endpoint a body is for, by the key that only one of the two has."""
    import msgspec

    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError(f"expected a request body as JSON, got something else: {error}") from None
    if not isinstance(found, dict):
        raise RequestError(f"expected a JSON object as request body, got {type(found).__name__}")
    for key, endpoint, kinds in (("messages", "chat", (list,)), ("input", "responses", (list, str))):
        if key in found:
            if not isinstance(found[key], kinds):
                raise RequestError(f"expected {key!r} to be an array, got {type(found[key]).__name__}")
            return endpoint
    if "instructions" in found:
        return "responses"
    raise RequestError(
        "expected 'messages' (Chat Completions) or 'input' (Responses) in the body, found neither"
    )


def _json(decision: Decision, facts: Facts, learned: Learned | None) -> bytes:
    import msgspec

    from tierwise.online import ASSUMED_OUTPUT, ASSUMED_REASONING

    lengths = _lengths(decision, facts, learned)
    assumed = f"{ASSUMED_OUTPUT} visible output tokens, {ASSUMED_REASONING}"
    steps = [
        {"lever": step.lever, "cost": f"{step.cost:f}", "tokens": msgspec.to_builtins(step.tokens)}
        for step in decision.steps
    ]
    plan = decision.plan
    found = {
        **_rung(plan),
        "asked": {
            "model": decision.baseline.model,
            "effort": decision.baseline.effort,
            "lane": decision.lane_asked,
        },
        "moved": decision.moved,
        "unproven": decision.unproven,
        "rule": decision.rule,
        "stage": decision.stage,
        "shadow": _rung(decision.shadow) if decision.shadow is not None else None,
        "evidence": decision.evidence,
        "breach": decision.breach,
        "changes": decision.changes,
        "expected_latency_ms": decision.latency,
        "workload": f"{facts.workload:016x}",
        "task": facts.task,
        "depth": facts.depth,
        "role": facts.role,
        "signals": facts.signals,
        "expected_cost": f"{decision.expected_cost:f}" if decision.expected_cost is not None else None,
        "expected_saving": f"{decision.expected_saving:f}",
        "learned": lengths,
        "assumed": None if lengths else f"no history: {assumed} of reasoning at medium",
        "steps": steps,
        "reasons": decision.reasons,
        "policy": decision.policy,
        "prices": decision.prices,
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2)


def _rung(plan: Plan) -> dict[str, object]:
    return {"rung": {"model": plan.rung.model, "effort": plan.rung.effort}, "lane": plan.lane}


def in_words(decision: Decision, facts: Facts, learned: Learned | None = None) -> list[str]:
    """The decision as a person would tell it; what was not learned is said to be assumed."""
    from tierwise.online import ASSUMED_OUTPUT, ASSUMED_REASONING

    plan, baseline = decision.plan, decision.baseline
    lines = [
        f"task {facts.task}, depth {facts.depth}, {facts.input_tokens:,} input tokens, workload {facts.workload:016x}",
        f"because: {'; '.join(facts.signals) or 'no signal was found'}",
    ]
    if decision.moved:
        lines.append(f"asked for {baseline} ({decision.lane_asked}), goes to {plan.rung} ({plan.lane})")
    else:
        lines.append(f"goes as asked: {baseline}, {decision.lane_asked}")
    lines += [f"- {reason}" for reason in decision.reasons]
    for change in decision.changes:
        before = change.before if change.before is not None else "unset"
        after = change.after if change.after is not None else "left out"
        lines.append(f"changes {change.parameter}: {before} -> {after} ({change.why})")
    if decision.shadow is not None:
        lines.append(f"in shadow: {decision.shadow.rung} ({decision.shadow.lane})")
    if decision.latency is not None:
        timed = learned is not None and f"{plan.rung.model} {plan.lane}" in learned.latency
        speeds = "learned" if timed else "assumed"
        lines.append(f"expected to take {decision.latency / 1000:.1f} s, on {speeds} speeds")
    if decision.breach is not None:
        lines.append(f"outside the owner's limits: {decision.breach}")
    if decision.evidence is not None:
        lines.append(f"rests on evidence {decision.evidence[:16]}")
    if decision.expected_cost is not None:
        assumed = f"{ASSUMED_OUTPUT} visible tokens, {ASSUMED_REASONING} of reasoning at medium"
        lengths = _lengths(decision, facts, learned)
        basis = f"on learned lengths ({lengths})" if lengths else f"on assumed lengths ({assumed})"
        lines.append(f"expected ${decision.expected_cost:f} instead of ${decision.steps[0].cost:f}, {basis}")
    if decision.unproven:
        lines.append("unproven: no evidence says yet that the cheaper rung holds the quality bar")
    return lines
