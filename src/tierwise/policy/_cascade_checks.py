"""What must hold of a rule that cascades before it may be used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from tierwise.catalog import Catalog
from tierwise.errors import CatalogError
from tierwise.policy._certificate import ALWAYS, PAID, SCORED, Certificate
from tierwise.policy._lengths import Rung
from tierwise.policy._types import Cascade, Policy, Rule

Said = tuple[tuple[str, ...], str]
KNOWN: Final = frozenset({*ALWAYS, *SCORED, *PAID})


def cascade_faults(rule: Rule, policy: Policy, prices: Catalog, now: dt.date) -> Iterator[Said]:
    """A key below the rule and what is wrong with it, for everything that does not hold of its cascade."""
    cascade = rule.cascade
    if cascade is None:
        return
    if unknown := sorted(set(cascade.checks) - KNOWN):
        yield (
            ("cascade", "checks"),
            f"expected checks among {', '.join(sorted(KNOWN))}, found {unknown[0]!r:.60}",
        )
    if rule.stage not in {"on", "canary"}:
        return
    if cascade.certificate is None:
        yield (
            ("cascade",),
            "expected a certificate that reads, found none; add certificate = FILE, or set stage = 'shadow'",
        )
        return
    if rule.model is None:
        yield ("rung",), "expected the rung that the cascade tries first, found none"
    if "batch" in rule.lanes:
        yield (
            ("lanes",),
            "what waits for a batch cannot be checked before it is answered; leave 'batch' or the cascade out",
        )
    for text in _faults(cascade.certificate, cascade, rule, policy, prices, now):
        yield ("cascade", "certificate"), text


def _faults(
    found: Certificate, cascade: Cascade, rule: Rule, policy: Policy, prices: Catalog, now: dt.date
) -> Iterator[str]:
    if found.verdict != "holds" or not found.trials:
        yield f"what was certified is '{found.verdict}'; leave the cascade out"
        return
    if found.expires < now:
        yield f"it expired on {found.expires.isoformat()}; certify it again"
    if rule.match.workloads != {found.workload}:
        matched = ", ".join(sorted(rule.match.workloads)) or "any"
        yield f"it is of workload {found.workload}, the rule matches {matched}"
    if found.risk > cascade.risk:
        yield f"it bounds the risk by {found.risk}, the rule allows {cascade.risk}"
    if found.offer == "joint" and cascade.offer == "selective":
        yield "it bounds the joint risk, the rule asks for the selective one; set offer = 'joint' if that is enough"
    if found.confidence < policy.bar.confidence:
        yield f"its confidence is {found.confidence}, the policy's {policy.bar.confidence}"
    if missing := sorted(set(cascade.checks) - set(found.checks)):
        yield f"it was made without the check {missing[0]!r:.60} that the rule names"
    yield from _rungs(found, cascade, rule, policy, prices)


def _rungs(
    found: Certificate, cascade: Cascade, rule: Rule, policy: Policy, prices: Catalog
) -> Iterator[str]:
    first = found.trials[0].rung
    if not _same(first, Rung(model=rule.model or "", effort=rule.effort), prices):
        yield f"it tries {first} first, the rule {Rung(model=rule.model or '', effort=rule.effort)}"
    to = cascade.to
    if to is not None and not _same(
        to, Rung(found.baseline.model, to.effort and found.baseline.effort), prices
    ):
        yield f"it goes up to {found.baseline}, the rule to {cascade.to}; only the rung as asked was compared with"
    names = [(found.baseline.model, found.snapshot)]
    names += [(trial.rung.model, trial.snapshot) for trial in found.trials]
    names += [(check.model, check.model) for trial in found.trials for check in trial.paid]
    approved = policy.limits.models
    for name, snapshot in names:
        family = _family(name, prices)
        if _family(snapshot, prices) != family:
            yield f"it is of snapshot {snapshot}, which is no {name}"
        if approved is not None and family not in approved:
            yield f"{family} is not among the approved models of [limits]"


def _same(one: Rung, other: Rung, prices: Catalog) -> bool:
    return _family(one.model, prices) == _family(other.model, prices) and one.effort == other.effort


def _family(name: str, prices: Catalog) -> str:
    try:
        return prices.resolve(name).model.name
    except CatalogError:
        return name
