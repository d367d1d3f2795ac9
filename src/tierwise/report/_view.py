"""What the audit says, in sentences that the terminal and the page share."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from tierwise.audit import (
    Advice,
    AdviceKind,
    Breaker,
    Counts,
    Findings,
    LeverName,
    LeverShare,
    ModelRow,
    Outcomes,
    Shutdown,
    WorkloadRow,
)
from tierwise.report._words import CENT, clean, count, money, money_each, plural, share, share_of

State = Literal["empty", "unpriced", "nothing", "savings"]
"""Which of four reports this is: no calls, no prices, nothing to save, or savings."""

DEPTHS = ("frontier", "professional", "routine", "commodity", "unknown")
"""Depths as a manager reads them, dearest first."""

LEVER_TITLES: dict[LeverName, str] = {
    "waste": "Repeated and failed calls",
    "tools": "Tools sent, never used",
    "cache": "Prompt cache",
    "tier": "Cheaper tier",
    "effort": "Lower effort",
    "lane": "Batch and flex",
}

UNPROVEN = (
    "Could save, unproven: an audit compares prices, not answers. "
    "That a cheaper tier answers as well has to be shown on your own calls first."
)
NO_CALLS = "No calls were found."
NO_CALLS_ADVICE = "Check the path, or name the format with --format."
NO_PRICES = "None of these calls has a price, so there is no spend and no saving to show."
NO_PRICES_ADVICE = "An overrides file can give a price with its date and reason. Nothing here is guessed."
NO_SAVING = "Nothing to save was found under this ladder and these limits."
SHUT_DOWN = "Models that are shut down, or will be"
TAGS_OVERLAP = "A call with several tags counts under each, so tags add up to more than the spend."
CANNOT_TELL = "This log does not show what could be saved: it has neither calls nor tokens."
TOTALS_ONLY = (
    "This log holds totals, not calls: workloads, tools, waste and cache breakers need per-call records. "
    "Make them with: tierwise record -- python app.py"
)
ADVICE = "What to change in your code"
ADVICE_OVERLAPS = (
    "Parts of the levers above, already in 'could save': add them neither to it nor to each other."
)
NO_ADVICE = "No change to your own code was found that would save money."
NO_PATCH = "The log has no text of it, so there is no patch to show."
ADVICE_TITLES: dict[AdviceKind, str] = {
    "breaker": "Keep the prompt's start the same",
    "unused-tools": "Leave unused tools out",
    "effort": "Ask for less reasoning, unproven",
}
NOT_WORTH = "not worth the work at this volume"
MOST_REASONS = 4
"""Reasons without a price that the cross-check spells out; the findings have them all."""


def state(findings: Findings) -> State:
    """Which report to show; an empty log wins over unpriced calls, those over nothing to save."""
    if not findings.calls and not findings.counts.calls and not findings.spend.total:
        return "empty"
    if not findings.spend.total and findings.spend.unpriced_calls:
        return "unpriced"
    return "savings" if findings.could_save > 0 else "nothing"


def no_calls_advice(findings: Findings) -> str:
    """What to do about a log without calls, and where to read why."""
    return f"{NO_CALLS_ADVICE} What was left out is listed below." if findings.skipped else NO_CALLS_ADVICE


def no_saving(findings: Findings) -> str:
    """That nothing was found, or that this log could not show it."""
    rows = findings.lever_shares
    return CANNOT_TELL if rows and all(row.needs for row in rows) else NO_SAVING


def scope(findings: Findings) -> str:
    """'2026-11-02 to 2026-11-08, 20,000 calls in 3 files, ladder gpt-5.4'."""
    files = plural(findings.files, "file")
    known = findings.calls or state(findings) == "empty"
    what = plural(findings.calls, "call") if known else "amounts charged"
    parts = [period(findings), f"{what} in {files}"]
    parts.append(f"ladder {clean(findings.ladder)}")
    return ", ".join(part for part in parts if part)


def period(findings: Findings) -> str:
    """First to last day, one day alone, or '' when the log has no times."""
    if not findings.start or not findings.end:
        return ""
    first, last = clean(findings.start)[:10], clean(findings.end)[:10]
    return first if first == last else f"{first} to {last}"


def mismatch(findings: Findings) -> str:
    """The headline: who is sent to the top tier against who needs frontier depth."""
    head = findings.headline
    if head is None:
        return ""
    needs = f"{share(head.needs_frontier)} of recognised calls need frontier depth"
    return f"{share(head.sent_to_top)} of calls go to the top tier; {needs}."


def unknown(findings: Findings) -> str:
    """What happens with calls whose depth nothing tells, '' when there are none."""
    head = findings.headline
    if head is None or not head.unknown:
        return ""
    return f"{share(head.unknown)} of calls show no sign of their depth; they stay where they are."


def top_models(findings: Findings) -> str:
    """Names of the models served on the top tier, '' when none is."""
    return ", ".join(clean(row.model) for row in models(findings) if row.tier == "frontier")


def models(findings: Findings) -> list[ModelRow]:
    """Models, dearest first, those without a price last by calls."""
    return sorted(findings.models, key=lambda row: (-row.counts.spend, -row.counts.calls, row.model))


def monthly(findings: Findings) -> str:
    """Spend at this rate, '' when the log has no times."""
    amount = findings.spend.monthly
    return "" if amount is None else f"{money(amount)} in 30 days at this rate"


def could_save(findings: Findings) -> str:
    """'61% of spend, unproven; between $180.10 and $290.00'."""
    part = share_of(findings.could_save, findings.spend.total)
    return f"{part} of spend, unproven; {between(findings.low, findings.high)}"


def between(low: Decimal, high: Decimal) -> str:
    """'between $1.00 and $2.00'; 'exactly' or 'about $1.00' when both are, or read, the same."""
    if money(low) == money(high):
        return f"{'exactly' if low == high and abs(low) >= CENT else 'about'} {money(low)}"
    return f"between {money(low)} and {money(high)}"


def span(low: Decimal, high: Decimal) -> str:
    """'$1.00 to $2.00', or one amount when both read the same."""
    return money(low) if money(low) == money(high) else f"{money(low)} to {money(high)}"


def volume(times: float) -> str:
    """'x1', 'x2.5', 'x1,000,000': a volume as a multiple of the log's."""
    return f"x{times:,.10g}"


