"""What a log taught, for live calls: templates, roles, lengths of answers, their times, unused tools."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._analysis import Analysis
from tierwise.audit._layout import EFFORT_CODES, STATUSES
from tierwise.catalog import LANES, Resolution
from tierwise.errors import CallerError
from tierwise.policy import Latency, Learned, Uses, effort_as_asked, use_name
from tierwise.workloads import ROLES, Role, key_id

LEAST: Final = 20
"""Calls of one workload on one rung from which its lengths are kept."""
LEAST_TIMED: Final = 50
"""Calls of one model in one lane from which times are kept."""
ROLE_SHARE: Final = 0.8
"""Share of a workload's calls with a known role that have it."""
SLOWEST: Final = 3_600_000
"""Milliseconds beyond which a call's time says nothing of its model."""


def learned_of(analysis: Analysis, key: bytes = b"") -> Learned:
    """What an analysis taught.

    Raises:
        CallerError: calls were recorded under another key than the one given, so that no live call
            would be known again.
    """
    if analysis.calls.key_ids - {key_id(key)}:
        raise CallerError(
            f"expected the one key that calls were recorded under, got {'another' if key else 'none'}; "
            "name it with --key (of a recorder file it is FILE.key beside it)"
        )
    workloads = analysis.workloads
    return Learned(
        key_id=key_id(key),
        calls=len(analysis.calls),
        templates=workloads.templates,
        named=workloads.named,
        roles=roles_by_workload(analysis),
        uses=_uses(analysis),
        latency=_latency(analysis.account),
        unused={workloads.ids[number]: found for number, found in analysis.definitions.unused.items()},
    )


def roles_by_workload(analysis: Analysis) -> dict[int, Role]:
    """By workload id, the role that nearly all of its calls with a known one have."""
    workloads, role = analysis.workloads, analysis.calls["role"].astype(np.int64)
    unknown = ROLES.index("unknown")
    table = np.zeros((len(workloads), len(ROLES)), dtype=np.int64)
    np.add.at(table, (workloads.of, role), 1)
    table[:, unknown] = 0
    found: dict[int, Role] = {}
    for number, counts in enumerate(table.tolist()):
        most = max(range(len(ROLES)), key=counts.__getitem__)
        if counts[most] and counts[most] >= ROLE_SHARE * sum(counts):
            found[workloads.ids[number]] = ROLES[most]
    return found


def _uses(analysis: Analysis) -> dict[int, dict[str, Uses]]:
    account, calls = analysis.account, analysis.calls
    chosen = np.flatnonzero(account.priced & (calls["status"] == STATUSES.index("ok")))
    efforts = len(EFFORT_CODES)
    of, model = analysis.workloads.of[chosen], account.model[chosen]
    rung = model * efforts + calls["effort"][chosen]
    unique, inverse, counts = np.unique(
        of * (len(account.models) * efforts) + rung, return_inverse=True, return_counts=True
    )
    output, reasoning = (_means(account, chosen, inverse, kind) for kind in ("output", "reasoning"))
    models = _efforts(account)
    sums: dict[int, dict[str, list[int]]] = {}
    for i, value in enumerate(unique.tolist()):
        number, code = divmod(value, len(account.models) * efforts)
        index, effort = divmod(code, efforts)
        name = models[index](EFFORT_CODES[effort] or None)
        found = sums.setdefault(number, {}).setdefault(name, [0, 0, 0])
        found[0] += int(counts[i])
        found[1] += round(output[i] * counts[i])
        found[2] += round(reasoning[i] * counts[i])
    ids = analysis.workloads.ids
    kept = {
        ids[number]: {
            name: Uses(calls, out // calls, reason // calls)
            for name, (calls, out, reason) in by_rung.items()
            if calls >= LEAST
        }
        for number, by_rung in sums.items()
    }
    return {workload: uses for workload, uses in kept.items() if uses}


def _efforts(account: Account) -> list[Any]:
    """For each model, from the effort sent to the name of the rung it ran on."""
    named = {found.model.name: found.model for found in account.resolutions if isinstance(found, Resolution)}

    def namer(name: str) -> Any:
        model = named.get(name)
        return lambda effort: use_name(name, effort_as_asked(effort, model) if model is not None else effort)

    return [namer(name) for name in account.models]


def _means(account: Account, chosen: Any, inverse: Any, kind: str) -> Any:
    counts = account.counts[kind][chosen].astype(np.float64)
    return np.bincount(inverse, weights=counts) / np.bincount(inverse)


def _latency(account: Account) -> dict[str, Latency]:
    """Least squares of a call's time on its output tokens, by model and lane."""
    calls = account.calls
    time = calls["latency"].astype(np.float64)
    tokens = account.counts["output"].astype(np.float64) + account.counts["reasoning"]
    ok = calls["status"] == STATUSES.index("ok")
    chosen = np.flatnonzero(account.priced & ok & (time > 0) & (time < SLOWEST))
    pair = account.model[chosen] * len(LANES) + calls["lane"][chosen]
    found: dict[str, Latency] = {}
    for value in np.unique(pair).tolist():
        rows = chosen[pair == value]
        if len(rows) < LEAST_TIMED:
            continue
        model, lane = divmod(value, len(LANES))
        found[f"{account.models[model]} {LANES[lane]}"] = fitted(tokens[rows], time[rows])
    return found


def fitted(tokens: Any, time: Any) -> Latency:
    """The line of milliseconds on tokens that fits best, neither part of it negative."""
    spread = float(((tokens - tokens.mean()) ** 2).sum())
    slope = float(((tokens - tokens.mean()) * (time - time.mean())).sum()) / spread if spread else 0.0
    slope = max(0.0, slope)
    first = float(time.mean()) - slope * float(tokens.mean())
    if first < 0:
        total = float((tokens**2).sum())
        first, slope = 0.0, float((tokens * time).sum()) / total if total else 0.0
    return Latency(first=round(first), token=round(slope * 1000))
