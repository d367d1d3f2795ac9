"""Findings as text for a terminal, in the order a manager reads."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Console
from rich.text import Text

from tierwise.audit import Findings, Group, WorkloadRow
from tierwise.report import _view as view
from tierwise.report._page import Align, Page
from tierwise.report._words import clean, count, count_short, money, plural, share

MOST_WORKLOADS = 8
MOST_MODELS = 12
MOST_ROWS = 5
MOST_BREAKERS = 3
MOST_ADVICE = 3
MOST_LINES = 4
"""Changed lines of a patch."""
NARROW = 96
"""Below this many columns, tables leave out what can be read elsewhere."""


def draw(findings: Findings, console: Console) -> None:
    """Print the report; nothing in it rests on colour."""
    page = Page(console)
    page.text(f"tierwise audit: {view.scope(findings)}", "dim")
    page.blank()
    match view.state(findings):
        case "empty":
            page.text(view.NO_CALLS, "bold")
            page.text(view.no_calls_advice(findings))
        case "unpriced":
            page.text(view.NO_PRICES, "bold")
            page.text(view.NO_PRICES_ADVICE)
            _cross_checks(findings, page)
            _models(findings, page)
        case _:
            for section in SECTIONS:
                section(findings, page)
    _skipped(findings, page)
    _notes(findings, page)


def _headline(findings: Findings, page: Page) -> None:
    for line in (view.mismatch(findings), view.unknown(findings)):
        if line:
            page.text(line, "bold" if line == view.mismatch(findings) else "")
    if not findings.per_call:
        page.text(view.TOTALS_ONLY)
    rows = [("Spend", money(findings.spend.total), view.monthly(findings))]
    if view.state(findings) == "nothing":
        page.blank()
        page.pairs(rows)
        page.blank()
        page.text(view.no_saving(findings), "bold")
        return
    head = findings.headline
    if head is not None:
        needing = f"of it by calls that need frontier depth: {money(head.spend_needing_frontier)}"
        rows.append(("- on the top tier", money(head.spend_on_top), needing))
    rows += [
        ("Could save", money(findings.could_save), view.could_save(findings)),
        ("- measured part", money(view.measured(findings)), "counted in the log, nothing assumed"),
        ("Could be", money(view.could_be(findings)), ""),
    ]
    page.blank()
    page.pairs(rows)
    page.blank()
    page.text(view.UNPROVEN, "dim")


def _cross_checks(findings: Findings, page: Page) -> None:
    for line in view.cross_checks(findings):
        page.text(line)


def _models(findings: Findings, page: Page) -> None:
    if not findings.models:
        return
    page.heading("Spend by model")
    narrow = page.width < NARROW
    columns: list[tuple[str, Align]] = [("model", "left"), ("tier", "left"), ("calls", "right")]
    if not narrow:
        columns += [("input", "right"), ("cached", "right"), ("output", "right"), ("reasoning", "right")]
    columns += [("spend", "right"), ("share", "right")]
    rows = []
    for row in view.models(findings)[:MOST_MODELS]:
        own = row.counts
        cells = [row.model, row.tier or "-", count(own.calls) if own.calls else "-"]
        if not narrow:
            tokens = (own.input + own.written, own.cached, own.output, own.reasoning)
            cells += [count_short(number) for number in tokens]
        rows.append([*cells, view.spent(own), view.share_spent(own, findings.spend.total)])
    page.table(columns, rows, wide="model")
    rest = view.models(findings)[MOST_MODELS:]
    if rest:
        spend = money(sum((row.counts.spend for row in rest), Decimal(0)))
        page.text(f"{plural(len(rest), 'more model')}: {spend}. --html and --json show every one.", "dim")


def _groups(findings: Findings, page: Page) -> None:
    total = findings.spend.total
    for name, groups in (
        ("lane", findings.lanes),
        ("project", findings.projects),
        ("key", findings.keys),
        ("tag", findings.tags),
    ):
        if groups:
            page.text(f"By {name}: {_listed(groups, total, page)}")
    if view.tags_overlap(findings):
        page.text(view.TAGS_OVERLAP, "dim")
    own = findings.counts
    read = own.input + own.cached + own.written
    if read:
        cached = share(own.cached / read)
        page.text(
            f"Tokens: {count_short(read)} in, {cached} of them cached; "
            f"{count_short(own.output + own.reasoning)} out, {count_short(own.reasoning)} of them reasoning"
        )


def _listed(groups: tuple[Group, ...], total: Decimal, page: Page) -> str:
    """'standard $391.04 (96%), batch $17.20 (4%)', the dearest first, the rest summed up."""
    dearest = sorted(groups, key=lambda group: (-group.counts.spend, group.name))
    words = [
        f"{page.fit(group.name, 32)} {view.spent(group.counts)} ({view.share_spent(group.counts, total)})"
        for group in dearest[:MOST_ROWS]
    ]
    rest = dearest[MOST_ROWS:]
    if rest:
        spend = sum((group.counts.spend for group in rest), Decimal(0))
        words.append(f"{count(len(rest))} more {money(spend)}")
    return ", ".join(words)


def _levers(findings: Findings, page: Page) -> None:
    rows = view.lever_rows(findings)
    if not rows:
        return
    page.heading("What could be saved, lever by lever, in the order applied")
    narrow = page.width < NARROW
    columns: list[tuple[str, Align]] = [("lever", "left"), ("saves", "right"), ("low to high", "right")]
    columns += [] if narrow else [("calls", "right")]
    columns += [("basis", "left"), ("what must be true", "left")]
    cells = []
    for row in rows:
        told = not row.needs
        span = view.span(row.low, row.high) if told and row.saves else "-"
        line = [row.lever, money(row.saves) if told else "-", span]
        line += [] if narrow else [count(row.calls) if told else "-"]
        cells.append([*line, row.basis if told else "-", view.lever_note(row)])
    if findings.could_save:
        together = ["all", money(findings.could_save), view.span(findings.low, findings.high)]
        cells.append([*together, *([] if narrow else [""]), "", "unproven until shown on your own calls"])
    page.table(columns, cells, wide="what must be true", least=24)


def _workloads(findings: Findings, page: Page) -> None:
    rows = view.ranked(findings)
    if not rows:
        return
    page.heading("Workloads, most to save first")
    columns: list[tuple[str, Align]] = [
        ("id", "left"),
        ("workload", "left"),
        ("calls", "right"),
        ("spend", "right"),
        ("could save", "right"),
    ]
    shown = rows[:MOST_WORKLOADS]
    cells: list[list[str | Text]] = [
        [row.id[:8], _workload(row, page), count(row.calls), view.spent(row.counts), _saves(row.could_save)]
        for row in shown
    ]
    page.table(columns, cells, wide="workload", least=20)
    rest = rows[MOST_WORKLOADS:]
    if rest:
        spend = money(sum((row.spend for row in rest), Decimal(0)))
        saves = money(sum((row.could_save for row in rest), Decimal(0)))
        more = plural(len(rest), "more workload")
        page.text(f"{more}: spend {spend}, could save {saves}. --html and --json show every one.", "dim")


def _workload(row: WorkloadRow, page: Page) -> Text:
    """Two lines: the label, then what it asks for and where it would go."""
    room = max(page.width - 46, 20)
    lines = Text(page.fit(row.label, room), overflow="fold")
    return lines.append(f"\n{page.say(view.kind(row))}; {page.say(view.move(row))}", style="dim")


def _saves(amount: Decimal) -> str:
    return money(amount) if amount else "-"


def _breakers(findings: Findings, page: Page) -> None:
    found = view.breakers(findings)
    if not found and findings.per_call:
        return
    page.heading("What breaks the prompt cache")
    if not findings.per_call:
        page.text(view.needed(findings))
    for row, breaker in found[:MOST_BREAKERS]:
        saves = f", could save {money(breaker.saves)}" if breaker.saves else ""
        page.text(
            f"{breaker.kind} in {breaker.where}: {plural(breaker.calls, 'call')} of {row.id[:8]}{saves}"
        )
        for example in breaker.example:
            page.text(f"| {page.fit(example, page.width - 6)}", indent=2)
    if len(found) > MOST_BREAKERS:
        page.text(f"{count(len(found) - MOST_BREAKERS)} more; --html and --json show them.", "dim")


def _findings(findings: Findings, page: Page) -> None:
    if not findings.findings:
        return
    page.heading("Worth a look")
    for found in findings.findings[:MOST_ROWS]:
        place = f" ({found.workload[:8]})" if found.workload else ""
        saves = f": could save {money(found.saves)}" if found.saves else ""
        page.text(f"- {found.text.rstrip('.')}{place}{saves}.")
        if found.advice:
            page.text(found.advice, "dim", indent=2)
    left = len(findings.findings) - MOST_ROWS
    if left > 0:
        page.text(f"{count(left)} more; --html and --json show them.", "dim")


def _advice(findings: Findings, page: Page) -> None:
    if not findings.advice:
        return
    page.heading(view.ADVICE)
    for row in findings.advice[:MOST_ADVICE]:
        what = f"{view.ADVICE_TITLES[row.kind]} ({row.workload[:8]}, {page.fit(row.label, 24)})"
        page.text(f"- {what}: {view.advice_saves(row)}")
        page.text(view.advice_place(row), "dim", indent=2)
        # The first head repeats the place above; a later one says where the lines below it go.
        lines = view.patch(row)
        changed = [line for at, line in enumerate(lines) if line[0] in {"-", "+"} or (line[0] == "@@" and at)]
        for mark, line in changed[:MOST_LINES]:
            page.text(page.fit(f"{mark} {line}", page.width - 4), indent=4)
        if len(changed) > MOST_LINES:
            page.text(f"{plural(len(changed) - MOST_LINES, 'more line')}", "dim", indent=4)
        if not changed:
            page.text(f"{row.text} {view.NO_PATCH}", "dim", indent=2)
    left = len(findings.advice) - MOST_ADVICE
    if left > 0:
        page.text(f"{count(left)} more; --html and --json show them.", "dim")
    page.text(view.ADVICE_OVERLAPS, "dim")


def _shutdowns(findings: Findings, page: Page) -> None:
    if not findings.shutdowns:
        return
    page.heading(view.SHUT_DOWN)
    for row in findings.shutdowns:
        used = f"{plural(row.calls, 'call')}, {money(row.spend)}"
        workloads = f" in {', '.join(each[:8] for each in row.workloads[:4])}" if row.workloads else ""
        page.text(f"{row.model} {view.ends(row)} {row.date}: {used}{workloads}; {view.shutdown_line(row)}.")


def _outcomes(findings: Findings, page: Page) -> None:
    facts = view.outcome_facts(findings.outcomes)
    if not facts:
        return
    page.heading("Outcomes the log shows")
    page.text("; ".join(f"{name.lower()} {value}" for name, value in facts) + ".")
    if findings.outcomes.success_rule:
        page.text(f"Success means {clean(findings.outcomes.success_rule)}.", "dim")


def _forecasts(findings: Findings, page: Page) -> None:
    if not findings.forecasts:
        return
    page.heading("What if the volume grows: a month at")
    columns: list[tuple[str, Align]] = [
        ("volume", "left"),
        ("spend", "right"),
        ("spend, low to high", "right"),
        ("could save", "right"),
        ("saving, low to high", "right"),
    ]
    cells = [
        [
            view.volume(row.times),
            money(row.spend),
            view.span(row.spend_low, row.spend_high),
            money(row.could_save),
            view.span(row.low, row.high),
        ]
        for row in findings.forecasts
    ]
    page.table(columns, cells, wide="volume", least=max(6, *(len(row[0]) for row in cells)))


def _skipped(findings: Findings, page: Page) -> None:
    rows = view.skipped_rows(findings)
    if not rows and not findings.duplicates:
        return
    page.heading("Records left out")
    if findings.duplicates:
        page.text(f"{plural(findings.duplicates, 'record')} of a call already counted")
    for why, number in rows:
        page.text(f"{count(number)}: {why}")
    for place in findings.skipped_examples[:MOST_ROWS]:
        page.text(place, "dim", indent=2)


def _notes(findings: Findings, page: Page) -> None:
    if findings.notes:
        page.heading("How these numbers came about")
    else:
        page.blank()
    for note in findings.notes:
        page.text(f"- {note}")
    page.text(view.provenance(findings), "dim")


SECTIONS = (
    _headline,
    _cross_checks,
    _models,
    _groups,
    _levers,
    _workloads,
    _breakers,
    _findings,
    _advice,
    _shutdowns,
    _outcomes,
    _forecasts,
)
"""In the order a manager reads: the money, where it goes, what could be saved, then why."""