def spent(counts: Counts) -> str:
    """Money of a group, or 'unpriced' where none of its calls has a price: never a zero for those."""
    if counts.calls and counts.unpriced_calls == counts.calls:
        return "unpriced"
    return money(counts.spend)


def share_spent(counts: Counts, whole: Decimal) -> str:
    """A group's share of the spend, '-' where none of its calls has a price."""
    return "-" if spent(counts) == "unpriced" else share_of(counts.spend, whole)


def provenance(findings: Findings) -> str:
    """Version, prices and policy, digests cut to what tells them apart; the JSON has them whole."""
    digest, _, of_day = findings.prices.partition(" ")
    prices = " ".join(part for part in (clean(digest)[:12], clean(of_day)) if part)
    return f"tierwise {clean(findings.tierwise)}, prices {prices}, policy {clean(findings.policy)[:12]}"


def measured(findings: Findings) -> Decimal:
    """The measured part of the saving; 0 where no lever could measure anything."""
    if findings.headline is not None:
        return findings.headline.measured
    return sum((row.measured for row in findings.lever_shares), Decimal(0))


def could_be(findings: Findings) -> Decimal:
    """Spend less everything that could be saved."""
    return findings.spend.total - findings.could_save


def tags_overlap(findings: Findings) -> bool:
    """True when calls have several tags, so that the groups by tag count some calls twice."""
    return sum(group.counts.calls for group in findings.tags) > findings.counts.calls


def cross_checks(findings: Findings) -> list[str]:
    """What the log and OpenAI's own export say the same calls cost, and what has no price."""
    spend = findings.spend
    lines = []
    if spend.unpriced_calls:
        ranked = sorted(spend.unpriced.items(), key=_most)
        lines.append(f"{plural(spend.unpriced_calls, 'call')} without a price, not in the sums:")
        lines += [f"- {count(calls)}: {clean(why)}" for why, calls in ranked[:MOST_REASONS]]
        left = ranked[MOST_REASONS:]
        if left:
            calls = sum(number for _, number in left)
            lines.append(f"- {count(calls)}: {plural(len(left), 'more reason')}, in the JSON")
    if spend.logged is not None and spend.logged_calls:
        lines.append(f"The log itself says {money(spend.logged)} over {plural(spend.logged_calls, 'call')}.")
    if spend.charged is not None:
        lines.append(f"OpenAI's cost export says {money(spend.charged)} was charged.")
    return lines


def lever_note(row: LeverShare) -> str:
    """What must be true, or which records are needed, and whether it is worth the work."""
    if row.needs:
        return f"needs {clean(row.needs).removeprefix('needs ')}"
    words = clean(row.assumption)
    return words if row.worthwhile or not row.saves else f"{words} {NOT_WORTH[0].upper()}{NOT_WORTH[1:]}."


def needed(findings: Findings) -> str:
    """What a log of totals lacks, and the command that makes it."""
    for row in lever_rows(findings):
        if row.needs:
            return lever_note(row)
    return "needs per-call records"


def lever_rows(findings: Findings) -> list[LeverShare]:
    """Lever shares in the order the levers are applied."""
    place = list(LEVER_TITLES)
    return sorted(findings.lever_shares, key=lambda row: place.index(row.lever))


