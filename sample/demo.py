"""The second half of `make demo`: a policy for the sample log, ten decisions in words, one traced request.

Reads build/tierwise.toml (or the policy named as argument), which `tierwise policy init` wrote from
the audit and in which every rule is off, and lets its rules go on, unproven, for as long as this
script runs.
"""

from __future__ import annotations

import datetime as dt
import sys
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from tierwise.calls import Call, Request, named_place, plan, read
from tierwise.catalog import Catalog
from tierwise.online import Asked, Memory, admit
from tierwise.policy import Decision, Live, Match, Rule, decide, load_live, proposal
from tierwise.workloads import Facts, Role, TraceMemory, step_of

WIDTH = 100
SHOWN = (
    ("triage", 0), ("invoice.extract", 0), ("copy", 0), ("label", 0), ("chat", 0), ("chat", 1),
    ("translate", 0), ("search.rewrite", 0), ("contract", 0), ("trial", 0),
)  # fmt: skip
"""Steps that are shown, by name and turn of the conversation."""
READER = "the reader of this demo"
TODAY = dt.date(2026, 11, 24)
"""The day after the sample log ends."""


class Desk:
    """Decides calls of the log as they would have been decided live."""

    def __init__(self, live: Live, catalog: Catalog) -> None:
        self._live, self._catalog = live, catalog
        self._recogniser = live.recogniser()
        self._memory = Memory(catalog, live.learned)
        self._traces = TraceMemory()

    def went(self, call: Call, request: Request) -> None:
        """Remember a call that went as it was asked for, before any rule was on."""
        self._memory.after(call, self._recogniser.recognise(request), None)

    def decide(self, call: Call, request: Request) -> tuple[Facts, Decision]:
        """Facts and decision of one call, on the usage that the log has of it."""
        facts = self._recogniser.recognise(request)
        workload, role = facts.workload, facts.role
        if self._live.learned is not None:
            workload = self._live.learned.workload_of(workload, call.name or named_place(call.metadata))
        facts = msgspec.structs.replace(facts, workload=workload, role=role)
        if call.trace is not None and call.span is not None:
            step = step_of(request, facts, span=call.span, parent=call.parent, name=call.name)
            facts = msgspec.structs.replace(facts, role=self._traces.role(call.trace, step))
        asked = admit(Asked(method="POST", path=""), request.endpoint)
        state = self._memory.state(
            asked, request, facts, self._live.policy, call.at or 0, callers=frozenset(), lanes=None
        )
        if call.tokens is not None:
            state = msgspec.structs.replace(state, usage=call.tokens, lane=call.lane)
        return facts, decide(facts, self._live.policy, state, self._catalog, TODAY)


def with_rules_on(live: Live) -> tuple[Live, int]:
    """The policy with its rules on, unproven, between two of the reader's own and one for each depth."""
    policy = live.policy
    on = {"stage": "on", "unproven": True, "approved_by": READER}
    rules = [
        Rule(
            name="sub-agents work two rungs below",
            match=Match(roles=frozenset({"sub-agent"})),
            model="gpt-5.4-mini",
        ),
        Rule(
            name="translations to gpt-5-mini",
            match=Match(tasks=frozenset({"translation"})),
            model="gpt-5-mini",
        ),
        *policy.rules[:-1],
        *proposal(policy.ladder).rules,
    ]
    changed = [msgspec.structs.replace(rule, **on) if rule.model or rule.effort else rule for rule in rules]
    policy = msgspec.structs.replace(policy, rules=tuple(changed))
    return msgspec.structs.replace(live, policy=policy), len(live.policy.rules) - 1


def calls_of(log: Path) -> Iterator[tuple[Call, Request]]:
    """Calls with a request, in the order of the log."""
    for unit in plan([log]).units:
        for record in read(unit):
            if (
                isinstance(record, Call)
                and record.request is not None
                and record.tokens
                and record.status == "ok"
            ):
                yield record, record.request


