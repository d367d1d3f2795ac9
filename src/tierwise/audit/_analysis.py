"""One audit, step by step: the same steps as a live call, over columns, with the send left out."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._breaking import Breaking, breaking
from tierwise.audit._bulk import could_wait
from tierwise.audit._cache_rules import rules_of
from tierwise.audit._clean import drop_duplicates, in_time_order, join_halves
from tierwise.audit._decisions import Inputs, Verdicts, decide_all
from tierwise.audit._definitions import Definitions, definitions
from tierwise.audit._findings import CacheCheck
from tierwise.audit._grouping import group
from tierwise.audit._layout import BLOCKS, HAS_REQUEST, OPENINGS
from tierwise.audit._lengths import learned_lengths
from tierwise.audit._prefixes import Warmth, check, kept_warm, warmth
from tierwise.audit._roles import assign_roles
from tierwise.audit._shares import Shares, work_out
from tierwise.audit._stages import Levers
from tierwise.audit._table import CallTable
from tierwise.audit._turns import Turns, between_turns
from tierwise.audit._waste import IDENTICAL, Waste, find
from tierwise.audit._workloads import Workloads, alone, depth_of_conversation
from tierwise.catalog import Catalog
from tierwise.policy import Policy


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in the calls before anything is decided."""

    account: Account
    workloads: Workloads
    waste: Waste
    breaking: Breaking
    turns: Turns
    definitions: Definitions
    warmth: Warmth
    depth: Any
    waits: Any


class Analysis(Found, frozen=True, kw_only=True):
    """Everything worked out about the calls of a log."""

    policy: Policy
    duplicates: int
    cache_check: CacheCheck | None
    verdicts: Verdicts
    levers: Levers
    shares: Shares

    @property
    def calls(self) -> CallTable:
        """The calls, each once, in time order."""
        return self.account.calls


def analyse(calls: CallTable, policy: Policy, catalog: Catalog, today: dt.date) -> Analysis:
    """Admit, recognise, group, price, then ask the policy and pull every lever."""
    join_halves(calls)
    duplicates = drop_duplicates(calls)
    in_time_order(calls)
    found = _find(calls, policy, catalog, today)
    checked = check(found.account, found.warmth)
    inputs, verdicts, kept = _decided(found, policy, catalog)
    levers = Levers(
        inputs=inputs,
        verdicts=verdicts,
        card=found.account.card,
        wasted=found.waste.kind != 0,
        identical=found.waste.kind == IDENTICAL,
        dropped=found.definitions.dropped,
        readable=found.warmth.mended,
        kept_warm=kept,
    )
    return Analysis(
        **{name: getattr(found, name) for name in Found.__struct_fields__},
        policy=policy,
        duplicates=duplicates,
        cache_check=checked,
        verdicts=verdicts,
        levers=levers,
        shares=work_out(found.account, levers, len(found.workloads)),
    )


def _find(calls: CallTable, policy: Policy, catalog: Catalog, today: dt.date) -> Found:
    """Recognise, group, price; find waste, cache breakers, unused tools, what was warm and what could wait."""
    workloads = group(calls)
    calls.forget(("join", *(f"opening{i}" for i in range(OPENINGS))))
    assign_roles(calls, workloads)
    account = Account(calls, catalog, today)
    waste = find(calls)
    calls.forget(("id", "request"))
    broken = breaking(calls, workloads)
    rules = rules_of(account, account.models, account.model, zero_retention=policy.limits.zero_retention)
    turns = between_turns(account, rules)
    return Found(
        account=account,
        workloads=workloads,
        waste=waste,
        breaking=broken,
        turns=turns,
        definitions=definitions(calls, workloads),
        warmth=warmth(account, rules, broken, turns),
        depth=depth_of_conversation(calls, workloads.of),
        waits=could_wait(calls, workloads.of, alone(calls)),
    )


def _decided(found: Found, policy: Policy, catalog: Catalog) -> tuple[Inputs, Verdicts, Any]:
    """Ask the policy, twice: what a switch loses of the cache depends on which other calls switch.

    Returns:
        What was asked, what was answered, and per mille of each call's cached input that stays warm.
    """
    account, zero = found.account, policy.limits.zero_retention
    calls, book = account.calls, account.book
    inputs = Inputs(
        calls=calls,
        workload=found.workloads.of,
        workload_ids=found.workloads.ids,
        depth=found.depth,
        routable=account.priced & (calls["flags"] & HAS_REQUEST != 0) & (found.waste.kind == 0),
        readable=found.warmth.mended,
        waits=found.waits,
        kept_warm=np.full(len(calls), 1000, dtype=np.int64),
        unused=found.definitions.digests(),
        lengths=learned_lengths(account, found.workloads),
    )
    verdicts = decide_all(inputs, policy, catalog, book)
    inputs = msgspec.structs.replace(inputs, kept_warm=_kept(account, found.warmth, verdicts, zero=zero))
    verdicts = decide_all(inputs, policy, catalog, book)
    kept = _kept(account, found.warmth, verdicts, zero=zero)
    blocks = [f"block{i}" for i in range(BLOCKS)] + [f"block_tokens{i}" for i in range(BLOCKS)]
    calls.forget((*blocks, "answer", "span", "parent", "settings"))
    return inputs, verdicts, kept


def _kept(account: Account, warm: Warmth, verdicts: Verdicts, *, zero: bool) -> Any:
    """Per mille of each call's cached input that stays warm under the verdicts' models."""
    model = np.full(len(account.calls), -1, dtype=np.int64)
    decided = np.flatnonzero(verdicts.of >= 0)
    of = verdicts.of[decided]
    model[decided[verdicts.moved[of]]] = verdicts.model[of[verdicts.moved[of]]]
    if not (model >= 0).any():
        return np.full(len(model), 1000, dtype=np.int64)
    return kept_warm(account, warm.as_sent, verdicts.models, model, zero_retention=zero)
