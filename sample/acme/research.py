"""The research desk: an orchestrator hands parts to researchers and a last call writes the report."""

from __future__ import annotations

from random import Random
from typing import Any

from acme import clock, expert_prompts, toolbox, words
from acme.desk import compact, reply_id, said
from acme.plan import Planned
from acme.wire import function_call

_QUESTIONS = (
    "Should we list {a} from {s} next spring, given tariffs, freight and what competitors charge in {c}?",
    "Why did our sales of {a} fall in {c} while the market grew, and what would turn it around within two quarters?",
    "Is it worth moving the sourcing of {a} from Asia to Europe at today's wages, energy and freight?",
    "Which certificates will buyers of {a} demand by 2028, and what does it cost to be ready a year earlier?",
)
_PARTS = (
    "market size and growth of {a} in {c}",
    "landed cost of {a} by country of origin",
    "prices and range of competitors for {a}",
    "regulation and certificates that touch {a}",
    "returns and complaints about {a} in our own data",
)
_FOUND = (
    "The market grew by {n} per cent in 2025 (statistics office, March 2026, reliable).",
    "Freight from the main port fell to {n}00 USD a container in October (trade body, 2026-10, reliable).",
    "Two competitors list comparable goods at {n} to {m} EUR (own check, {d}, reliable).",
    "Energy makes up {n} per cent of the cost of production (company report 2025, moderately reliable).",
    "No figure for the second half of 2026 was found.",
    "A new labelling rule applies from 2027 on (official journal, reliable).",
)


def _finding(rng: Random) -> str:
    n = rng.randrange(3, 60)
    return rng.choice(_FOUND).format(n=n, m=n + rng.randrange(5, 90), d=words.day(rng))


def _researcher(
    rng: Random, part: str, shared: dict[str, Any], at: float, parent: str
) -> tuple[list[Planned], str]:
    """The calls of one researcher, and the report that goes back to the orchestrator."""
    history = said(f"Your part: {part}. Report at most eight findings.")
    calls: list[Planned] = []
    report = "\n".join(f"- {_finding(rng)}" for _ in range(rng.randrange(3, 6)))
    rounds = rng.randrange(1, 3)
    for step in range(rounds + 1):
        done = step == rounds
        tool = rng.choice(("web_lookup", "read_page", "statistics"))
        act = (f"call_{words.code62(rng, 16)}", tool, compact({"query": part, "since": "2025-01-01"}))
        calls.append(
            Planned(
                **shared,
                workload="research-part",
                task="sub-agent step",
                depth="professional",
                at=at,
                instructions=expert_prompts.RESEARCHER,
                messages=list(history),
                tools=toolbox.RESEARCH,
                answer=report if done else "",
                acts=() if done else (act,),
                effort="medium",
                reasoning=rng.randrange(150, 900),
                name="research.part",
                span=words.hexes(rng, 16),
                parent=parent,
                reply_id=reply_id(rng, "responses"),
            )
        )
        page = " ".join(_finding(rng) for _ in range(4))
        history += [function_call(act), {"type": "function_call_output", "call_id": act[0], "output": page}]
        at += rng.randrange(3000, 15_000) / 1000
    return calls, report


def _shared(rng: Random) -> dict[str, Any]:
    """What all calls of one question have in common."""
    trace = words.hexes(rng, 32)
    return {
        "endpoint": "responses",
        "model": "gpt-5.5",
        "project": "buying",
        "key": "buying",
        "trace": trace,
        "session": f"case-{trace[:8]}",
        "user": f"buyer-{rng.randrange(1, 9)}",
        "tags": ("research",),
    }


def _lead(rng: Random, shared: dict[str, Any], history: list[dict[str, Any]], **fields: Any) -> Planned:
    """A call of the orchestrator."""
    return Planned(
        **shared,
        **fields,
        workload="research-lead",
        task="planning",
        depth="frontier",
        instructions=expert_prompts.PLAN,
        messages=list(history),
        tools=toolbox.HAND_OVER,
        effort="high",
        reasoning=rng.randrange(900, 5000),
        name="research.lead",
        reply_id=reply_id(rng, "responses"),
    )


def _report(rng: Random, shared: dict[str, Any], brief: str, answer: str, **fields: Any) -> Planned:
    """The call that writes the report."""
    return Planned(
        **shared,
        **fields,
        workload="research-report",
        task="document generation",
        depth="frontier",
        instructions=expert_prompts.SYNTHESIS,
        messages=said(brief),
        answer=answer,
        effort="high",
        reasoning=rng.randrange(1500, 6000),
        name="research.report",
        span=words.hexes(rng, 16),
        scores={"useful": rng.randrange(2, 6) / 5} if rng.random() < 0.5 else {},
        reply_id=reply_id(rng, "responses"),
    )


def _hand_over(rng: Random, part: str) -> tuple[str, str, str]:
    arguments = compact({"aim": part, "sources": "official", "form": "list"})
    return f"call_{words.code62(rng, 16)}", "hand_to_researcher", arguments


def _case(rng: Random) -> list[Planned]:
    goods, city, at = rng.choice(words.CATEGORIES)[1], rng.choice(words.CITIES), clock.office(rng)
    asked = rng.choice(_QUESTIONS).format(a=goods, s=rng.choice(words.SUPPLIERS), c=city)
    shared, lead, history = _shared(rng), words.hexes(rng, 16), said(asked)
    parts = [part.format(a=goods, c=city) for part in rng.sample(_PARTS, 3)]
    acts = tuple(_hand_over(rng, part) for part in parts)
    calls = [_lead(rng, shared, history, at=at, acts=acts, span=lead)]
    reports, end = [], at
    for act, part in zip(acts, parts, strict=True):
        start = at + rng.randrange(4000, 8000) / 1000
        steps, report = _researcher(rng, part, shared, start, lead)
        calls += steps
        reports.append(report)
        end = max(end, steps[-1].at)
        history += [
            function_call(act),
            {"type": "function_call_output", "call_id": act[0], "output": report},
        ]
    plan = f"Argument: the case for {goods} rests on cost, not on growth. Order: market, cost, risk. Open: second half of 2026."
    calls.append(
        _lead(rng, shared, history, at=end + 20, answer=plan, span=words.hexes(rng, 16), parent=lead)
    )
    brief = "\n\n".join((f"Question: {asked}", f"Plan: {plan}", *reports))
    answer = f"Recommendation on {goods} in {city}\n" + " ".join(_finding(rng) for _ in range(10))
    calls.append(_report(rng, shared, brief, answer, at=end + 70, parent=lead))
    return calls


def research(rng: Random, count: int) -> list[Planned]:
    """Questions of the buying department, each a trace of about ten calls."""
    calls: list[Planned] = []
    while len(calls) < count:
        calls += _case(rng)
    return calls[:count]
