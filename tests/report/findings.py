"""Hand-made findings of a plausible week, and of each log that has little to say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from tierwise.audit import (
    Advice,
    Breaker,
    Counts,
    Finding,
    Findings,
    Forecast,
    Group,
    Headline,
    LeverShare,
    ModelRow,
    Outcomes,
    Shutdown,
    Spend,
    WorkloadRow,
)

LEVERS = ("waste", "tools", "cache", "tier", "effort", "lane")
# id, label, task, depth, role, calls, spend, model, proposed, effort, lane, six lever shares
ROWS: list[tuple[Any, ...]] = [
    ("1f0c6a2b9d3e4f58", "Sort an incoming support ticket into one of nine queues", "classification", "commodity",
     "single", 6210, "118.4031250", "gpt-5.5", "gpt-5.4-nano", None, None, "4.8123 0 6.2041 98.7714125 0 0"),
    ("2a91be07c4d85f16", "Answer a customer about an order, with tools", "chat", "routine",
     "single", 3874, "92.7718400", "gpt-5.5", "gpt-5.4-mini", None, None, "3.9 21.4475 11.02 29.18434 0 0"),
    ("37d0e5f1a8b2c964", "Plan research steps and hand them to researchers", "planning", "frontier",
     "orchestrator", 412, "51.2280", "gpt-5.5", None, None, None, "0.9124 0 2.8801 0 0 0"),
    ("40be6c9f2d7a1835", "Label catalogue items for the nightly feed", "labeling", "commodity",
     "single", 4806, "47.0117", "gpt-5.4", "gpt-5.4-nano", None, "batch", "0 0 0 31.66 0 6.8904"),
    ("5c83a17e0f9d2b46", "Researcher: read the pages and report what they say", "sub-agent step", "routine",
     "sub-agent", 1236, "38.5560125", "gpt-5.5", "gpt-5.4-mini", "low", None, "1.2 0 -1.1405 24.0119 2.2 0"),
    ("6e4d2f8b1c07a359", "Read the fields of an invoice into the schema", "extraction", "routine",
     "single", 1980, "27.30", "gpt-4.1", "gpt-5.4-mini", None, None, "0.35 0 0 14.2071 0 0"),
    ("7ab5903de6f1c284", "契約書の条項ごとにリスクを一文で説明する", "structured analysis", "professional",
     "single", 388, "19.8412", "gpt-5.5", "gpt-5.4", "medium", None, "0 0 0 8.8 0.7313 0"),
    ("81c7f4a6b3e05d92", "Fasse die Bewertungen eines Artikels in drei Sätzen zusammen", "summarization", "routine",
     "single", 872, "9.1175", "gpt-5.4-mini", None, None, "flex", "0 0 0 0 0 4.4001"),
    ("9d20e8b5f7c6a413", "Help with whatever the person asks", "unknown", "unknown",
     "unknown", 214, "4.0062", "gpt-5.4", None, None, None, "0.1 0 0 0 0 0"),
    ("a3f6b1d8904e7c25", "Tell whether a review may be shown", "content filtering", "commodity",
     "single", 8, "0.0040", "gpt-5.4-nano", None, None, None, "0 0 0 0 0 0"),
]  # fmt: skip
MODELS = ("gpt-5.5", "gpt-5.4", "gpt-4.1", "gpt-5.4-mini", "gpt-5.4-nano")
TIERS = {
    "gpt-5.5": "frontier",
    "gpt-5.4": "professional",
    "gpt-5.4-mini": "routine",
    "gpt-5.4-nano": "commodity",
}
DAYS = (
    (3611, "71.31"),
    (3502, "69.92"),
    (3480, "74.20"),
    (3655, "76.02"),
    (3320, "66.17"),
    (1302, "26.60"),
    (1167, "24.0195775"),
)
SUPPORT_TOOLS = (
    "refund_policy_search",
    "warehouse_stock",
    "courier_quote",
    "loyalty_points",
    "gift_card_balance",
)


def counts(calls: int, spend: Decimal, *, unpriced: int = 0) -> Counts:
    return Counts(
        calls=calls,
        input=calls * 1200,
        cached=calls * 480,
        written=0,
        output=calls * 140,
        reasoning=calls * 90,
        spend=spend,
        unpriced_calls=unpriced,
    )


def workload(row: tuple[Any, ...]) -> WorkloadRow:
    id, label, task, depth, role, calls, spend, model, proposed, effort, lane, shares = row
    levers = dict(zip(LEVERS, map(Decimal, shares.split()), strict=True))
    saves = sum(levers.values(), Decimal(0))
    return WorkloadRow(
        id=id,
        label=label,
        task=task,
        depth=depth,
        role=role,
        calls=calls,
        spend=Decimal(spend),
        counts=counts(calls, Decimal(spend)),
        model=model,
        models={model: calls},
        proposed=proposed,
        proposed_effort=effort,
        proposed_lane=lane,
        levers={name: share for name, share in levers.items() if share},
        could_save=saves,
        low=saves * Decimal("0.75"),
        high=saves * Decimal("1.1"),
        signals=() if depth == "unknown" else ("verb: " + label.split()[0].lower(), "schema: enum of 9"),
        depths={depth: calls},
        reasons=(f"{depth} depth: {proposed or model} is its tier",),
        projects=("storefront",),
        cached_share=0.28,
        cacheable_share=0.61,
    )


def workloads() -> tuple[WorkloadRow, ...]:
    rows = [workload(row) for row in ROWS]
    rows[0] = replace(
        rows[0],
        breakers=(
            Breaker(
                kind="timestamp",
                where="instructions, character 41 of 812",
                example=("Now: 2026-11-16T08:14:07Z. You sort", "Now: 2026-11-16T08:14:52Z. You sort"),
                calls=6102,
                saves=Decimal("6.2041"),
            ),
        ),
    )
    rows[1] = replace(
        rows[1],
        tools_sent=24,
        tools_unused=SUPPORT_TOOLS,
        outcomes=Outcomes(sessions=940, retries=61, scored=212, score_mean=0.84),
        breakers=(
            Breaker(
                kind="tool order",
                where="tool 3 of 24",
                example=("courier_quote, order_status", "order_status, courier_quote"),
                calls=1822,
                saves=Decimal("11.02"),
            ),
        ),
    )
    return tuple(rows)


def lever(name: str, rows: tuple[WorkloadRow, ...]) -> LeverShare:
    saves = sum((row.levers.get(name, Decimal(0)) for row in rows), Decimal(0))
    basis, measured, assumption = {
        "waste": ("measured", saves, "The same request need not be paid twice."),
        "tools": ("simulated", Decimal(0), "Definitions never used in this log are loaded on demand."),
        "cache": ("simulated", Decimal(0), "A fixed prefix is kept for ten minutes after its last use."),
        "tier": (
            "assumed",
            Decimal(0),
            "The cheaper tier answers at the length seen on its own calls, 1.2 times.",
        ),
        "effort": ("assumed", Decimal(0), "Reasoning shortens by half at the lower effort."),
        "lane": ("simulated", Decimal(0), "What arrived in bulk at night can wait up to 24 hours."),
    }[name]
    return LeverShare(
        lever=name,
        saves=saves,
        low=saves if basis == "measured" else saves * Decimal("0.7"),
        high=saves if basis == "measured" else saves * Decimal("1.15"),
        basis=basis,
        measured=measured,
        calls=sum(row.calls for row in rows if row.levers.get(name)),
        assumption=assumption,
        worthwhile=name != "effort",
    )


def groups(parts: dict[str, tuple[int, str]]) -> tuple[Group, ...]:
    return tuple(
        Group(name=name, counts=counts(calls, Decimal(spend))) for name, (calls, spend) in parts.items()
    )


def model_rows(rows: tuple[WorkloadRow, ...]) -> tuple[ModelRow, ...]:
    found = []
    for model in MODELS:
        own = [row for row in rows if row.model == model]
        spend = sum((row.spend for row in own), Decimal(0))
        found.append(
            ModelRow(
                model=model,
                tier=TIERS.get(model),
                counts=counts(sum(row.calls for row in own), spend),
                note="priced as gpt-4.1, named gpt-4.1-2025-04-14" if model == "gpt-4.1" else None,
            )
        )
    lost = ModelRow(
        model="acme-internal-7b",
        tier=None,
        counts=counts(37, Decimal(0), unpriced=37),
        note="unpriced: no such model in the catalog",
    )
    return (*found, lost)


def findings() -> Findings:
    """A week of 20,037 calls where most go to the top tier."""
    rows = workloads()
    shares = tuple(lever(name, rows) for name in LEVERS)
    spend = sum((row.spend for row in rows), Decimal(0))
    save = sum((row.could_save for row in rows), Decimal(0))
    calls = sum(row.calls for row in rows) + 37
    by_depth = {
        depth: counts(
            sum(row.calls for row in rows if row.depth == depth),
            sum((row.spend for row in rows if row.depth == depth), Decimal(0)),
        )
        for depth in ("commodity", "routine", "professional", "frontier", "unknown")
    }
    return Findings(
        tierwise="0.1.0",
        policy="5b1e0c77",
        prices="9c04d2af of 2026-11-25",
        ladder="gpt-5.4",
        files=3,
        calls=calls,
        duplicates=112,
        skipped={"broken JSON": 9, "negative token count": 2},
        skipped_examples=(
            "calls-2026-11-17.jsonl:8812: broken JSON",
            "calls-2026-11-18.jsonl:14: negative token count",
        ),
        start="2026-11-16T06:02:11Z",
        end="2026-11-22T21:47:50Z",
        per_call=True,
        counts=counts(calls, spend, unpriced=37),
        spend=Spend(
            total=spend,
            unpriced_calls=37,
            unpriced={"unknown model acme-internal-7b": 37},
            logged=Decimal("407.99"),
            logged_calls=19950,
            monthly=spend / 7 * 30,
        ),
        headline=Headline(
            needs_frontier=0.0208,
            sent_to_top=0.605,
            spend_on_top=Decimal("320.8001775"),
            spend_needing_frontier=Decimal("51.2280"),
            spend=spend,
            could_be=spend - save,
            measured=shares[0].measured,
            by_depth=by_depth,
            unknown=0.0107,
        ),
        models=model_rows(rows),
        workloads=rows,
        projects=groups({"storefront": (16090, "318.1"), "back office": (3947, "90.1395775")}),
        keys=groups({"web": (13030, "251.02"), "nightly": (7007, "157.2195775")}),
        tags=groups({"team:support": (10084, "211.1749650"), "team:catalogue": (4806, "47.0117")}),
        days=groups({f"2026-11-{16 + day}": (calls, spend) for day, (calls, spend) in enumerate(DAYS)}),
        lanes=groups({"standard": (18836, "391.0395775"), "batch": (1201, "17.20")}),
        hours=groups(
            {
                f"2026-11-{16 + day}T{hour:02d}:00Z": (calls, f"{calls * 0.02:.4f}")
                for day in (0, 1, 5)
                for hour in range(24)
                if (calls := max(1, 190 - 14 * abs(14 - hour)) // (1 if day < 5 else 3))
            }
        ),
        levers={share.lever: share.saves for share in shares},
        lever_shares=shares,
        could_save=save,
        low=save * Decimal("0.72"),
        high=save * Decimal("1.13"),
        outcomes=Outcomes(
            sessions=5120,
            tokens_per_session=7432.6,
            spend_per_session=spend / 5120,
            first_attempt_success=0.938,
            cost_per_success=Decimal("0.0219"),
            retries=231,
            errors=418,
            scored=212,
            score_mean=0.84,
            success_rule="a call that ended well and was not sent again within ten minutes",
        ),
        findings=problems(),
        advice=advice(),
        shutdowns=(
            Shutdown(
                model="gpt-4.1",
                date="2027-02-16",
                successor="gpt-5.4",
                calls=1980,
                spend=Decimal("27.30"),
                spend_on_successor=Decimal("32.75"),
                workloads=("6e4d2f8b1c07a359",),
            ),
        ),
        forecasts=(
            Forecast(
                times=10.0,
                spend=spend / 7 * 300,
                spend_low=spend / 7 * 270,
                spend_high=spend / 7 * 330,
                could_save=save / 7 * 300,
                low=save / 7 * 200,
                high=save / 7 * 340,
            ),
        ),
        notes=("Prices are those of each call's own day.", "Batch lines are priced in the batch lane."),
    )


def problems() -> tuple[Finding, ...]:
    return (
        Finding(
            kind="duplicates",
            text="211 requests were sent again, letter for letter, within a minute",
            workload="1f0c6a2b9d3e4f58",
            saves=Decimal("4.8123"),
            calls=211,
            advice="Keep answers for a minute, keyed by the whole request.",
        ),
        Finding(
            kind="loop",
            text="One session asked the same question 48 times in four minutes",
            workload="2a91be07c4d85f16",
            saves=Decimal("3.9"),
            calls=48,
            advice="Stop an agent after a number of equal steps.",
        ),
        Finding(
            kind="mismatch",
            text="The log's own cost differs from ours by more than 1% on 14 calls",
            calls=14,
        ),
    )


def advice() -> tuple[Advice, ...]:
    """One of each kind, one of a log without text."""
    return (
        Advice(
            kind="unused-tools",
            workload="2a91be07c4d85f16",
            label="Answer a customer about an order, with tools",
            where="tools, 5 of 24 definitions",
            trace="calls-2026-11-16.jsonl:3, 2026-11-16T06:04:40+00:00",
            diff=(
                "@@ tools, 5 of 24 definitions @@",
                *(f'-"{name}"  90 tokens, used in none of 940 sessions' for name in SUPPORT_TOOLS),
            ),
            calls=3874,
            saves=Decimal("21.4475"),
            monthly=Decimal("91.91785714285714285714285714"),
            basis="simulated",
            unproven=False,
            text="Leave these definitions out, or defer them behind a tool search where the model has one.",
        ),
        Advice(
            kind="breaker",
            workload="1f0c6a2b9d3e4f58",
            label="Sort an incoming support ticket into one of nine queues",
            where="instructions, character 41 of 812",
            trace="calls-2026-11-16.jsonl:1, 2026-11-16T06:02:11+00:00",
            diff=(
                "@@ instructions, character 41 of 812 @@",
                " You work at the support desk of a shop.",
                "-Now: {timestamp}.",
                " You sort tickets.",
                "@@ end of the instructions, or the newest user turn @@",
                "+Now: {timestamp}.",
            ),
            calls=6102,
            saves=Decimal("6.2041"),
            monthly=None,
            basis="simulated",
            unproven=False,
            text="A timestamp keeps 6,102 calls from sharing a cached prefix. Move what varies behind what does not.",
        ),
        Advice(
            kind="effort",
            workload="5c83a17e0f9d2b46",
            label="Researcher: read the pages and report what they say",
            where="request, reasoning.effort",
            trace="",
            diff=(
                "@@ 1,236 calls by responses @@",
                ' "model": "gpt-5.5"',
                '-"reasoning": {"effort": "high"}',
                '+"reasoning": {"effort": "low"}',
            ),
            calls=1236,
            saves=Decimal("2.2"),
            monthly=Decimal("9.42"),
            basis="assumed",
            unproven=True,
            text="Routine depth is taken to need effort low, not high. Unproven: show on your own calls first.",
        ),
        Advice(
            kind="breaker",
            workload="7ab5903de6f1c284",
            label="契約書の条項ごとにリスクを一文で説明する",
            where="instructions, character 7 of 90",
            trace="2026-11-17T08:00:00+00:00",
            diff=(),
            calls=388,
            saves=Decimal("0.2"),
            monthly=Decimal("0.86"),
            basis="simulated",
            unproven=False,
            text="A date keeps 388 calls from sharing a cached prefix.",
        ),
    )


def empty() -> Findings:
    """A log in which no record could be read."""
    return replace(
        nothing(),
        calls=0,
        counts=Counts(),
        spend=Spend(total=Decimal(0), unpriced_calls=0, unpriced={}),
        headline=None,
        models=(),
        workloads=(),
        outcomes=Outcomes(),
        start=None,
        end=None,
        skipped={"no known format": 3},
        skipped_examples=("notes.txt:1: no known format",),
    )


def nothing() -> Findings:
    """A log in which every workload is where it belongs."""
    whole = findings()
    row = replace(whole.workloads[7], levers={}, could_save=Decimal(0), low=Decimal(0), high=Decimal(0))
    row = replace(row, proposed_lane=None)
    own = counts(row.calls, row.spend)
    return replace(
        whole,
        calls=row.calls,
        duplicates=0,
        skipped={},
        skipped_examples=(),
        counts=own,
        spend=Spend(total=row.spend, unpriced_calls=0, unpriced={}, monthly=row.spend),
        headline=Headline(
            needs_frontier=0.0,
            sent_to_top=0.0,
            spend_on_top=Decimal(0),
            spend_needing_frontier=Decimal(0),
            spend=row.spend,
            could_be=row.spend,
            measured=Decimal(0),
            by_depth={"routine": own},
            unknown=0.0,
        ),
        models=(ModelRow(model=row.model, tier="routine", counts=own),),
        workloads=(row,),
        projects=(),
        keys=(),
        tags=(),
        days=(),
        lanes=(),
        hours=(),
        levers={name: Decimal(0) for name in LEVERS},
        lever_shares=tuple(
            replace(share, saves=Decimal(0), low=Decimal(0), high=Decimal(0), measured=Decimal(0), calls=0)
            for share in whole.lever_shares
        ),
        could_save=Decimal(0),
        low=Decimal(0),
        high=Decimal(0),
        findings=(),
        advice=(),
        shutdowns=(),
        forecasts=(),
        notes=(),
    )


def unpriced() -> Findings:
    """A log of models that the catalog does not know."""
    whole = nothing()
    own = counts(50, Decimal(0), unpriced=50)
    return replace(
        whole,
        calls=50,
        counts=own,
        spend=Spend(total=Decimal(0), unpriced_calls=50, unpriced={"unknown model acme-internal-7b": 50}),
        headline=None,
        models=(ModelRow(model="acme-internal-7b", tier=None, counts=own, note="unpriced: unknown model"),),
        workloads=(),
    )


def totals() -> Findings:
    """A usage export: totals by day, key and model, without calls."""
    whole = findings()
    needs = "per-call records; tierwise reads them from logs: tierwise audit LOGS"
    shares = tuple(
        share
        if share.lever in {"tier", "lane"}
        else replace(
            share, saves=Decimal(0), low=Decimal(0), high=Decimal(0), measured=Decimal(0), needs=needs
        )
        for share in whole.lever_shares
    )
    save = sum((share.saves for share in shares), Decimal(0))
    return replace(
        whole,
        per_call=False,
        workloads=(),
        headline=None,
        tags=(),
        hours=(),
        outcomes=Outcomes(),
        findings=(),
        advice=(),
        lever_shares=shares,
        levers={share.lever: share.saves for share in shares},
        could_save=save,
        low=save * Decimal("0.7"),
        high=save * Decimal("1.15"),
        spend=replace(whole.spend, charged=Decimal("410.02"), logged=None, logged_calls=0),
    )


def hostile() -> Findings:
    """Findings whose every foreign text tries to be markup, a link or a terminal command."""
    bad = (
        "<script src=//x.test/a.js></script>\"' onload=alert(1) [red]\x1b[2J\u202e</style></title> {{ 7*7 }}"
    )
    whole = findings()
    row = replace(
        whole.workloads[0],
        label=bad,
        signals=(bad,),
        reasons=(bad,),
        projects=(bad,),
        model=bad,
        proposed=bad,
        tools_unused=(bad,),
        breakers=(Breaker(kind=bad, where=bad, example=(bad, bad), calls=1, saves=Decimal(1)),),
    )
    return replace(
        whole,
        ladder=bad,
        workloads=(row, *whole.workloads[1:]),
        models=(replace(whole.models[0], model=bad, note=bad), *whole.models[1:]),
        projects=(replace(whole.projects[0], name=bad),),
        skipped={bad: 1},
        skipped_examples=(bad, "caf\udce9.jsonl:1: broken JSON"),
        findings=(Finding(kind=bad, text=bad, advice=bad, workload=bad),),
        advice=(
            replace(
                whole.advice[1],
                label=bad,
                where=bad,
                trace=bad,
                text=bad,
                diff=tuple(f"{mark}{bad}\n\udce9\u2028x" for mark in ("@@ ", " ", "-", "+", "", "?")),
            ),
        ),
        shutdowns=(replace(whole.shutdowns[0], model=bad, date=bad, successor=bad),),
        notes=(bad,),
    )
