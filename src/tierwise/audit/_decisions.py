"""The same brain as live calls: `policy.decide`, asked once per class of like calls.

Calls that agree in everything a decision looks at but their exact counts (workload, depth,
model, effort, endpoint, lane, needs, size within a factor of two, warm share within a
quarter, waiting) form a class. The decision is made on the class's mean counts and carried
out on each call's own; the live path decides on each call.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import numpy as np

from tierwise.audit._columns import mixed
from tierwise.audit._layout import CODES, EFFORT_CODES, ENDPOINTS
from tierwise.audit._money import MICROSECONDS_A_DAY, PriceBook
from tierwise.audit._table import CallTable
from tierwise.catalog import KINDS, LANES, Catalog, Tokens
from tierwise.policy import Decision, Lengths, Policy, State, decide
from tierwise.workloads import DEPTHS, ROLES, TASKS, Facts, Template, ToolFact


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What decisions look at, a column each, over the calls of a table."""

    calls: CallTable
    workload: Any
    """Workload number per call."""
    workload_ids: tuple[int, ...]
    depth: Any
    """Depth code per call, the deepest of its conversation."""
    routable: Any
    """True where the call has a request, a price, and was not waste."""
    readable: Any
    waits: Any
    kept_warm: Any
    """Per mille of the cached input that stays warm if the call moves as proposed."""
    unused: dict[int, frozenset[int]]
    """Workload number to digests of tool definitions it never uses."""
    lengths: dict[int, dict[str, Lengths]]
    """Workload number to lengths learned by model."""


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of all classes, and which class each call is of."""

    of: Any
    """Class number per call; -1 for calls that nothing was decided for."""
    decisions: tuple[Decision, ...]
    sizes: tuple[int, ...]
    models: tuple[str, ...]
    """Names behind `model`."""
    model: Any
    """Per class: index into `models` of the model decided."""
    lane: Any
    output: Any
    reasoning: Any
    effort: Any
    """Per class: per mille of visible output, of reasoning on the new model, and at the new effort."""
    moved: Any
    """Per class: True where the model changes."""
    writes: Any
    """Per class: 1 where the model decided charges for writing to its cache."""

    def reasons(self, calls: Any) -> Counter[str]:
        """Reasons, without their numbers, to how many of the `calls` (indices) they hold for."""
        found: Counter[str] = Counter()
        classes, counts = np.unique(self.of[calls], return_counts=True)
        for number, count in zip(classes.tolist(), counts.tolist(), strict=True):
            if number >= 0:
                for reason in self.decisions[number].reasons:
                    found[reason.partition(", ")[0]] += count
        return found


def decide_all(inputs: Inputs, policy: Policy, catalog: Catalog, book: PriceBook) -> Verdicts:
    """One decision per class of calls."""
    chosen = np.flatnonzero(inputs.routable)
    of = np.full(len(inputs.calls), -1, dtype=np.int64)
    unique, first, inverse, sizes = np.unique(
        _signature(inputs, chosen), return_index=True, return_inverse=True, return_counts=True
    )
    of[chosen] = inverse
    means = _means(inputs, chosen, inverse, sizes)
    decisions = []
    for number in range(len(unique)):
        row = int(chosen[first[number]])
        mean = {name: int(column[number]) for name, column in means.items()}
        facts, state = _facts(inputs, row, mean), _state(inputs, row, mean)
        decisions.append(decide(facts, policy, state, catalog, book.day(day_of(inputs.calls["at"][row]))))
    return _verdicts(of, decisions, sizes, catalog)


def day_of(at: int) -> int:
    """Days since the epoch of a time in microseconds, -1 for an unknown time."""
    return int(at) // MICROSECONDS_A_DAY if at >= 0 else -1


def _signature(inputs: Inputs, chosen: Any) -> Any:
    calls = inputs.calls
    total = sum(calls[kind][chosen].astype(np.int64) for kind in KINDS[:6])
    warm = calls["cached"][chosen].astype(np.int64) * 4 // np.maximum(total, 1)
    could = inputs.readable[chosen] * 4 // np.maximum(total, 1)
    size = np.frexp(total.astype(np.float64))[1]
    answer = np.frexp((calls["output"][chosen] + calls["reasoning"][chosen]).astype(np.float64))[1]
    cap = np.frexp(calls["max_output"][chosen].astype(np.float64))[1]
    columns = (
        inputs.workload[chosen],
        inputs.depth[chosen],
        *(calls[name][chosen] for name in ("asked", "served", "effort", "endpoint", "lane", "needs", "task")),
        day_column(calls)[chosen] // 7,
        total > 272_000,
        size,
        answer,
        cap,
        warm,
        could,
        inputs.waits[chosen],
    )
    return mixed(columns)


def day_column(calls: CallTable) -> Any:
    """Days since the epoch per call, -1 where the time is unknown."""
    return np.where(calls["at"] >= 0, calls["at"] // MICROSECONDS_A_DAY, -1)


def _means(inputs: Inputs, chosen: Any, inverse: Any, sizes: Any) -> dict[str, Any]:
    calls = inputs.calls
    columns = {kind: calls[kind][chosen] for kind in KINDS}
    columns["estimate"] = calls["estimate"][chosen]
    columns["readable"] = inputs.readable[chosen]
    columns["kept_warm"] = inputs.kept_warm[chosen]
    return {
        name: np.bincount(inverse, weights=column.astype(np.float64), minlength=len(sizes)) // sizes
        for name, column in columns.items()
    }


def _facts(inputs: Inputs, row: int, mean: dict[str, int]) -> Facts:
    calls = inputs.calls
    toolset = calls.words("toolset", int(calls["toolset"][row]))
    tools = tuple(map(ToolFact, toolset.digests, toolset.tokens)) if toolset is not None else ()
    needs = calls.words("needs", int(calls["needs"][row])) or frozenset()
    depth, task = DEPTHS[inputs.depth[row]], TASKS[calls["task"][row]]
    template = Template(
        digest=0,
        base=0,
        segments=(),
        head="",
        instructions_tokens=int(calls["instructions"][row]),
        tools_tokens=sum(tool.tokens for tool in tools),
        schema_tokens=0,
        tools=tools,
        needs=needs,
        task=task,
        depth=depth,
        depth_score=0.0,
        signals=(),
    )
    return Facts(
        workload=inputs.workload_ids[int(inputs.workload[row])],
        template=template,
        opening=(),
        endpoint=ENDPOINTS[calls["endpoint"][row]],
        model=model_of(calls, row),
        effort=EFFORT_CODES[calls["effort"][row]] or None,
        task=task,
        depth=depth,
        role=ROLES[calls["role"][row]],
        signals=(),
        needs=needs,
        input_tokens=mean["estimate"],
        newest_tokens=int(calls["newest"][row]),
        max_output_tokens=int(calls["max_output"][row]) or None,
        blocks=(),
        turn=int(calls["turn"][row]),
        request=0,
    )


def model_of(calls: CallTable, row: int) -> str | None:
    """The model that served a call, else the one it asked for."""
    served: str | None = calls.words("served", int(calls["served"][row]))
    asked: str | None = calls.words("asked", int(calls["asked"][row]))
    return served or asked


def _state(inputs: Inputs, row: int, mean: dict[str, int]) -> State:
    number = int(inputs.workload[row])
    return State(
        usage=Tokens(**{kind: mean[kind] for kind in KINDS}),
        lane=LANES[inputs.calls["lane"][row]],
        unused_tools=inputs.unused.get(number, frozenset()),
        readable=mean["readable"],
        kept_warm=mean["kept_warm"],
        lengths=inputs.lengths.get(number, {}),
        waits=bool(inputs.waits[row]),
    )


def _verdicts(of: Any, decisions: list[Decision], sizes: Any, catalog: Catalog) -> Verdicts:
    names: dict[str, int] = {}
    model = np.array([names.setdefault(d.plan.rung.model, len(names)) for d in decisions], dtype=np.int64)
    lanes = CODES["lane"]
    return Verdicts(
        of=of,
        decisions=tuple(decisions),
        sizes=tuple(sizes.tolist()),
        models=tuple(names),
        model=model,
        lane=np.array([lanes[d.plan.lane] for d in decisions], dtype=np.int64),
        output=np.array([d.plan.lengths.output for d in decisions], dtype=np.int64),
        reasoning=np.array([d.plan.lengths.reasoning for d in decisions], dtype=np.int64),
        effort=np.array([d.plan.effort_permille for d in decisions], dtype=np.int64),
        moved=np.array([d.plan.rung.model != d.baseline.model for d in decisions], dtype=bool),
        writes=np.array([_charges(d.plan.rung.model, catalog) for d in decisions], dtype=np.int64),
    )


def _charges(model: str, catalog: Catalog) -> int:
    """1 where a model has a fee for writing to its cache."""
    return int(catalog.resolve(model).model.cache.write_fee)
