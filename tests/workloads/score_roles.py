"""How many roles are right on the labelled traces: `python tests/workloads/score_roles.py`.

Each trace in several forms: 'alone', each request without ids; 'taught', the same with the roles
that an audit of another trace of the application taught by workload; 'live', with ids and
what came before in the trace; 'live taught', both; 'whole', all ids at hand.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tierwise.workloads import Facts, Recogniser, Role, Span, TraceMemory, roles_in_trace

HERE = Path(__file__).parent / "traces"
FORMS = ("alone", "taught", "live", "live taught", "whole")
HALVES = ("DEV", "HELDOUT", "SEEN", "UNSEEN")


def load(name: str) -> Any:
    """A module of the labelled traces, which importlib mode leaves without a name to import it by."""
    spec = importlib.util.spec_from_file_location(f"traces_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def applications(half: str) -> Iterator[list[tuple[str, Any]]]:
    """The traces of each application: (title, steps), at least two."""
    made = load("made")
    if half in {"DEV", "HELDOUT"}:
        every = list(made.traces(getattr(load("teams"), half)))
        yield from (every[i : i + 2] for i in range(0, len(every), 2))
        return
    for title, turns in load("scenes").HALVES[half].items():
        yield [
            (f"{title}, {kind}", list(made.played(turns, chat=kind == "chat")))
            for kind in ("chat", "responses")
        ]


def spans(steps: Any, facts: dict[str, Facts]) -> list[Span]:
    """Steps as spans, with what their requests tell."""
    found = []
    for number, step in enumerate(steps):
        if not step.calls_model:
            found.append(
                Span(id=step.span, parent=step.parent, name=step.name, calls_model=False, at=number * 1_000)
            )
            continue
        known = facts[step.span]
        found.append(
            Span(
                id=step.span,
                parent=step.parent,
                name=step.name,
                role=known.role,
                template=known.workload,
                turn=known.turn,
                request=known.request,
                tools=bool(known.template.tools),
                at=number * 1_000,
                until=number * 1_000 + int(step.lasts * 1_000),
            )
        )
    return found


def taught(steps: Any, facts: dict[str, Facts]) -> dict[int, Role]:
    """By workload, the role that nearly all of its calls with a known one have, as an audit keeps it."""
    by_workload: dict[int, Counter[Role]] = {}
    for span, role in roles_in_trace(spans(steps, facts)).items():
        if role != "unknown":
            by_workload.setdefault(facts[span].workload, Counter())[role] += 1
    most = {workload: counts.most_common(1)[0] for workload, counts in by_workload.items()}
    return {w: role for w, (role, count) in most.items() if count >= 0.8 * sum(by_workload[w].values())}


def answers(steps: Any, facts: dict[str, Facts], learned: dict[int, Role]) -> dict[str, dict[str, Role]]:
    """By form, the roles found."""
    with_ids = [span for span in spans(steps, facts) if span.calls_model]

    def known(span: Span) -> Role:
        return learned.get(span.template, "unknown") if span.role == "unknown" else span.role

    cold, warm = TraceMemory(), TraceMemory()
    return {
        "alone": {span.id: span.role for span in with_ids},
        "taught": {span.id: known(span) for span in with_ids},
        "live": {span.id: cold.role("t", span) for span in with_ids},
        "live taught": {
            span.id: warm.role(
                "t", Span(**{**{f: getattr(span, f) for f in span.__struct_fields__}, "role": known(span)})
            )
            for span in with_ids
        },
        "whole": roles_in_trace(spans(steps, facts)),
    }


def right(role: Role, label: str, form: str) -> bool:
    """Whether a role is right. That no other agent is in a trace cannot be known before it has ended."""
    if label == "plain" or (label == "single" and form in {"alone", "live"}):
        return role != "sub-agent"
    return role == label


def score(half: str) -> dict[str, Any]:
    """Right roles by form, and planners, writers and single agents taken for sub-agents."""
    recogniser, found = Recogniser(), Counter[str]()
    wrong: list[str] = []
    for traces in applications(half):
        known = [
            {s.span: recogniser.recognise(s.request) for s in steps if s.calls_model} for _, steps in traces
        ]
        for number, (title, steps) in enumerate(traces):
            other = number - 1
            roles = answers(steps, known[number], taught(traces[other][1], known[other]))
            for step in steps:
                found["calls"] += bool(step.label)
                for form in FORMS if step.label else ():
                    role = roles[form][step.span]
                    found[form] += right(role, step.label, form)
                    found["lowered"] += role == "sub-agent" and step.label != "sub-agent"
                    if not right(role, step.label, form):
                        wrong.append(f"{title}: {step.span}, a {step.label}, {form}: {role}")
    return {**found, "wrong": wrong}


if __name__ == "__main__":
    for half in HALVES:
        result = score(half)
        shares = {form: f"{result[form] / result['calls']:.3f}" for form in FORMS}
        print(half, result["calls"], "calls", shares, "lowered:", result["lowered"])  # noqa: T201
        if half in sys.argv:
            print("\n".join(result["wrong"]))  # noqa: T201
