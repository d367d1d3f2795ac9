"""Workloads of one call each, as the back office makes them."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from acme import clock, documents, letters, prompts, toolbox, triage_prompt, words
from acme.plan import Planned


def compact(value: Any) -> str:
    """Compact JSON text."""
    return msgspec.json.encode(value).decode()


def said(text: str) -> list[dict[str, Any]]:
    """The messages of a prompt that is one user turn."""
    return [{"role": "user", "content": text}]


def reply_id(rng: Random, endpoint: str) -> str:
    """An id as the endpoint gives them."""
    return f"chatcmpl-{words.code62(rng, 29)}" if endpoint == "chat" else f"resp_{words.hexes(rng, 50)}"


def triage(rng: Random, count: int) -> list[Planned]:
    """Incoming letters sorted into queues; the prompt begins with the time, which no cache survives."""
    calls = []
    for _ in range(count):
        at = clock.shop(rng)
        tongue, queue, text = letters.ticket(rng)
        urgency = rng.choice(("normal", "normal", "normal", "high", "low"))
        calls.append(
            Planned(
                workload="ticket-triage",
                task="classification",
                depth="commodity",
                at=at,
                endpoint="chat",
                model="gpt-5.5",
                instructions=f"Current time: {clock.minute(at)}\n\n{triage_prompt.TRIAGE}",
                messages=said(text),
                schema=toolbox.TRIAGE_SCHEMA,
                answer=compact({"queue": queue, "language": tongue, "urgency": urgency}),
                reasoning=rng.randrange(40, 260),
                project="customer-care",
                key="care-prod",
                name="triage",
                tags=("care", "production"),
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls


def invoices(rng: Random, count: int) -> list[Planned]:
    """Supplier invoices read into fields."""
    calls = []
    for _ in range(count):
        text, fields = documents.invoice(rng)
        calls.append(
            Planned(
                workload="invoice-fields",
                task="extraction",
                depth="commodity",
                at=clock.office(rng),
                endpoint="responses",
                model="gpt-5.5",
                instructions=prompts.INVOICE,
                messages=said(text),
                schema=toolbox.INVOICE_SCHEMA,
                answer=compact(fields),
                effort="low",
                reasoning=rng.randrange(0, 130),
                project="finance",
                key="finance-prod",
                name="invoice.extract",
                tags=("finance",),
                metadata={"mailbox": rng.choice(("invoices-at", "invoices-de"))},
                reply_id=reply_id(rng, "responses"),
            )
        )
    return calls


def product_copy(rng: Random, count: int) -> list[Planned]:
    """Product descriptions; the template sits in the user's message."""
    calls = []
    for _ in range(count):
        name, code = rng.choice(words.PRODUCTS)
        colour, material = rng.choice(words.COLOURS), rng.choice(words.MATERIALS)
        features = rng.sample(words.FEATURES, 3)
        tone = rng.choice(words.TONES)
        brief = (
            f"Write a product description for the {name} in a {tone} tone, about {rng.choice((60, 80, 120))} words.\n"
            f"Category: {code}\nColour: {colour}\nMaterial: {material}\nFeatures: {'; '.join(features)}\n"
            f"Price: {words.euros(rng, 19)} EUR"
        )
        calls.append(
            Planned(
                workload="product-copy",
                task="document generation",
                depth="routine",
                at=clock.office(rng),
                endpoint="chat",
                model="gpt-5.5",
                instructions=prompts.COPY,
                messages=said(brief),
                answer=documents.copy_text(rng, name, colour, material, features),
                reasoning=rng.randrange(60, 420),
                cap=rng.choice((None, None, 900)),
                project="marketing",
                key="marketing-prod",
                name="copy",
                user=f"editor-{rng.randrange(1, 15):02d}",
                scores={"accepted": float(rng.random() < 0.84)} if rng.random() < 0.4 else {},
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls


_LANGUAGES = ("German", "French", "Spanish", "Italian")


def translation(rng: Random, count: int) -> list[Planned]:
    """Listings translated, on a model that is about to be shut down."""
    calls = []
    for _ in range(count):
        language = rng.choice(_LANGUAGES)
        name, listing = documents.listing(rng)
        calls.append(
            Planned(
                workload="listing-translation",
                task="translation",
                depth="routine",
                at=clock.office(rng),
                endpoint="chat",
                model="gpt-4.1",
                instructions=prompts.TRANSLATE,
                messages=said(f"Language: {language}\n<listing>\n{listing}\n</listing>"),
                answer=documents.translated(rng, name, language),
                temperature=0.2,
                project="marketing",
                key="marketing-prod",
                name="translate",
                tags=(language.lower(),),
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls


def emails(rng: Random, count: int) -> list[Planned]:
    """Replies drafted from notes, on a model that is about to be shut down."""
    calls = []
    for _ in range(count):
        tongue, queue, text = letters.ticket(rng)
        notes = rng.sample(documents.NOTES[queue if queue in documents.NOTES else "other"], 2)
        done = "\n".join(f"- {note.format(d=words.day(rng), e=words.euros(rng))}" for note in notes)
        calls.append(
            Planned(
                workload="email-drafts",
                task="document generation",
                depth="routine",
                at=clock.office(rng),
                endpoint="chat",
                model="gpt-4o",
                instructions=prompts.EMAIL,
                messages=said(f"E-mail:\n{text}\n\nNotes:\n{done}"),
                answer=documents.email_text(rng, tongue, text.rsplit("\n", 1)[-1]),
                temperature=0.4,
                project="customer-care",
                key="care-prod",
                name="email.draft",
                user=f"agent-{rng.randrange(1, 26):02d}",
                scores={"sent_unchanged": float(rng.random() < 0.7)} if rng.random() < 0.5 else {},
                reply_id=reply_id(rng, "chat"),
            )
        )
    return calls