def in_words(call: Call, facts: Facts, decision: Decision) -> list[str]:
    """One decision, told in two or three lines."""
    first = f"{call.name or facts.endpoint}: {facts.task}, {facts.depth} depth, {facts.input_tokens:,} input tokens."
    first += " A later turn of a conversation." if facts.turn else ""
    plan_, asked = decision.plan, decision.baseline
    expected, before = decision.expected_cost, decision.steps[0].cost if decision.steps else None
    if decision.moved and before is not None and expected is not None:
        lane = "" if plan_.lane == decision.lane_asked else f", {plan_.lane} lane"
        went = f"Asked for {asked}; goes to {plan_.rung}{lane}: ${expected:.5f} instead of ${before:.5f}"
        went += ", unproven." if decision.unproven else "."
    else:
        went = f"Goes as asked, {asked}: {decision.reasons[0].removeprefix('stays: ').removesuffix(': stays as asked')}."
    changes = ", ".join(change.parameter for change in decision.changes if change.parameter != "model")
    said = f"{went} Changes {changes}." if changes else went
    return [first, *textwrap.wrap(said, WIDTH, initial_indent="   ", subsequent_indent="   ")]


def ten(desk: Desk, calls: list[tuple[Call, Request]]) -> None:
    """Print ten decisions, each of another place in the application or another turn."""
    first: dict[tuple[str, int], tuple[Call, Request]] = {}
    for call, request in calls:
        turn = sum(message.role == "assistant" for message in request.messages)
        first.setdefault((call.name or "", turn), (call, request))
    print("\nTen decisions, on the usage that the log has of each call\n")
    for number, (name, turn) in enumerate(SHOWN, start=1):
        call, request = first[name, turn]
        if turn:
            # Its earlier turns went as asked, so that the conversation is warm on that model.
            for other, earlier in calls:
                if other.session == call.session and (other.at or 0) < (call.at or 0):
                    desk.went(other, earlier)
        head, *rest = in_words(call, *desk.decide(call, request))
        print(f"{number:2} {head}")
        print("\n".join(rest))


def traced(desk: Desk, calls: list[tuple[Call, Request]]) -> None:
    """Print the cost of one traced request, step by step, before and after."""
    traces: dict[str, list[tuple[Call, Request]]] = {}
    for call, request in calls:
        if call.trace is not None and (call.name or "").startswith("research."):
            traces.setdefault(call.trace, []).append((call, request))
    steps = next(
        steps
        for steps in traces.values()
        if {c.name for c, _ in steps} >= {"research.lead", "research.report"}
    )
    steps.sort(key=lambda step: step[0].at or 0)
    print("\nOne traced request: the planner and the report keep their rung, the researchers go lower\n")
    print(f"{'step':16} {'role':13} {'as asked':18} {'decided':22} {'before':>10} {'after':>10}")
    sums = [Decimal(0), Decimal(0)]
    roles: set[Role] = set()
    for call, request in steps:
        facts, decision = desk.decide(call, request)
        before, after = decision.steps[0].cost, decision.steps[-1].cost
        sums = [sums[0] + before, sums[1] + after]
        roles.add(facts.role)
        print(
            f"{call.name or '':16} {facts.role:13} {decision.baseline!s:18} {decision.plan.rung!s:22} "
            f"{before:10.6f} {after:10.6f}"
        )
    print(f"{'together':72} {sums[0]:10.6f} {sums[1]:10.6f}")
    print(f"\nThe request could cost {(sums[0] - sums[1]) * 100 / sums[0]:.0f} % less, unproven.")


def main() -> int:
    """Run the demo on the files that `make demo` wrote before."""
    log = Path(__file__).parent / "calls.jsonl.gz"
    policy = Path(sys.argv[1] if len(sys.argv) > 1 else "build/tierwise.toml")
    if not policy.exists():
        print(f"expected a policy at {policy}, found none; run: make demo", file=sys.stderr)
        return 1
    catalog = Catalog.open()
    live, count = with_rules_on(load_live(policy, catalog))
    print(f"\n{policy} was written from the audit. All its rules are off.")
    print(f"For this demo its {count} rules are on, unproven, approved by {READER}. So are:")
    print("a rule that sends sub-agents lower, one that sends translations to gpt-5-mini, and the ladder")
    print("by depth for what no rule names.")
    calls = list(calls_of(log))
    ten(Desk(live, catalog), calls)
    traced(Desk(live, catalog), calls)
    print("\nIn your application: client = tierwise.wrap(OpenAI())    docs/client.md")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
