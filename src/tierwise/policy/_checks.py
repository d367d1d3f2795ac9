"""What must hold of a rule before it may be used: rungs, lanes, stages, evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from tierwise.caching import LIVES
from tierwise.catalog import Catalog, Model
from tierwise.errors import CatalogError
from tierwise.policy._caching import KEPT_LONG
from tierwise.policy._cascade import certificate_of
from tierwise.policy._cascade_checks import cascade_faults
from tierwise.policy._lanes import STORES_BODIES
from tierwise.policy._lines import Path
from tierwise.policy._problems import Sheet
from tierwise.policy._proof import HOLDS, HOLDS_FOR_CANARY
from tierwise.policy._types import OWN_SCORER, Evidence, Policy, Rule

CARRIED_OUT: Final = frozenset({"on", "canary"})
"""Stages that change calls."""
Said = tuple[tuple[str, ...], str]
"""A key below the rule, and what is wrong with it."""


def check_rule(rule: Rule, path: Path, policy: Policy, prices: Catalog, now: dt.date, sheet: Sheet) -> None:
    """Note everything that does not hold of one rule."""
    model = prices.resolve(rule.model).model if rule.model is not None else None
    problems = [*_stage(rule), *_move(rule, prices), *_lanes(rule, policy, model, prices, now)]
    problems += [*_retention(rule, policy), *cascade_faults(rule, policy, prices, now)]
    problems += _scorer(rule, policy, prices)
    if model is not None:
        problems += [*_capabilities(rule, policy, model)]
        if model.shutdown is not None and model.shutdown <= now:
            ended = f"{model.name} was shut down on {model.shutdown.isoformat()}"
            problems.append((("rung",), f"{ended}; its successor is {model.successor or 'not named'}"))
    for number, evidence in enumerate(rule.evidence):
        where: Path = ("evidence", number) if len(rule.evidence) > 1 else ("evidence",)
        for text in _evidence(evidence, rule, policy, prices, now):
            sheet.say((*path, *where), text)
    if "auto" in rule.match.models and policy.baseline is None:
        sheet.say((*path, "match", "model"), "matches model 'auto', which needs the key baseline at the top")
    for keys, text in problems:
        sheet.say((*path, *keys), text)


def _stage(rule: Rule) -> Iterator[Said]:
    if rule.stage == "canary" and rule.share is None:
        yield ("stage",), "expected a share of sessions beside stage 'canary', found none; add share = 0.05"
    if rule.stage != "canary" and rule.share is not None:
        yield ("share",), f"expected share only with stage 'canary', found stage {rule.stage!r}"
    if rule.holdback and rule.model is None and rule.effort is None:
        yield ("holdback",), "expected a rung beside a holdback, found none: there is nothing to hold back"
    if rule.holdback_cap is not None and rule.holdback == 0:
        yield ("holdback_cap",), "expected a holdback beside its cap, found holdback = 0"
    if rule.deadline is not None and not rule.lanes:
        yield ("deadline",), "expected lanes that may use the time, found none; add lanes = ['batch']"


def _move(rule: Rule, prices: Catalog) -> Iterator[Said]:
    """A rule that is carried out and goes down needs evidence, or someone's name."""
    if rule.stage not in CARRIED_OUT or not _goes_down(rule, prices):
        return
    if rule.unproven and rule.approved_by is None:
        yield ("unproven",), "expected approved_by beside unproven = true, found none; name who let it go on"
    if not rule.unproven and not rule.evidence and certificate_of(rule) is None:
        text = (
            f"stage {rule.stage!r} moves calls to a cheaper rung with no evidence; name evidence that reads, "
            "or set unproven = true and approved_by, or stage = 'shadow'"
        )
        yield ("stage",), text


def _scorer(rule: Rule, policy: Policy, prices: Catalog) -> Iterator[Said]:
    """A scorer picks among the rungs from the rule's up: it must be for this ladder, and proven where it acts."""
    scoring = rule.scorer
    if scoring is None:
        return
    if not scoring.proven and rule.stage in CARRIED_OUT:
        yield (
            ("scorer",),
            f"unproven on your calls, which allows no stage above shadow, found {rule.stage!r}; train one with `tierwise train`",
        )
    if rule.model is None:
        yield ("scorer",), "expected a rung beside scorer, the cheapest that it may choose, found none"
        return
    ladder, rungs = policy.ladder.models, scoring.rungs
    if scoring.general or scoring.scorer == OWN_SCORER:
        return
    if list(rungs) != [model for model in ladder if model in rungs]:
        yield (
            ("scorer",),
            f"made for the rungs {', '.join(rungs)}, and the ladder's are {', '.join(ladder)}; train one for it",
        )
    elif (family := _family(rule.model, prices)) not in rungs:
        yield ("scorer",), f"made for the rungs {', '.join(rungs)}, and the rule goes to {family}"


def _goes_down(rule: Rule, prices: Catalog) -> bool:
    """Whether calls may come to a cheaper rung: not where the rule only names what they asked for."""
    if rule.effort is not None:
        return True
    if rule.model is None:
        return False
    asked = rule.match.models
    if not asked or any("*" in name for name in asked):
        return True
    target = prices.resolve(rule.model).model.name
    return any(_family(name, prices) != target for name in asked)


def _family(name: str, prices: Catalog) -> str:
    try:
        return prices.resolve(name).model.name
    except CatalogError:
        return name