def ranked(findings: Findings) -> list[WorkloadRow]:
    """Workloads by what they could save, then by spend; ties by id, so the order never moves."""
    return sorted(findings.workloads, key=lambda row: (-row.could_save, -row.spend, row.id))


def move(row: WorkloadRow) -> str:
    """'gpt-5.5 -> gpt-5.4-mini, effort low, batch', or the model and 'stays'."""
    parts = [clean(row.model)]
    if row.proposed and row.proposed != row.model:
        parts[0] += f" -> {clean(row.proposed)}"
    if row.proposed_effort:
        parts.append(f"effort {clean(row.proposed_effort)}")
    if row.proposed_lane:
        parts.append(clean(row.proposed_lane))
    stays = len(parts) == 1 and " -> " not in parts[0]
    return f"{parts[0]}, stays" if stays else ", ".join(parts)


def kind(row: WorkloadRow) -> str:
    """'classification, commodity', with the role in a trace where there is one."""
    told = row.role in {"orchestrator", "sub-agent"} and not row.task.startswith(row.role)
    role = [clean(row.role)] if told else []
    depth = "depth unknown" if row.depth == "unknown" else clean(row.depth)
    task = "task unknown" if row.task == "unknown" else clean(row.task)
    return ", ".join([task, depth, *role])


def breakers(findings: Findings) -> list[tuple[WorkloadRow, Breaker]]:
    """What breaks the cache, dearest first, with the workload it belongs to."""
    found = [(row, breaker) for row in findings.workloads for breaker in row.breakers]
    return sorted(found, key=lambda pair: (-pair[1].saves, -pair[1].calls, pair[0].id, pair[1].where))


def advice_saves(row: Advice) -> str:
    """'$6.14 in 30 days, simulated'; over the log's own period where it has no times."""
    amount = (
        f"{money(row.saves)} over this log" if row.monthly is None else f"{money(row.monthly)} in 30 days"
    )
    return f"{amount}, {row.basis}"


def patch(row: Advice) -> list[tuple[str, str]]:
    """Lines of its patch as mark and text: '@@', '-', '+' or ' '."""
    lines = []
    for line in row.diff:
        mark = "@@" if line.startswith("@@") else line[:1]
        text = clean(line[2:].removesuffix("@@")) if mark == "@@" else clean(line[1:])
        lines.append((mark if mark in {"@@", "-", "+"} else " ", text))
    return lines


def advice_place(row: Advice) -> str:
    """Part of the request, number of calls, and the first of them in the log."""
    first = f", first {clean(row.trace)}" if row.trace else ""
    return f"{clean(row.where)}; {plural(row.calls, 'call')}{first}"


def ends(row: Shutdown) -> str:
    """'ends on', or 'ended on' where the day is over."""
    return "ended on" if row.past else "ends on"


def shutdown_line(row: Shutdown) -> str:
    """What the announced end of a model means in money."""
    if row.successor is None:
        return "no successor is announced"
    if row.spend_on_successor is None:
        return f"successor {clean(row.successor)}, which has no price here"
    difference = row.spend_on_successor - row.spend
    if not difference:
        return f"successor {clean(row.successor)} at the same price"
    more = "more" if difference > 0 else "less"
    return f"successor {clean(row.successor)} would cost {money(difference.copy_abs())} {more}"


def outcome_facts(outcomes: Outcomes) -> list[tuple[str, str]]:
    """Name and value of everything the log lets one see of success; empty where it shows nothing."""
    facts = []
    if outcomes.sessions:
        facts.append(("Sessions", count(outcomes.sessions)))
    if outcomes.tokens_per_session is not None:
        facts.append(("Tokens per session", count(round(outcomes.tokens_per_session))))
    if outcomes.spend_per_session is not None:
        facts.append(("Spend per session", money_each(outcomes.spend_per_session)))
    if outcomes.first_attempt_success is not None:
        facts.append(("First-attempt success", share(outcomes.first_attempt_success)))
    if outcomes.cost_per_success is not None:
        facts.append(("Cost per successful task", money_each(outcomes.cost_per_success)))
    if outcomes.retries:
        facts.append(("Retries", count(outcomes.retries)))
    if outcomes.errors:
        facts.append(("Errors", count(outcomes.errors)))
    if outcomes.scored and outcomes.score_mean is not None:
        facts.append(("Feedback", f"{outcomes.score_mean:.2f} on average over {count(outcomes.scored)}"))
    return facts


def skipped_rows(findings: Findings) -> list[tuple[str, int]]:
    """Reason and number of records left out, most frequent first."""
    return [(clean(why), number) for why, number in sorted(findings.skipped.items(), key=_most)]


def _most(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
