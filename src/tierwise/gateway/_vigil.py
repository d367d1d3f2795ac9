"""The gateway's watch over rules that are on: what breaks the bar goes back to its safe rung, on every replica."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from tierwise.ledger import (
    Ledger,
    Raised,
    alarms_in,
    breach_of,
    forgone_since,
    raise_alarm,
    served_otherwise,
    workloads_of,
)
from tierwise.online import Pipeline
from tierwise.policy import Alarm, Evidence, Policy, Rule

_LOG: Final = logging.getLogger("tierwise.gateway")
EVERY: Final = 30.0
"""Seconds between looks at what the ledger has of rules, at least."""
REST: Final = 20.0
"""How many times as long as a look took nobody looks again: it reads every call of a rule."""
WHO: Final = "living proof"


class Vigil:
    """Watches over the rules of the policy in force.

    Args:
        pipeline: Whose policy it is, and whose decisions go by what is found.
        ledger: Has the calls, their outcomes and the alarms.
        every: Seconds between looks, at least.
    """

    def __init__(self, pipeline: Pipeline, ledger: Ledger, every: float = EVERY) -> None:
        self._pipeline, self._ledger, self._every = pipeline, ledger, every
        self._next = float("-inf")
        self.alarms: Mapping[str, Raised] = {}
        """Those that stand, by workload."""

    def take(self, flags: Mapping[str, str]) -> None:
        """Go by the alarms that the ledger's flags say."""
        found = alarms_in(flags)
        self.alarms = {workload: one for workload, one in found.items() if not one.lifted}
        alarms = {workload: (one.alarm,) for workload, one in self.alarms.items()}
        if alarms != self._pipeline.watched.alarms:
            self._pipeline.watched = msgspec.structs.replace(self._pipeline.watched, alarms=alarms)

    def tend(self, now: float) -> None:
        """Look, if it is due, at a time in seconds that only goes forward. Raises what the database does."""
        policy = self._pipeline.policy
        if policy is None or now < self._next:
            return
        began = time.monotonic()
        self.look(policy)
        self._next = now + max(self._every, REST * (time.monotonic() - began))

    def look(self, policy: Policy) -> None:
        """Raise the alarms that are due, and take over what holding back has cost."""
        if any(rule.holdback_cap is not None for rule in policy.rules):
            spent = forgone_since(self._ledger.engine, _month())
            capped = {rule.name for rule in policy.rules if rule.holdback_cap is not None}
            held_back = {name: amount for name, amount in spent.items() if name in capped}
            self._pipeline.watched = msgspec.structs.replace(self._pipeline.watched, held_back=held_back)
        known = alarms_in(self._ledger.flags())
        for workload, alarm in self._due(policy, known):
            if raise_alarm(self._ledger, workload, alarm, WHO):
                _LOG.error("workload %s goes as asked: %s", workload, alarm.why)
        self.take(self._ledger.flags())

    def _due(self, policy: Policy, known: Mapping[str, Raised]) -> Iterator[tuple[str, Alarm]]:
        engine = self._ledger.engine
        for rule in policy.rules:
            if rule.stage != "on" or not (rule.evidence or rule.holds_back):
                continue
            proofs = {one.workload: one for one in rule.evidence}
            for workload in proofs or workloads_of(engine, rule.name):
                proof, before = proofs.get(workload), known.get(workload)
                if before is not None and not before.lifted and _speaks(before, rule, proof):
                    continue
                since = max(_since(rule, proof), before.at if before is not None and before.lifted else 0)
                why = served_otherwise(engine, rule, proof, since) if proof is not None else None
                why = why or breach_of(engine, rule.name, workload, policy.bar, since)
                if why is not None:
                    yield (
                        workload,
                        Alarm(rule=rule.name, evidence=proof.digest if proof is not None else None, why=why),
                    )


def _speaks(raised: Raised, rule: Rule, proof: Evidence | None) -> bool:
    return (raised.rule, raised.evidence) == (rule.name, proof.digest if proof is not None else None)


def _since(rule: Rule, proof: Evidence | None) -> int:
    """Microseconds since the epoch from which on calls speak of the rule as it is now."""
    day = proof.created if proof is not None else rule.since
    if day is None:
        return 0
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp() * 1e6)


def _month() -> int:
    """When this UTC month began, microseconds since the epoch."""
    first = dt.datetime.now(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp() * 1e6)