def _capabilities(rule: Rule, policy: Policy, model: Model) -> Iterator[Said]:
    """What the rung lacks of what the rule's calls need, as far as the rule tells."""
    limits, match = policy.limits, rule.match
    if limits.models is not None and model.name not in limits.models:
        yield ("rung",), f"{model.name} is not among the approved models of [limits]"
    if not model.known:
        yield ("rung",), f"what {model.name} can do is not known; name a model of `tierwise models`"
        return
    for endpoint in sorted(match.endpoints):
        if endpoint not in model.endpoints or endpoint not in {"chat", "responses"}:
            yield ("rung",), f"{model.name} does not serve {endpoint}, which the rule matches"
    if "computer use" in match.tasks and "computer_use" not in model.features:
        yield ("rung",), f"{model.name} lacks computer use, which the rule matches"
    if match.tools is True or match.tool_names:
        yield from _with_tools(rule, model)
    yield from _settings(rule, model)


def _with_tools(rule: Rule, model: Model) -> Iterator[Said]:
    if "tools" not in model.features:
        yield ("rung",), f"{model.name} takes no tools, which the rule's calls send"
    if rule.match.endpoints != {"chat"} or rule.through_responses:
        return
    if model.chat_tools == "never":
        yield ("rung",), f"{model.name} takes no tools in Chat Completions; set through_responses = true"
    elif model.chat_tools == "effort-none" and rule.effort not in {None, "none"}:
        text = (
            f"{model.name} takes tools in Chat Completions only at effort none, found {rule.effort!r}; "
            "set through_responses = true or effort = 'none'"
        )
        yield ("rung", "effort"), text


def _retention(rule: Rule, policy: Policy) -> Iterator[Said]:
    wanted = rule.cache.retention
    if wanted not in {None, "auto", *LIVES}:
        yield ("cache", "retention"), f"expected 'auto' or one of {', '.join(LIVES)}, found {wanted!r}"
    if policy.limits.zero_retention and wanted in KEPT_LONG:
        yield ("cache", "retention"), f"zero_retention of [limits] forbids {wanted}; leave it out"


def _settings(rule: Rule, model: Model) -> Iterator[Said]:
    if rule.tools.search == "hosted" and "tool_search" not in model.features:
        yield ("tools", "search"), f"{model.name} has no hosted tool search"
    if rule.verbosity is not None and "verbosity" not in model.features:
        yield ("verbosity",), f"{model.name} takes no verbosity"
    retention, offered = rule.cache.retention, model.cache.retentions
    if retention in LIVES and retention not in offered:
        said = ", ".join(offered) or "none"
        yield (
            ("cache", "retention"),
            f"expected a retention of {model.name} ({said}), found {retention!r}",
        )


def _lanes(rule: Rule, policy: Policy, model: Model | None, prices: Catalog, now: dt.date) -> Iterator[Said]:
    for lane in sorted(rule.lanes):
        if policy.limits.zero_retention and lane in STORES_BODIES:
            yield ("lanes",), f"{lane} stores bodies, which zero_retention of [limits] forbids"
        if model is None:
            continue
        if lane in STORES_BODIES - {"batch"} and model.name not in prices.background_models:
            yield ("lanes",), f"{model.name} is not named for background windows in the overrides file"
            continue
        try:
            prices.rate_card(model.name, lane, at=now)
        except CatalogError as error:
            yield ("lanes",), f"{model.name} is not offered there: {error}"


def _evidence(evidence: Evidence, rule: Rule, policy: Policy, prices: Catalog, now: dt.date) -> Iterator[str]:
    """Why evidence does not carry the rule that names it."""
    carries = HOLDS if rule.stage == "on" else HOLDS_FOR_CANARY
    if evidence.verdict not in carries:
        yield f"its verdict is {evidence.verdict!r}, which does not carry stage {rule.stage!r}"
    elif evidence.lower_bound <= 0:
        yield f"its lower bound is {evidence.lower_bound}, and only above 0 the bar holds"
    if evidence.expires < now:
        yield f"it expired on {evidence.expires.isoformat()}; prove it again"
    if rule.match.workloads != {evidence.workload} and (
        len(rule.evidence) == 1 or evidence.workload not in rule.match.workloads
    ):
        matched = ", ".join(sorted(rule.match.workloads)) or "any"
        yield f"it is of workload {evidence.workload}, the rule matches {matched}"
    yield from _same_rung(evidence, rule, prices)
    bar = policy.bar
    if (
        evidence.measure != bar.measure
        or evidence.margin > bar.margin
        or evidence.confidence < bar.confidence
    ):
        yield (
            f"its bar ({evidence.margin} {evidence.measure} at {evidence.confidence}) is lower than the policy's "
            f"({bar.margin} {bar.measure} at {bar.confidence})"
        )


def _same_rung(evidence: Evidence, rule: Rule, prices: Catalog) -> Iterator[str]:
    wanted = rule.model or evidence.baseline.model
    if _family(evidence.rung.model, prices) != _family(wanted, prices) or evidence.rung.effort != rule.effort:
        effort = f" ({rule.effort})" if rule.effort else ""
        yield f"it is of rung {evidence.rung}, the rule goes to {wanted}{effort}"
    elif _family(evidence.snapshot, prices) != _family(wanted, prices):
        yield f"it is of snapshot {evidence.snapshot}, which is no {wanted}"
    elif wanted != _family(wanted, prices) and evidence.snapshot != wanted:
        yield f"it is of snapshot {evidence.snapshot}, the rule goes to {wanted}"
