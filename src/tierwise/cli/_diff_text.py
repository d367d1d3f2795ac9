"""A policy difference as Markdown, fit for a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tierwise.cli._diff import Difference, Side
from tierwise.policy import Policy, Rule

MOST_ROWS = 40
MOST_GAPS = 20
LABEL = 48
MARK = "<!-- tierwise policy diff -->"
"""Tells the comment of an earlier run from others, so that it can be replaced."""


def markdown(found: Difference, old: Policy | None, new: Policy, *, broken: str | None = None) -> str:
    """The difference as a page: what changes, what it costs, where the new policy falls short.

    `broken` is what is wrong with the file before, which then counts as no policy.
    """
    parts = [MARK, f"## {_cell(new.name)}: what would change on {found.calls:,} logged calls", ""]
    if broken is not None:
        parts += [f"The file before does not hold, so calls go as asked there: {_cell(broken)}", ""]
    if old is not None and old.digest == new.digest:
        parts += ["Both files say the same.", ""]
    parts += [
        *_summary(found, old, new),
        "",
        *_moves(found),
        "",
        *_gaps(found, new),
        "",
        *_small_print(found),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _summary(found: Difference, old: Policy | None, new: Policy) -> Iterator[str]:
    before = f"`{old.digest[:12]}`" if old is not None else "no policy"
    yield f"| | before ({before}) | after (`{new.digest[:12]}`) |"
    yield "|---|---:|---:|"
    yield f"| expected cost | {_money(found.old.cost)} | {_money(found.new.cost)} |"
    yield f"| against as asked ({_money(found.as_asked)}) | {_percent(found, found.old)} | {_percent(found, found.new)} |"
    rows = (
        ("calls moved", "moved"),
        ("of them unproven", "unproven"),
        ("calls shadowed", "shadowed"),
        ("outside the owner's limits", "breaches"),
        ("without a price", "unpriced"),
    )
    for title, field in rows:
        yield f"| {title} | {getattr(found.old, field):,} | {getattr(found.new, field):,} |"


def _percent(found: Difference, side: Side) -> str:
    if not found.as_asked:
        return "-"
    return f"{(side.cost - found.as_asked) * 100 / found.as_asked:+.1f} %"


def _moves(found: Difference) -> Iterator[str]:
    yield f"### Calls that change: {found.changed:,}"
    yield ""
    if not found.moves:
        yield "None."
        return
    yield "| workload | calls | before | after | cost before | cost after | change |"
    yield "|---|---:|---|---|---:|---:|---:|"
    rows = sorted(found.moves.items(), key=lambda item: (item[1].new - item[1].old, -item[1].calls, item[0]))
    for (workload, before, after), move in rows[:MOST_ROWS]:
        label = _cell(found.labels.get(workload, ""))
        same = "same rung, other settings" if before == after else after
        yield (
            f"| {label} `{workload}` | {move.calls:,} | {before} | {same} | {_money(move.old)} "
            f"| {_money(move.new)} | {_money(move.new - move.old, signed=True)} |"
        )
    if len(rows) > MOST_ROWS:
        rest = sum(move.calls for _, move in rows[MOST_ROWS:])
        yield f"\n{len(rows) - MOST_ROWS} more kinds of change, {rest:,} calls, are left out here."


def _gaps(found: Difference, new: Policy) -> Iterator[str]:
    lines = [*_evidence_gaps(found, new), *_capability_gaps(found), *_unreached(found, new)]
    yield "### Gaps"
    yield ""
    yield from lines or ["None."]


def _evidence_gaps(found: Difference, new: Policy) -> Iterator[str]:
    for rule in new.rules:
        calls = found.reached[rule.name]
        if goes_on_unproven(rule):
            yield f"- evidence: `{_cell(rule.name)}` goes on unproven, approved by {_cell(rule.approved_by or '?')}; {calls:,} calls"
        for evidence in rule.evidence:
            yield (
                f"- evidence: `{_cell(rule.name)}` rests on {evidence.calls:,} calls, lower bound "
                f"{evidence.lower_bound}, until {evidence.expires.isoformat()}"
            )


def goes_on_unproven(rule: Rule) -> bool:
    """Whether a rule moves calls on someone's word alone."""
    moves = rule.model is not None or rule.effort is not None
    return moves and rule.unproven and rule.stage in {"on", "canary"}


def _capability_gaps(found: Difference) -> Iterator[str]:
    for (rule, reason), calls in sorted(found.refused.items(), key=lambda item: (-item[1], item[0]))[
        :MOST_GAPS
    ]:
        kind = "evidence" if "evidence" in reason else "capability"
        yield f"- {kind}: `{_cell(rule)}`: {_cell(reason)}; {calls:,} calls"
    if len(found.refused) > MOST_GAPS:
        yield f"- {len(found.refused) - MOST_GAPS} more reasons are left out here"


def _unreached(found: Difference, new: Policy) -> Iterator[str]:
    idle = [rule.name for rule in new.rules[:-1] if not found.reached[rule.name]]
    if idle:
        yield f"- no logged call falls under: {', '.join(f'`{_cell(name)}`' for name in idle[:MOST_GAPS])}"


def _small_print(found: Difference) -> Iterator[str]:
    yield (
        "Costs are estimates: logged tokens, the prices of each call's day, and assumed lengths on rungs "
        "that the log does not show. Nothing here says that quality holds."
    )
    if found.left_out:
        yield f"{found.left_out:,} records were left out: counted before, or not joined to their request."


def _money(amount: Decimal, *, signed: bool = False) -> str:
    sign = "-" if amount < 0 else "+" if signed and amount > 0 else ""
    size = abs(amount)
    places = 2 if size >= 1 or not size else 4 if size >= Decimal("0.01") else 6
    return f"{sign}${size:,.{places}f}"


def _cell(text: str) -> str:
    """Text that breaks no table: one line, no pipes, no markup."""
    plain = " ".join(text.split())
    for mark in "|`<>[]":
        plain = plain.replace(mark, " ")
    return plain if len(plain) <= LABEL * 4 else plain[: LABEL * 4 - 1] + "…"
