"""`tierwise route`: one request in, one decision out."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tierwise.errors import RequestError

if TYPE_CHECKING:
    from tierwise.catalog import Catalog, Tokens
    from tierwise.policy import Decision
    from tierwise.workloads import Facts

ASSUMED_OUTPUT: Final = 400
"""Visible output tokens expected of a request without history. Assumed, and said so."""
ASSUMED_REASONING: Final = 800
"""Reasoning tokens expected at medium effort. Assumed, and said so."""


def route(
    request: Annotated[
        Path | None,
        typer.Argument(help="File with the request body; standard input by default.", metavar="FILE"),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="chat or responses; found out by the body's keys otherwise.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say it in words instead of JSON.")] = False,
    waits: Annotated[bool, typer.Option("--waits", help="The answer may take up to 24 hours.")] = False,
    ladder: Annotated[str, typer.Option(help="Ladder that moves are proposed on.")] = "gpt-5.4",
    prices: Annotated[
        Path | None, typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE")
    ] = None,
) -> None:
    r"""Decide where one request should go, by the built-in policy.

    \b
    Examples:
      tierwise route < request.json
      tierwise route request.json --explain
    """
    from tierwise.calls import parse_request
    from tierwise.catalog import Catalog
    from tierwise.policy import State, decide, proposal
    from tierwise.workloads import Recogniser

    body = request.read_bytes() if request is not None else sys.stdin.buffer.read()
    parsed = parse_request(endpoint or _endpoint(body), body)
    facts = Recogniser().recognise(parsed)
    catalog = Catalog.open(prices)
    state = State(usage=_expected(facts, catalog), waits=waits)
    today = dt.datetime.now(dt.UTC).date()
    decision = decide(facts, proposal(catalog.ladder(ladder)), state, catalog, today)
    if explain:
        for line in in_words(decision, facts):
            typer.echo(line)
    else:
        typer.echo(_json(decision, facts))


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


def _expected(facts: Facts, catalog: Catalog) -> Tokens:
    """Tokens expected of a request that has no history: its own input, assumed lengths of the answer."""
    from tierwise.catalog import Tokens
    from tierwise.errors import CatalogError
    from tierwise.policy import EFFORT_PERMILLE, effort_as_asked

    try:
        effort = effort_as_asked(facts.effort, catalog.resolve(facts.model or "").model)
    except CatalogError:
        effort = None
    reasoning = ASSUMED_REASONING * EFFORT_PERMILLE.get(effort or "none", 0) // 1000
    cap = facts.max_output_tokens or ASSUMED_OUTPUT + reasoning
    output = min(ASSUMED_OUTPUT, cap)
    return Tokens(uncached=facts.input_tokens, output=output, reasoning=min(reasoning, cap - output))


def _json(decision: Decision, facts: Facts) -> bytes:
    import msgspec

    steps = [
        {"lever": step.lever, "cost": f"{step.cost:f}", "tokens": msgspec.to_builtins(step.tokens)}
        for step in decision.steps
    ]
    plan = decision.plan
    found = {
        "rung": {"model": plan.rung.model, "effort": plan.rung.effort},
        "lane": plan.lane,
        "asked": {
            "model": decision.baseline.model,
            "effort": decision.baseline.effort,
            "lane": decision.lane_asked,
        },
        "moved": decision.moved,
        "unproven": decision.unproven,
        "rule": decision.rule,
        "workload": f"{facts.workload:016x}",
        "task": facts.task,
        "depth": facts.depth,
        "role": facts.role,
        "signals": facts.signals,
        "expected_cost": f"{decision.expected_cost:f}" if decision.expected_cost is not None else None,
        "expected_saving": f"{decision.expected_saving:f}",
        "assumed": f"no history: {ASSUMED_OUTPUT} visible output tokens, {ASSUMED_REASONING} of reasoning at medium",
        "steps": steps,
        "reasons": decision.reasons,
        "policy": decision.policy,
        "prices": decision.prices,
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2)


def in_words(decision: Decision, facts: Facts) -> list[str]:
    """The decision as a person would tell it."""
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
    if decision.expected_cost is not None:
        lines.append(
            f"expected ${decision.expected_cost:f} instead of ${decision.steps[0].cost:f}, on assumed lengths "
            f"({ASSUMED_OUTPUT} visible tokens, {ASSUMED_REASONING} of reasoning at medium)"
        )
    if decision.unproven:
        lines.append("unproven: no evidence says yet that the cheaper rung holds the quality bar")
    return lines
