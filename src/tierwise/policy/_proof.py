"""Whether a rule's evidence carries a call: right workload, baseline and snapshot, not expired."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from tierwise.catalog import Catalog
from tierwise.errors import CatalogError
from tierwise.policy._digests import seal_of, sealed_bytes
from tierwise.policy._state import State
from tierwise.policy._types import Evidence, Policy, Rule

HOLDS = frozenset({"holds (gold)", "holds (human-corrected)"})
"""Verdicts that carry a rule at stage 'on'."""
HOLDS_FOR_CANARY = HOLDS | {"holds per step"}
"""Verdicts that carry a canary."""


def evidence_digest(evidence: Evidence) -> str:
    """SHA-256 of the evidence without its digest, in hex: what `Evidence.digest` must be."""
    return seal_of(evidence)


def evidence_bytes(evidence: Evidence) -> bytes:
    """The evidence as the JSON of its file, sealed with its digest."""
    return sealed_bytes(evidence)


def expiring(policy: Policy, today: dt.date, within: dt.timedelta) -> Iterator[tuple[Rule, Evidence]]:
    """Evidence of rules that are not off which ends within that time, or has ended."""
    for rule in policy.rules:
        if rule.stage != "off":
            yield from ((rule, proof) for proof in rule.evidence if proof.expires - today <= within)


def proof_for(
    rule: Rule, workload: str, asked: str, state: State, prices: Catalog, now: dt.date
) -> tuple[Evidence | None, str | None]:
    """The evidence that a call's move may rest on, or why there is none for it.

    Both are None for a rule that names no evidence. `asked` is the catalog's name of the model
    asked for: a proof against one baseline says nothing of calls that had another.
    """
    if not rule.evidence:
        return None, None
    found = next((e for e in rule.evidence if e.workload == workload), None)
    if found is None:
        return None, f"no evidence of rule {rule.name} is of workload {workload}"
    if now > found.expires:
        return None, f"the evidence of rule {rule.name} expired on {found.expires.isoformat()}"
    if _family(found.baseline.model, prices) != asked:
        return None, f"the evidence of rule {rule.name} is against {found.baseline.model}, not {asked}"
    served = state.snapshots.get(rule.model or asked)
    if served is not None and served != found.snapshot:
        return None, f"the evidence of rule {rule.name} is of {found.snapshot}, {served} serves today"
    return found, None


def alarm_against(rule: Rule, proof: Evidence | None, state: State) -> str | None:
    """Why the rule's move is not made although its proof would carry it: an alarm since that proof."""
    digest = proof.digest if proof is not None else None
    found = next((one for one in state.alarms if (one.rule, one.evidence) == (rule.name, digest)), None)
    return f"alarm on rule {rule.name}: {found.why}" if found is not None else None


def _family(name: str, prices: Catalog) -> str:
    try:
        return prices.resolve(name).model.name
    except CatalogError:
        return name
