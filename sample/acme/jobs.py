"""Workloads of one call each, as the shop and its nightly jobs make them."""

from __future__ import annotations

from random import Random

from acme import clock, documents, letters, prompts, toolbox, words
from acme.desk import compact, reply_id, said
from acme.plan import Planned


def review_digest(rng: Random, count: int) -> list[Planned]:
    """Reviews of one product summarised."""
    calls = []
    for _ in range(count):
        name = words.product(rng)
        reviews = "\n".join(letters.review(rng) for _ in range(rng.randrange(6, 16)))
        calls.append(
            Planned(
                workload="review-digest",
                task="summarization",
                depth="routine",
                at=clock.nightly(rng, hour=4, minutes=90),
                endpoint="responses",
                model="gpt-5.5",
                instructions=prompts.REVIEWS,
                effort="none",
                messages=said(f"Product: {name}\n\nReviews:\n{reviews}"),
                answer=documents.digest_text(rng, name),
                project="marketing",
                key="marketing-jobs",
                name="reviews.digest",
                tags=("nightly",),
                reply_id=reply_id(rng, "responses"),
            )
        )
    return calls


def moderation(rng: Random, count: int) -> list[Planned]:
    """Reviews checked before they are shown, already on the cheapest tier."""
    calls = []
    for _ in range(count):
        hide = rng.random() < 0.08
        text = letters.review(rng) + (" Buy cheaper at http://example.com/deals" if hide else "")
        verdict = {"verdict": "hide" if hide else "show", "reason": "advertising" if hide else "none"}
        calls.append(
            Planned(
                workload="review-moderation",
                task="content filtering",
                depth="commodity",
                at=clock.shop(rng),
                endpoint="chat",
                model="gpt-5.4-nano",
                instructions=prompts.MODERATE,
                messages=said(text),
                schema=toolbox.JSON_OBJECT,
                answer=compact(verdict),
                cap=60,
                temperature=0.0,
                project="shop",
                key="shop-prod",
                name="moderate",
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls


def labeling(rng: Random, count: int) -> list[Planned]:
    """A supplier's list labelled at night: it arrives in bulk, is sent live, and could wait."""
    calls = []
    for _ in range(count):
        name, code = rng.choice(words.PRODUCTS)
        material, colour = rng.choice(words.MATERIALS), rng.choice(words.COLOURS)
        text = (
            f"Supplier: {rng.choice(words.SUPPLIERS)}\nItem: {words.code62(rng, 8).upper()}\n"
            f"{name}, {material}, {colour}, {rng.randrange(10, 220)} x {rng.randrange(10, 90)} cm"
        )
        label = {
            "category": code,
            "room": rng.choice(("living", "bedroom", "kitchen", "any")),
            "material": material,
            "colour": colour,
            "fragile": code.startswith(("LIT", "DEC")),
        }
        calls.append(
            Planned(
                workload="catalogue-labels",
                task="labeling",
                depth="commodity",
                at=clock.nightly(rng),
                endpoint="chat",
                model="gpt-5.4",
                instructions=prompts.LABEL,
                messages=said(text),
                schema=toolbox.LABEL_SCHEMA,
                answer=compact(label),
                project="catalogue",
                key="catalogue-jobs",
                name="label",
                tags=("nightly", "bulk"),
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls


def keywords(rng: Random, count: int) -> list[Planned]:
    """Search keywords written through the Batch API."""
    calls = []
    for _ in range(count):
        name, code = rng.choice(words.PRODUCTS)
        noun = name.split(" ", 1)[1]
        hints = rng.sample(
            ("small flat", "wood", "modern", "bedroom", "gift", "wide", "heavy", "set of two"), 5
        )
        calls.append(
            Planned(
                workload="search-keywords",
                task="document generation",
                depth="commodity",
                at=clock.nightly(rng, hour=22, minutes=50),
                endpoint="chat",
                model="gpt-5.4-mini",
                instructions=prompts.BACKFILL,
                messages=said(
                    f"{name} ({code}), {rng.choice(words.MATERIALS)}, {rng.choice(words.FEATURES)}"
                ),
                answer=", ".join(f"{noun} {hint}" for hint in hints),
                lane="batch",
                project="catalogue",
                key="catalogue-batch",
                name="keywords",
                tags=("batch",),
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls


_SEARCHES = (
    "flor lamp oak",
    "sofa 2 seater grey",
    "rug 200x300",
    "towls set",
    "standing desk white",
    "boxes lid",
)


def search_rewrites(rng: Random, count: int) -> list[Planned]:
    """Shop searches put in order; frequent ones are sent again and again, word for word."""
    calls = []
    for _ in range(count):
        common = rng.random() < 0.45
        noun = rng.choice(words.PRODUCTS)[0].split(" ", 1)[1]
        query = (
            rng.choice(_SEARCHES)
            if common
            else f"{rng.choice(words.COLOURS)} {noun} {rng.randrange(20, 240)} cm"
        )
        calls.append(
            Planned(
                workload="search-rewrite",
                task="transformation",
                depth="commodity",
                at=clock.shop(rng),
                endpoint="chat",
                model="gpt-5-mini",
                messages=said(prompts.REWRITE.format(query=query)),
                answer=compact({"terms": query.split(), "category": None}),
                effort="minimal",
                project="shop",
                key="shop-prod",
                name="search.rewrite",
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls
