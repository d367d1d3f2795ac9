"""Texts of the expert workloads: merge requests, contracts, questions, plans, meetings."""

from __future__ import annotations

from random import Random

from acme import words

_CHANGES = (
    (
        "Release reserved stock when a payment expires",
        "stock/reservations.py",
        "release_expired",
        "reservation",
        "expires_at",
    ),
    ("Retry webhooks to carriers", "shipping/webhooks.py", "deliver_pending", "webhook", "next_try"),
    ("Merge guest carts after sign-in", "checkout/carts.py", "merge_guest_cart", "cart", "updated_at"),
    ("Round refunds per line", "billing/refunds.py", "refund_lines", "refund", "booked_at"),
    ("Backfill weight on old products", "catalogue/backfill.py", "fill_weights", "product", "listed_at"),
    ("Send restock mails in one query", "mail/restock.py", "due_watchers", "watcher", "notified_at"),
)
_REASONS = (
    "Support sees two or three of these a day.", "This was slow at month's end.", "Follow-up of the incident last week.",
    "Needed before the sale starts.", "Replaces the cron job on the old host.",
)  # fmt: skip
_FAULTS = (
    (
        "lost update",
        "two workers read the same row before either writes",
        "SELECT ... FOR UPDATE SKIP LOCKED",
    ),
    (
        "not idempotent",
        "the queue delivers the message twice",
        "insert into processed(id) on conflict do nothing",
    ),
    ("time zone", "the comparison uses local time against a UTC column", "datetime.now(UTC)"),
    ("rounding", "cents are divided as floats and summed", "allocate the remainder to the last line"),
    ("open transaction", "the HTTP call runs inside the transaction", "collect first, call after commit"),
)


def merge_request(rng: Random) -> tuple[str, str]:
    """A merge request with its diff, and the findings."""
    title, path, function, noun, column = rng.choice(_CHANGES)
    number, line, limit = rng.randrange(1200, 5200), rng.randrange(20, 240), rng.choice((100, 500, 1000))
    diff = (
        f"@@ -{line},9 +{line},16 @@ async def {function}(db, now):\n"
        f"-    rows = await db.fetch('select * from {noun}s')\n"
        f"+    rows = await db.fetch(\n+        f\"select id, {column}, amount from {noun}s where {column} < '{{now}}' limit {limit}\"\n+    )\n"
        f"     for row in rows:\n"
        f"+        if row['amount'] / 100 > {rng.randrange(5, 90)}:\n+            await notify(row['id'])\n"
        f"+        row_state = await db.fetchval('select state from {noun}s where id = $1', row['id'])\n"
        f"+        if row_state == 'open':\n+            await db.execute('update {noun}s set state = $1 where id = $2', 'done', row['id'])\n"
    )
    faults = rng.sample(_FAULTS, rng.randrange(1, 4))
    findings = "\n\n".join(
        f"{place}. {path}:{line + place * 3} {kind} ({rng.choice(('certain', 'likely', 'worth checking'))})\n"
        f"When {why}, the {noun} is handled twice and its state no longer matches the queue.\n```diff\n+ {fix}\n```"
        for place, (kind, why, fix) in enumerate(faults, 1)
    )
    return f"!{number} {title}\n\n{rng.choice(_REASONS)}\n\n--- a/{path}\n+++ b/{path}\n{diff}", findings


