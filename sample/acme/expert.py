"""Workloads of one call each that need an expert, and a few odd ones."""

from __future__ import annotations

from random import Random
from typing import Any

from acme import briefs, clock, expert_prompts, words
from acme.desk import reply_id, said
from acme.plan import Planned


def code_review(rng: Random, count: int) -> list[Planned]:
    """Merge requests read before a person does; the prompt begins with an id, which no cache survives."""
    calls = []
    for _ in range(count):
        change, findings = briefs.merge_request(rng)
        calls.append(
            Planned(
                workload="code-review",
                task="coding",
                depth="professional",
                at=clock.office(rng),
                endpoint="responses",
                model="gpt-5.5",
                instructions=f"Session {words.hexes(rng, 12)}\n\n{expert_prompts.REVIEW_CODE}",
                messages=said(change),
                answer=findings,
                effort="high",
                reasoning=rng.randrange(700, 4200),
                project="engineering",
                key="ci",
                name="review",
                tags=("ci",),
                metadata={"repository": rng.choice(("orders", "stock", "checkout"))},
                reply_id=reply_id(rng, "responses"),
            )
        )
    return calls


def contracts(rng: Random, count: int) -> list[Planned]:
    """Supplier contracts compared with the company's position."""
    calls = []
    for _ in range(count):
        contract, memo = briefs.contract(rng)
        calls.append(
            Planned(
                workload="contract-analysis",
                task="structured analysis",
                depth="professional",
                at=clock.office(rng),
                endpoint="chat",
                model="gpt-5.5",
                instructions=expert_prompts.CONTRACT,
                messages=said(contract),
                answer=memo,
                effort="high",
                reasoning=rng.randrange(1500, 6000),
                cap=25_000,
                project="legal",
                key="legal",
                name="contract",
                user=f"counsel-{rng.randrange(1, 5)}",
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls


def sql(rng: Random, count: int) -> list[Planned]:
    """Analysts' questions turned into queries; a third of them with a correction in a second turn."""
    calls: list[Planned] = []
    while len(calls) < count:
        question, query, wish, better = briefs.question(rng)
        shared: dict[str, Any] = {
            "workload": "sql-assistant",
            "task": "coding",
            "depth": "professional",
            "endpoint": "chat",
            "model": "gpt-5.4",
            "instructions": expert_prompts.SQL,
            "effort": "medium",
            "project": "analytics",
            "key": "analytics",
            "name": "sql",
            "session": f"sql-{words.hexes(rng, 8)}",
            "user": f"analyst-{rng.randrange(1, 20):02d}",
        }
        at = clock.office(rng)
        turns = said(question)
        calls.append(
            Planned(
                **shared,
                at=at,
                messages=turns,
                answer=query,
                reasoning=rng.randrange(100, 900),
                reply_id=reply_id(rng, "chat"),
            )
        )
        if rng.random() < 0.35:
            later = [*turns, {"role": "assistant", "content": query}, *said(wish)]
            calls.append(
                Planned(
                    **shared,
                    at=at + rng.randrange(40, 400),
                    messages=later,
                    answer=better,
                    reasoning=rng.randrange(60, 500),
                    scores={"ran": float(rng.random() < 0.9)},
                    reply_id=reply_id(rng, "chat"),
                )
            )
    return calls[:count]


def demand(rng: Random, count: int) -> list[Planned]:
    """Purchase plans under many constraints: work for the top tier."""
    calls = []
    for _ in range(count):
        data, plan = briefs.planning(rng)
        calls.append(
            Planned(
                workload="demand-planning",
                task="financial modeling",
                depth="frontier",
                at=clock.office(rng),
                endpoint="responses",
                model="gpt-5.5",
                instructions=expert_prompts.DEMAND,
                messages=said(data),
                answer=plan,
                effort="xhigh",
                reasoning=rng.randrange(5000, 18_000),
                project="planning",
                key="planning",
                name="plan",
                user=f"planner-{rng.randrange(1, 6)}",
                reply_id=reply_id(rng, "responses"),
            )
        )
    return calls


def minutes(rng: Random, count: int) -> list[Planned]:
    """Minutes of meetings, on the flex lane."""
    calls = []
    for _ in range(count):
        transcript, notes = briefs.meeting(rng)
        calls.append(
            Planned(
                workload="meeting-minutes",
                task="summarization",
                depth="routine",
                at=clock.office(rng),
                endpoint="responses",
                model="gpt-5.4",
                instructions=expert_prompts.MEETING,
                messages=said(transcript),
                answer=notes,
                lane="flex",
                project="office",
                key="office",
                name="minutes",
                reply_id=reply_id(rng, "responses"),
            )
        )
    return calls


_ODD = (
    (
        "ft:gpt-4.1-mini-2025-04-14:acme-home:tone:C9xQ2",
        "tone-check",
        "Is this sentence in our tone of voice? Answer yes or no: Meet the {p}, your new favourite!",
        ("Yes.", "No."),
    ),
    (
        "gpt-6.2-sol",
        "trial",
        "Name three risks of stocking this product: {p}",
        ("Slow season, damage in transit, a single supplier.", "Fashion, storage space, returns."),
    ),
    (
        "acme-gpt4o-prod",
        "legacy-intranet",
        "Explain in one sentence to a new colleague what this is: {p}",
        ("A household good from our own range.", "One of our best-known products for the living room."),
    ),
    ("gpt-9-foo", "trial", "Name three risks of stocking this product: {p}", ("",)),
)


def odds(rng: Random, count: int) -> list[Planned]:
    """A fine-tuned model, a model newer than any price list, a deployment name, a misspelt one; embeddings."""
    calls = []
    for number in range(count):
        embed = number % 3 == 0
        model, name, asked, answers = rng.choice(_ODD)
        calls.append(
            Planned(
                workload="product-search" if embed else name,
                task="unknown",
                depth="unknown",
                at=clock.office(rng),
                endpoint="embeddings" if embed else "chat",
                model="text-embedding-3-small" if embed else model,
                messages=said(("{p}" if embed else asked).format(p=words.product(rng))),
                answer=words.code62(rng, 24) if embed else rng.choice(answers),
                outcome="404" if model == "gpt-9-foo" and not embed else "ok",
                project="shop" if embed else "intranet",
                key="shop-prod" if embed else "intranet",
                name="embed" if embed else name,
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls
