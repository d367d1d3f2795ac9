"""Findings as one HTML document that opens offline, drawn by Jinja with escaping always on."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tierwise.audit import Findings, WorkloadRow
from tierwise.report import _charts as charts
from tierwise.report import _view as view
from tierwise.report import _words as words

MOST_ROWS = 300
"""Workloads in the table; a longer list belongs in the JSON."""
MOST_CARDS = 120
"""Workloads told in full."""
MOST_FINDINGS = 100
MOST_MODELS = 60
MOST_NAMES = 40
LONGEST = 300
"""Characters of one foreign text; what is longer is cut, so that no log can swell the page."""


def render(findings: Findings) -> str:
    """The whole document. Asks no host for anything; under 2 MB whatever the log."""
    template = _environment().get_template("report.html")
    rows = view.ranked(findings)
    return template.render(
        findings=findings,
        state=view.state(findings),
        view=view,
        charts=_drawn(findings),
        groups=_breakdowns(findings),
        models=view.models(findings)[:MOST_MODELS],
        rows=rows[:MOST_ROWS],
        rest=_rest(rows[MOST_ROWS:]),
        cards=rows[:MOST_CARDS],
        breakers=view.breakers(findings)[:MOST_FINDINGS],
        problems=findings.findings[:MOST_FINDINGS],
        advice=findings.advice,
        names={row.id: row.label for row in rows},
        depths=_depths(findings),
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tierwise.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "money": words.money,
        "each": words.money_each,
        "share": words.share,
        "count": words.count,
        "short": words.count_short,
        "names": _names,
        "tally": _tally,
    }
    environment.globals["share_of"] = words.share_of
    environment.globals["plural"] = words.plural
    return environment


def _shown(value: Any) -> Any:
    """Every text that is not already markup is cleaned and cut before it is escaped."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    said = words.clean(value)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 3]}..."


def _drawn(findings: Findings) -> dict[str, charts.Bars | charts.Columns | None]:
    return {
        "waterfall": charts.waterfall(findings),
        "depths": charts.depth_bars(findings),
        "models": charts.model_bars(findings),
        "workloads": charts.workload_bars(findings),
        "days": charts.day_columns(findings),
        "hours": charts.hour_columns(findings),
    }


def _breakdowns(findings: Findings) -> list[tuple[str, list[charts.GroupRow]]]:
    total = findings.spend.total
    named = (
        ("Project", findings.projects),
        ("Lane", findings.lanes),
        ("Key", findings.keys),
        ("Tag", findings.tags),
    )
    return [(name, charts.group_rows(groups, total)) for name, groups in named if groups]


def _rest(rows: list[WorkloadRow]) -> tuple[int, Decimal, Decimal] | None:
    """How many workloads the table leaves out, their spend and what they could save."""
    if not rows:
        return None
    spend = sum((row.spend for row in rows), Decimal(0))
    return len(rows), spend, sum((row.could_save for row in rows), Decimal(0))


def _depths(findings: Findings) -> list[tuple[str, int, int, Decimal]]:
    """For each depth: calls that need it, their spend, and calls sent to its tier."""
    head = findings.headline
    if head is None:
        return []
    sent = charts.sent_to(findings)
    rows = []
    for depth in view.DEPTHS:
        own = head.by_depth.get(depth)
        needed, spend = (own.calls, own.spend) if own else (0, Decimal(0))
        if needed or sent[depth]:
            rows.append((depth, needed, sent[depth], spend))
    return rows


def _names(texts: tuple[str, ...]) -> str:
    """A list in one line, long ones cut short with the number left out."""
    shown = ", ".join(_shown(text) for text in texts[:MOST_NAMES])
    left = len(texts) - MOST_NAMES
    # Markup is not cut again; joining escapes every name.
    return Markup.escape(f"{shown} and {words.count(left)} more" if left > 0 else shown)


def _tally(calls: Mapping[str, int]) -> str:
    """'gpt-5.5 6,210, gpt-5.4 12', most first."""
    most = sorted(calls.items(), key=lambda item: (-item[1], item[0]))
    return _names(tuple(f"{_shown(name)} {words.count(number)}" for name, number in most))
