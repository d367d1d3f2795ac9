"""Alarms: flags of the ledger, so that every replica sees them within seconds, that send a workload back to its safe rung."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from tierwise.ledger._rows import now
from tierwise.ledger._store import Ledger
from tierwise.policy import Alarm

ALARM: Final = "alarm:"
"""With a workload's fingerprint after it, the flag of its alarm."""
LONGEST: Final = 500
"""Characters of why."""


class Raised(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in the flag."""

    at: int
    """When it was raised, or lifted, microseconds since the epoch."""
    rule: str = ""
    evidence: str | None = None
    why: str = ""
    lifted: bool = False

    @property
    def alarm(self) -> Alarm:
        """As decisions know it."""
        return Alarm(rule=self.rule, evidence=self.evidence, why=self.why)


def alarms_in(flags: Mapping[str, str]) -> dict[str, Raised]:
    """Alarms by workload, those that were lifted too; a flag that does not read is an alarm on nothing."""
    found = {}
    for name, value in flags.items():
        if not name.startswith(ALARM):
            continue
        try:
            found[name.removeprefix(ALARM)] = msgspec.json.decode(value, type=Raised)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found


def raise_alarm(ledger: Ledger, workload: str, alarm: Alarm, who: str) -> bool:
    """Raise an alarm, with a line in the audit log; False where it stands already.

    Raises:
        LedgerUnavailable: The database cannot be reached.
    """
    before = alarms_in(ledger.flags()).get(workload)
    if before is not None and not before.lifted and _same(before, alarm):
        return False
    raised = Raised(at=now(), rule=alarm.rule, evidence=alarm.evidence, why=alarm.why[:LONGEST])
    ledger.set_flag(ALARM + workload, msgspec.json.encode(raised).decode(), who)
    return True


def lift_alarm(ledger: Ledger, workload: str, who: str) -> bool:
    """Lift a workload's alarm, with a line in the audit log; False where there is none.

    What was seen before counts no more: else the same would raise it again.

    Raises:
        LedgerUnavailable: The database cannot be reached.
    """
    before = alarms_in(ledger.flags()).get(workload)
    if before is None or before.lifted:
        return False
    lifted = msgspec.structs.replace(before, at=now(), lifted=True)
    ledger.set_flag(ALARM + workload, msgspec.json.encode(lifted).decode(), who)
    return True


def _same(before: Raised, alarm: Alarm) -> bool:
    return (before.rule, before.evidence) == (alarm.rule, alarm.evidence)
