"""From stages to lever shares: exact money per workload and lever, with a low and a high."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._findings import LEVERS, LeverName
from tierwise.audit._money import money_by
from tierwise.audit._stages import EXPECTED, HIGH, LOW, Levers, Scenario, Stage, stages


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario, worked out."""

    by_workload: dict[LeverName, list[Decimal]]
    """Saving of each lever in each workload; their sum over levers is what the workload saves."""
    touched: dict[LeverName, int]
    """Calls that a lever changed."""

    def total(self, lever: LeverName) -> Decimal:
        """Saving of a lever over all workloads."""
        return sum(self.by_workload[lever], Decimal(0))

    @property
    def saved(self) -> Decimal:
        """Saving of all levers over all workloads."""
        return sum((self.total(lever) for lever in LEVERS), Decimal(0))

    def of_workload(self, number: int) -> Decimal:
        """Saving of all levers in one workload."""
        return sum((self.by_workload[lever][number] for lever in LEVERS), Decimal(0))


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """The three scenarios."""

    expected: Outcome
    low: Outcome
    high: Outcome

    def range(self, lever: LeverName) -> tuple[Decimal, Decimal]:
        """Least and most that a lever saves over the scenarios."""
        totals = [outcome.total(lever) for outcome in (self.expected, self.low, self.high)]
        return min(totals), max(totals)

    def whole_range(self) -> tuple[Decimal, Decimal]:
        """Least and most that all levers save together."""
        totals = [outcome.saved for outcome in (self.expected, self.low, self.high)]
        return min(totals), max(totals)

    def range_of(self, number: int) -> tuple[Decimal, Decimal]:
        """Least and most that one workload saves."""
        totals = [outcome.of_workload(number) for outcome in (self.expected, self.low, self.high)]
        return min(totals), max(totals)


def work_out(account: Account, levers: Levers, workloads: int) -> Shares:
    """Every lever under every scenario, by workload."""
    return Shares(
        expected=_outcome(account, levers, EXPECTED, workloads),
        low=_outcome(account, levers, LOW, workloads),
        high=_outcome(account, levers, HIGH, workloads),
    )


def _outcome(account: Account, levers: Levers, scenario: Scenario, workloads: int) -> Outcome:
    by_workload: dict[LeverName, list[Decimal]] = {}
    touched: dict[LeverName, int] = {}
    before: list[Decimal] = []
    for stage in stages(levers, account.book, scenario):
        money = _money(account, levers, stage, workloads)
        if stage.lever is not None:
            by_workload[stage.lever] = [a - b for a, b in zip(before, money, strict=True)]
            touched[stage.lever] = int(stage.touched.sum())
        before = money
    return Outcome(by_workload=by_workload, touched=touched)


def _money(account: Account, levers: Levers, stage: Stage, workloads: int) -> list[Decimal]:
    groups = np.where(stage.alive, levers.inputs.workload, -1)
    tokens = money_by(account.book, groups, workloads, stage.card, stage.counts)
    fees = account.fees_by(groups, workloads)
    return [a + b for a, b in zip(tokens, fees, strict=True)]
