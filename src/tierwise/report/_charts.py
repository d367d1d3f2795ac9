"""Where the marks of each chart stand, in percent of its width; the templates draw them.

Positions are for looking at, so they are floats; every amount shown is text made from the
exact number.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from tierwise.audit import Counts, Findings, Group
from tierwise.report import _view as view
from tierwise.report._words import clean, count, money, money_short, plural, share, share_of

MOST_BARS = 12
MOST_GROUPS = 20
WATERFALL = (
    ("spend", "spent"),
    ("measured", "saving measured in the log"),
    ("could", "saving simulated or assumed"),
    ("more", "costs more"),
    ("left", "left to pay"),
)
MOST_COLUMNS = 92
"""Days drawn one by one; a longer period is drawn by month."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of a bar: where it starts and how long it is, in percent, and what it shows."""

    x: float
    width: float
    kind: str
    title: str


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bar chart: label, amount as text, marks, and where the next bar connects."""

    label: str
    value: str
    marks: tuple[Mark, ...]
    link: float | None = None


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """A horizontal bar chart. `legend` pairs a kind of mark with its meaning."""

    id: str
    title: str
    desc: str
    bars: tuple[Bar, ...]
    legend: tuple[tuple[str, str], ...] = ()


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column: left edge, width and height in percent, its label, amount, and axis label."""

    x: float
    width: float
    height: float
    label: str
    value: str
    tick: str = ""


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """A column chart over time; `top` is the amount at its upper edge."""

    id: str
    title: str
    desc: str
    columns: tuple[Column, ...]
    top: str


class GroupRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a breakdown; `width` is its bar in percent of all spend."""

    name: str
    calls: int
    spent: str
    """Money, or 'unpriced'."""
    share: str
    width: float


def waterfall(findings: Findings) -> Bars | None:
    """From spend today, lever by lever, to what it could be; None when nothing would change."""
    total = findings.spend.total
    steps = [row for row in view.lever_rows(findings) if row.saves]
    if not total or not steps:
        return None
    levels = [total]
    for row in steps:
        levels.append(levels[-1] - row.saves)
    scale = max(*levels, total)
    bars = [_whole("Spend today", total, scale, "spend")]
    for row, before, after in zip(steps, levels, levels[1:], strict=False):
        sign = "-" if row.saves > 0 else "+"
        marks = _step(before, after, row.measured, scale, view.LEVER_TITLES[row.lever])
        value = f"{sign}{money(row.saves.copy_abs())}"
        label = view.LEVER_TITLES[row.lever]
        bars.append(Bar(label=label, value=value, marks=marks, link=_percent(after, scale)))
    bars.append(_whole("Could be, unproven", levels[-1], scale, "left"))
    used = {mark.kind for bar in bars for mark in bar.marks}
    return Bars(
        id="waterfall",
        title="From spend today to what it could be",
        desc=f"Spend of {money(total)} falls to {money(levels[-1])} if every lever is used: "
        + "; ".join(f"{view.LEVER_TITLES[row.lever]} {money(row.saves)}" for row in steps)
        + ".",
        bars=tuple(bars),
        legend=tuple((kind, words) for kind, words in WATERFALL if kind in used),
    )


def _whole(label: str, amount: Decimal, scale: Decimal, kind: str) -> Bar:
    width = _percent(amount, scale)
    mark = Mark(x=0, width=width, kind=kind, title=f"{label}: {money(amount)}")
    return Bar(label=label, value=money(amount), marks=(mark,), link=width)


def _step(before: Decimal, after: Decimal, sure: Decimal, scale: Decimal, label: str) -> tuple[Mark, ...]:
    """The stretch between two levels; its measured part lies next to the level before."""
    if after > before:
        x, width = _percent(before, scale), _percent(after - before, scale)
        return (Mark(x=x, width=width, kind="more", title=f"{label}: {money(after - before)} more"),)
    saved = before - after
    sure = min(max(sure, Decimal(0)), saved)
    marks = []
    for kind, start, size in (("could", after, saved - sure), ("measured", before - sure, sure)):
        if size:
            title = f"{label}, {'measured' if kind == 'measured' else 'simulated or assumed'}: {money(size)}"
            marks.append(Mark(x=_percent(start, scale), width=_percent(size, scale), kind=kind, title=title))
    return tuple(marks)


def depth_bars(findings: Findings) -> Bars | None:
    """Share of calls by the depth they need, above the share by the tier they are sent to."""
    head = findings.headline
    if head is None:
        return None
    needed = {name: own.calls for name, own in head.by_depth.items()}
    sent = sent_to(findings)
    bars = [
        _split("Depth the calls need", needed, "needs"),
        _split("Tier they are sent to", sent, "sent to"),
    ]
    legend = [(name, name if name != "unknown" else "unknown, or off the ladder") for name in view.DEPTHS]
    return Bars(
        id="depths",
        title="Depth the calls need, and the tier they are sent to",
        desc=f"Need: {_shares(needed)}. Sent: {_shares(sent)}.",
        bars=tuple(bars),
        legend=tuple((f"depth-{name}", words) for name, words in legend),
    )


def sent_to(findings: Findings) -> dict[str, int]:
    """Calls by the tier of the model that served them; 'unknown' for models off the ladder."""
    found = dict.fromkeys(view.DEPTHS, 0)
    for row in findings.models:
        tier = row.tier or "unknown"
        found[tier if tier in found else "unknown"] += row.counts.calls
    return found


def _split(label: str, calls: dict[str, int], verb: str) -> Bar:
    total = sum(calls.values())
    marks, x = [], 0.0
    for depth in view.DEPTHS:
        number = calls.get(depth, 0)
        if number:
            width = 100 * number / total
            title = f"{verb} {depth}: {plural(number, 'call')}, {share(number / total)}"
            marks.append(Mark(x=x, width=width, kind=f"depth-{depth}", title=title))
            x += width
    return Bar(label=label, value=plural(total, "call"), marks=tuple(marks))


def _shares(calls: dict[str, int]) -> str:
    total = sum(calls.values())
    return ", ".join(f"{depth} {share(calls[depth] / total)}" for depth in view.DEPTHS if calls.get(depth))


def model_bars(findings: Findings) -> Bars | None:
    """Spend by model, coloured by the tier of each."""
    priced = [row for row in view.models(findings) if row.counts.spend]
    if not priced:
        return None
    rows = [(clean(row.model), row.counts, row.tier or "unknown") for row in priced]
    top = max(counts.spend for _, counts, _ in rows)
    bars = []
    for name, counts, tier in rows[:MOST_BARS]:
        amount = f"{money(counts.spend)}, {share_of(counts.spend, findings.spend.total)}"
        kind = f"depth-{tier if tier in view.DEPTHS else 'unknown'}"
        mark = Mark(x=0, width=_percent(counts.spend, top), kind=kind, title=f"{name}: {amount}")
        bars.append(Bar(label=name, value=amount, marks=(mark,)))
    tiers = dict.fromkeys(bar.marks[0].kind for bar in bars)
    return Bars(
        id="models",
        title="Spend by model and tier",
        desc=_told((bar.label, bar.value) for bar in bars),
        bars=tuple(bars),
        legend=tuple((kind, _tier_words(kind)) for kind in tiers),
    )


def _tier_words(kind: str) -> str:
    tier = kind.removeprefix("depth-")
    return "off the ladder" if tier == "unknown" else f"{tier} tier"


def workload_bars(findings: Findings) -> Bars | None:
    """Spend of the dearest workloads with the part that could be saved."""
    rows = sorted(findings.workloads, key=lambda row: (-row.spend, row.id))[:MOST_BARS]
    rows = [row for row in rows if row.spend]
    if not rows:
        return None
    top = rows[0].spend
    bars = []
    for row in rows:
        saves = min(max(row.could_save, Decimal(0)), row.spend)
        kept = _percent(row.spend - saves, top)
        marks = [Mark(x=0, width=kept, kind="left", title=f"left to pay: {money(row.spend - saves)}")]
        if saves:
            saved = f"could save, unproven: {money(saves)}"
            marks.append(Mark(x=kept, width=_percent(saves, top), kind="could", title=saved))
        value = f"{money(row.spend)}, could save {money(saves)}" if saves else money(row.spend)
        bars.append(Bar(label=clean(row.label), value=value, marks=tuple(marks)))
    return Bars(
        id="workload-bars",
        title="The dearest workloads",
        desc=_told((bar.label, bar.value) for bar in bars),
        bars=tuple(bars),
        legend=(("left", "left to pay"), ("could", "could save, unproven")),
    )


def day_columns(findings: Findings) -> Columns | None:
    """Spend by day, by month over a long period; None for a single day."""
    days = sorted(((clean(group.name), group.counts) for group in findings.days), key=lambda pair: pair[0])
    if len(days) > MOST_COLUMNS:
        months: dict[str, Decimal] = {}
        for name, counts in days:
            months[name[:7]] = months.get(name[:7], Decimal(0)) + counts.spend
        return _columns("days", "Spend by month", list(months.items()), every=6)
    if len(days) < 2:
        return None
    amounts = [(name, counts.spend) for name, counts in days]
    return _columns("days", "Spend by day", amounts, every=max(1, len(amounts) // 6))


def hour_columns(findings: Findings) -> Columns | None:
    """Spend by hour of the day in UTC, all days together: what arrives at night can often wait."""
    spend = [Decimal(0)] * 24
    seen = False
    for group in findings.hours:
        hour = _hour(group)
        if hour is not None:
            spend[hour] += group.counts.spend
            seen = True
    if not seen:
        return None
    amounts = [(f"{hour:02d}:00", amount) for hour, amount in enumerate(spend)]
    return _columns("hours", "Spend by hour of the day, UTC", amounts, every=6)


def _hour(group: Group) -> int | None:
    """The hour in an ISO name such as '2026-11-16T08:00Z'; None where there is none."""
    digits = group.name[11:13]
    return int(digits) if digits.isascii() and digits.isdigit() and int(digits) < 24 else None


def _columns(id: str, title: str, amounts: list[tuple[str, Decimal]], *, every: int) -> Columns | None:
    top = max((amount for _, amount in amounts), default=Decimal(0))
    if top <= 0:
        return None
    step = 100 / len(amounts)
    columns = tuple(
        Column(
            x=index * step + step * 0.1,
            width=step * 0.8,
            height=max(_percent(amount, top), 0),
            label=name,
            value=money(amount),
            tick=name[5:] if len(name) == 10 and index % every == 0 else name if index % every == 0 else "",
        )
        for index, (name, amount) in enumerate(amounts)
    )
    dearest = max(amounts, key=lambda pair: pair[1])
    least = min(amounts, key=lambda pair: pair[1])
    desc = f"Highest {money(top)} ({dearest[0]}), lowest {money(least[1])} ({least[0]})."
    return Columns(id=id, title=title, desc=desc, columns=columns, top=money_short(top))


def group_rows(groups: tuple[Group, ...], total: Decimal) -> list[GroupRow]:
    """Rows of a breakdown, dearest first; beyond `MOST_GROUPS` the rest is one row."""
    rows = sorted(groups, key=lambda group: (-group.counts.spend, -group.counts.calls, group.name))
    shown = [(clean(group.name), group.counts) for group in rows[:MOST_GROUPS]]
    rest = rows[MOST_GROUPS:]
    if rest:
        together = Counts(
            calls=sum(group.counts.calls for group in rest),
            spend=sum((group.counts.spend for group in rest), Decimal(0)),
        )
        shown.append((f"{count(len(rest))} more", together))
    return [
        GroupRow(
            name=name,
            calls=own.calls,
            spent=view.spent(own),
            share=view.share_spent(own, total),
            width=_percent(own.spend, total),
        )
        for name, own in shown
    ]


def _told(pairs: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{label}: {value}" for label, value in pairs) + "."


def _percent(part: Decimal, whole: Decimal) -> float:
    return round(float(part / whole) * 100, 3) if whole else 0.0
