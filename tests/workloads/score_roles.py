"""How many roles are right on the labelled traces: `python tests/workloads/score_roles.py`."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tierwise.workloads import Recogniser, Span, TraceMemory, roles_in_trace

HERE = Path(__file__).parent / "traces"


def load(name: str) -> Any:
    """A module of the labelled traces, which importlib mode leaves without a name to import it by."""
    spec = importlib.util.spec_from_file_location(f"traces_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def score(half: str) -> dict[str, Any]:
    """Right roles by form, and planners or writers taken for sub-agents."""
    recogniser, found = Recogniser(), Counter[str]()
    wrong: list[str] = []
    for title, steps in load("made").traces(getattr(load("teams"), half)):
        facts = {step.span: recogniser.recognise(step.request) for step in steps if step.calls_model}
        spans = [
            Span(
                id=step.span,
                parent=step.parent,
                calls_model=step.calls_model,
                role=facts[step.span].role if step.calls_model else "unknown",
                template=facts[step.span].workload if step.calls_model else 0,
                at=number,
            )
            for number, step in enumerate(steps)
        ]
        offline, memory = roles_in_trace(spans), TraceMemory()
        live = {span.id: memory.role(title, span) for span in spans if span.calls_model}
        for step in steps:
            if not step.label:
                continue
            found["calls"] += 1
            for form, role in (
                ("alone", facts[step.span].role),
                ("live", live[step.span]),
                ("whole", offline[step.span]),
            ):
                found[form] += role == step.label
                if role == "sub-agent" and step.label == "orchestrator":
                    found["lowered"] += 1
                if role != step.label:
                    wrong.append(f"{title}: {step.span} {form}: {role}")
    return {
        **{form: found[form] / found["calls"] for form in ("alone", "live", "whole")},
        **found,
        "wrong": wrong,
    }


if __name__ == "__main__":
    for half in ("DEV", "HELDOUT"):
        result = score(half)
        print(half, {key: value for key, value in result.items() if key != "wrong"})  # noqa: T201
        if "-v" in sys.argv and half == "DEV":
            print("\n".join(result["wrong"]))  # noqa: T201