_CLAUSES = (
    ("Liability", "The supplier's liability is limited to {p} per cent of the annual order value, also in cases of gross negligence.",
     "unlimited for intent and gross negligence, 200 per cent otherwise"),
    ("Delivery", "Dates are binding only if confirmed in writing; delays of up to {n} days do not entitle the buyer to damages.",
     "binding dates, 0.5 per cent a day up to 10 per cent"),
    ("Retention of title", "Goods remain property of the supplier until all claims from the business relation are settled.",
     "simple retention for the delivered goods only"),
    ("Warranty", "Claims expire {n} months after delivery; the buyer must inspect and give notice within {d} days.",
     "24 months, notice of hidden defects within 14 days of discovery"),
    ("Price adjustment", "The supplier may adapt prices when the timber index moves by more than {p} per cent.",
     "both directions, capped at 5 per cent a year, right to terminate"),
    ("Assignment", "Either party may assign the agreement to affiliates without consent.", "written consent, change of control included"),
    ("Term", "The agreement runs for {n} months and renews for the same period unless ended {d} days before its end.",
     "three months' notice at any time after the first year"),
    ("Data protection", "The supplier processes addresses for dropshipping as an independent controller.", "processing under an agreement, no own purposes"),
    ("Jurisdiction", "Disputes are settled by the courts of {c}; Austrian conflict rules are excluded.", "courts of Graz, sales convention excluded"),
)  # fmt: skip


def contract(rng: Random) -> tuple[str, str]:
    """A contract with the position paper, and the memo."""
    chosen = rng.sample(_CLAUSES, 6)
    texts, wants, memo = [], [], []
    for number, (title, clause, want) in enumerate(chosen, 1):
        body = clause.format(
            p=rng.randrange(5, 100),
            n=rng.randrange(3, 30),
            d=rng.randrange(5, 60),
            c=rng.choice(words.CITIES),
        )
        texts.append(
            f"{number}. {title}\n{number}.1 {body}\n{number}.2 Section {rng.randrange(1, 7)} applies accordingly."
        )
        wants.append(f"- {title}: {want}.")
        memo.append(
            f"Clause {number}.1 ({title}): departs from our position ({want}). Effect: shifts the risk to us, as the "
            f"carve-outs in section {rng.randrange(1, 7)} do not reach it. Risk: {rng.choice(('low', 'medium', 'high'))}. "
            f'Proposed wording: "{title} is governed as follows: {want}."'
        )
    supplier = rng.choice(words.SUPPLIERS)
    text = (
        f"FRAMEWORK SUPPLY AGREEMENT\nbetween {supplier} and Acme Home Goods, dated {words.day(rng)}\n\n"
        + "\n".join(texts)
        + "\n\nOUR POSITION\n"
        + "\n".join(wants)
    )
    return text, "\n\n".join(memo)


_METRICS = (
    ("revenue after discounts", "sum(l.quantity * l.unit_cents - l.discount_cents) / 100.0"),
    ("number of orders", "count(distinct o.id)"),
    ("average basket", "sum(l.quantity * l.unit_cents) / 100.0 / count(distinct o.id)"),
    ("return rate by value", "sum(r.refund_cents)::numeric / nullif(sum(l.quantity * l.unit_cents), 0)"),
)
_GROUPS = (
    ("country", "o.country"),
    ("channel", "o.channel"),
    ("category", "p.category"),
    ("warehouse", "s.warehouse"),
)


def question(rng: Random) -> tuple[str, str, str, str]:
    """A question, its query, a second wish, and the query that meets it."""
    metric, formula = rng.choice(_METRICS)
    group, column = rng.choice(_GROUPS)
    start, weeks = words.day(rng), rng.randrange(2, 14)
    limit = rng.choice((5, 10, 20))
    asked = f"Show me {metric} by {group} for the {weeks} weeks before {start}, top {limit} first, and how it compares with the same weeks of last year."
    query = (
        f"```sql\nwith span as (select date '{start}' - interval '{weeks} weeks' as lower, date '{start}' as upper)\n"
        f"select {column} as {group}, {formula} as value\nfrom orders o join order_lines l on l.order_id = o.id\n"
        f"join products p on p.sku = l.sku left join shipments s on s.order_id = o.id\n"
        f"left join returns r on r.order_id = o.id and r.line = l.line cross join span\n"
        f"where o.status <> 'cancelled' and o.placed_at >= span.lower and o.placed_at < span.upper\n"
        f"group by {column} order by value desc limit {limit};\n```\nAssumes one shipment an order."
    )
    wish = rng.choice(
        (
            "Leave out vouchers, please.",
            "Only newsletter customers.",
            "It fails with a division by zero.",
            "By week instead.",
        )
    )
    return asked, query, wish, query.replace("limit", "-- changed as asked\nlimit", 1)


def planning(rng: Random) -> tuple[str, str]:
    """The data of a purchase plan, and the plan."""
    names = rng.sample(words.PRODUCTS, 8)
    rows = []
    for name, code in names:
        base = rng.randrange(20, 400)
        weeks = " ".join(str(max(0, base + rng.randrange(-base // 3, base // 3 + 1))) for _ in range(16))
        rows.append(
            f"{code} {name}: sales {weeks}; stock {rng.randrange(0, 900)}; open {rng.randrange(0, 600)}; "
            f"MOQ {rng.choice((50, 100, 240))}; lead {rng.randrange(3, 12)}+-{rng.randrange(1, 4)} weeks; unit {words.euros(rng, 4, 120)} USD"
        )
    data = (
        f"Week 47, planning until week 7.\n{chr(10).join(rows)}\nCredit line: {rng.randrange(200, 900)} kEUR, falls by a "
        f"fifth in week 52. Warehouse: {rng.randrange(800, 2400)} pallets. Containers: at most {rng.randrange(2, 7)} a "
        f"week. Campaign: week {rng.randrange(48, 53)}, lift {rng.randrange(15, 60)} % on three products. EUR/USD 1.{rng.randrange(4, 18):02d}."
    )
    table = "\n".join(
        f"| {name} | {rng.randrange(0, 900)} | {rng.randrange(0, 900)} | {rng.randrange(0, 400)} | {rng.randrange(82, 99)} % |"
        for name, _ in names
    )
    plan = (
        "Assumptions: 1. Demand is negative binomial with weekly season. 2. Lead times are shifted gamma. "
        "3. Lost sales are not back-ordered.\n\n| product | week 48 | week 50 | week 1 | service |\n|---|---|---|---|---|\n"
        f"{table}\n\nPlan B beats doing nothing by {rng.randrange(40, 300)} kEUR in the mean and {rng.randrange(5, 80)} kEUR in "
        f"the worst 5 %. Binding: credit in week 52 (shadow price 0.{rng.randrange(10, 60)}), containers in week 49. "
        f"At a euro five per cent weaker, order {rng.randrange(5, 25)} % less of the dollar items and move campaign stock forward."
    )
    return data, plan


_SAID = (
    "The numbers for {t} came in late again.", "I can take {t}, but not before Thursday.", "Let us not decide {t} today.",
    "Wait, I thought we had settled {t} last week.", "Fine, then we do {t} the cheap way.", "Who talks to the carrier about {t}?",
    "Sorry, you broke up there.", "Agreed.", "How was the weekend, by the way?", "I would rather see {t} tested first.",
)  # fmt: skip
_TOPICS = (
    "the returns label",
    "the winter campaign",
    "the pallet scanner",
    "the new price tags",
    "the lamp recall",
    "the stock count",
)


def meeting(rng: Random) -> tuple[str, str]:
    """A transcript, and its minutes."""
    people = rng.sample(words.FIRST, 4)
    topics = rng.sample(_TOPICS, 3)
    spoken = "\n".join(
        f"[{minute // 60:02d}:{minute % 60:02d}] {rng.choice(people)}: {rng.choice(_SAID).format(t=rng.choice(topics))}"
        for minute in range(0, rng.randrange(24, 60), 1)
    )
    notes = (
        f"Decisions: {topics[0]} goes ahead in the cheap variant.\nOpen: {topics[1]}.\n"
        f"Tasks: {people[0]}: {topics[2]}, by {words.day(rng)}; {people[1]}: call the carrier."
    )
    return f"Meeting of {words.day(rng)}, {', '.join(people)}\n{spoken}", notes
