"""Workloads of several calls: chats with tools, the returns desk, the research desk."""

from __future__ import annotations

from random import Random
from typing import Any

from acme import clock, letters, prompts, toolbox, words
from acme.desk import compact, reply_id, said
from acme.plan import Planned
from acme.wire import function_call, tool_call

_FOLLOW_UPS = {
    "en": ("And when will it arrive?", "The postcode is {z}. Can you see it now?", "Can I have the money back instead?",
           "Is there any other way? I really need it by the weekend.", "What does the return cost me?"),
    "de": ("Und wann kommt es an?", "Die Postleitzahl ist {z}.", "Kann ich stattdessen mein Geld zurückbekommen?"),
    "es": ("¿Y cuándo llega?", "El código postal es {z}.", "¿Pueden devolverme el dinero?"),
    "fr": ("Et quand arrive-t-il ?", "Le code postal est {z}.", "Puis-je être remboursé ?"),
    "ja": ("いつ届きますか。", "郵便番号は{z}です。", "返金してもらえますか。"),
}  # fmt: skip
_THANKS = {
    "en": ("thanks!", "ok", "Great, thank you.", "yes, go ahead", "👍"),
    "de": ("Danke!", "ok", "Ja, bitte so machen."),
    "es": ("¡Gracias!", "vale"),
    "fr": ("Merci !", "d'accord"),
    "ja": ("ありがとうございます。", "はい"),
}
_ANSWERS = {
    "en": ("I have found the order. It left our warehouse on {d} and is with {k}; the last scan was in {v}.",
           "The return is free of charge. I have sent the label to the address on file.",
           "The refund reaches your account within five workdays after the parcel is back.",
           "I am sorry about that. I have started a trace with {k}, which usually takes two workdays."),
    "de": ("Ich habe die Bestellung gefunden. Sie ist seit {d} bei {k}, zuletzt gescannt in {v}.",
           "Das Etikett für die Rücksendung ist unterwegs, sie ist kostenlos.",
           "Es tut mir leid. Ich habe bei {k} eine Suche gestartet."),
    "es": ("He encontrado el pedido. Salió el {d} con {k}, último registro en {v}.", "Le he enviado la etiqueta de devolución."),
    "fr": ("J'ai trouvé la commande. Elle est chez {k} depuis le {d}, dernier passage à {v}.", "L'étiquette de retour est envoyée."),
    "ja": ("ご注文を確認しました。{d}に{k}へ引き渡し済みです。", "返品ラベルをお送りしました。"),
}  # fmt: skip
_BYE = {
    "en": "You are welcome. Have a good day.",
    "de": "Gern geschehen.",
    "es": "De nada.",
    "fr": "Avec plaisir.",
    "ja": "どういたしまして。",
}
_USED = ("get_order", "track_parcel", "check_stock", "start_return", "open_case")


def _lookup(rng: Random, tool: str, number: str) -> tuple[tuple[str, str, str], str]:
    """A tool call (id, name, arguments) and what the tool returned."""
    act = (f"call_{words.code62(rng, 16)}", tool, compact({"order": number}))
    found = {
        "order": number,
        "status": rng.choice(("packed", "shipped", "delivered")),
        "carrier": rng.choice(words.CARRIERS),
        "total": words.euros(rng),
        "lines": [{"product": words.product(rng), "quantity": rng.randrange(1, 4)}],
    }
    return act, compact(found)


def _turn(rng: Random, tongue: str, place: int, last: bool) -> tuple[str, str, bool]:
    """What the customer writes, what comes back, and whether a tool is looked up."""
    if place == 0:
        asked = letters.ticket(rng, tongue)[2]
    elif last:
        return rng.choice(_THANKS[tongue]), _BYE[tongue], False
    else:
        asked = rng.choice(_FOLLOW_UPS[tongue]).format(z=rng.randrange(1010, 9999))
    answer = rng.choice(_ANSWERS[tongue]).format(
        d=words.day(rng), k=rng.choice(words.CARRIERS), v=rng.choice(words.CITIES)
    )
    return asked, answer, place == 0 or rng.random() < 0.4


def _shared(rng: Random, tongue: str) -> dict[str, Any]:
    """What all calls of one chat have in common; a few chats are on the priority lane, not always served there."""
    lane = "priority" if rng.random() < 0.06 else None
    return {
        "workload": "support-chat",
        "endpoint": "responses",
        "model": "gpt-5.5",
        "instructions": prompts.SUPPORT,
        "tools": toolbox.SUPPORT,
        "effort": "low",
        "lane": lane,
        "served": "default" if lane and rng.random() < 0.3 else None,
        "project": "customer-care",
        "key": "care-prod",
        "name": "chat",
        "session": f"chat-{words.hexes(rng, 10)}",
        "user": f"c-{rng.randrange(100_000, 999_999)}",
        "tags": ("care", "production", tongue),
    }


def _step(rng: Random, shared: dict[str, Any], history: list[dict[str, Any]], **fields: Any) -> Planned:
    """One call of a chat over the history so far."""
    return Planned(
        **shared,
        **fields,
        messages=list(history),
        reasoning=0 if fields["depth"] == "commodity" else rng.randrange(0, 200),
        reply_id=reply_id(rng, "responses"),
    )


def _chat(rng: Random) -> list[Planned]:
    tongue = rng.choices(tuple(_THANKS), (50, 22, 10, 9, 9))[0]
    shared, at, number, turns = _shared(rng, tongue), clock.shop(rng), words.order(rng), rng.randrange(1, 5)
    history: list[dict[str, Any]] = []
    calls: list[Planned] = []
    for place in range(turns):
        last = place == turns - 1 and place > 0
        asked, answer, looks_up = _turn(rng, tongue, place, last)
        history += said(asked)
        if looks_up:
            act, found = _lookup(rng, rng.choices(_USED, (50, 25, 10, 10, 5))[0], number)
            calls.append(_step(rng, shared, history, at=at, acts=(act,), task="tool call", depth="routine"))
            history += [
                function_call(act),
                {"type": "function_call_output", "call_id": act[0], "output": found},
            ]
            at += rng.randrange(1500, 6000) / 1000
        depth = "commodity" if last else "routine"
        calls.append(_step(rng, shared, history, at=at, answer=answer, task="chat", depth=depth))
        history.append({"role": "assistant", "content": answer})
        at += rng.randrange(20_000, 200_000) / 1000
    if rng.random() < 0.3:
        calls[-1].scores = {"helpful": float(rng.random() < 0.8)}
    return calls


def support(rng: Random, count: int) -> list[Planned]:
    """Chats of the shop over one to four turns, with 22 tools of which five are ever used."""
    calls: list[Planned] = []
    while len(calls) < count:
        calls += _chat(rng)
    return calls[:count]


_STEPS = ("identify_parcel", "grade_item", "find_shelf", "book_stock")
_NEEDS = {"grade_item": ("grade",), "find_shelf": ("grade",), "book_stock": ("shelf",)}


def _desk(rng: Random, steps: int, stuck: bool) -> list[Planned]:
    """One returned parcel; a stuck one asks the same tool again and again."""
    label, shelf = (
        f"R{rng.randrange(10**7, 10**8)}",
        f"{rng.randrange(1, 40)}-{rng.randrange(1, 9)}-{rng.randrange(1, 5)}",
    )
    known = {"grade": rng.choice("ABC"), "shelf": shelf}
    trace, at = words.hexes(rng, 32), clock.office(rng)
    history = said(
        f"Scan: {label}, weight {rng.randrange(1, 19)}.{rng.randrange(10)} kg, box {rng.choice('ABC')}"
    )
    calls: list[Planned] = []
    for step in range(steps + 1):
        done = step == steps
        tool = "find_shelf" if stuck else _STEPS[min(step, 3)]
        given = {"label": label} | {name: known[name] for name in _NEEDS.get(tool, ())}
        act = (f"call_{words.code62(rng, 12)}", tool, compact(given))
        tools = list(toolbox.WAREHOUSE)
        rng.shuffle(tools)
        calls.append(
            Planned(
                workload="returns-desk",
                task="tool call",
                depth="routine",
                at=at,
                endpoint="chat",
                model="gpt-5.4-mini",
                instructions=prompts.WAREHOUSE,
                messages=list(history),
                tools=tuple(tools),
                answer=f"done {shelf}" if done else "",
                acts=() if done else (act,),
                project="logistics",
                key="warehouse",
                name="returns.desk",
                session=trace[:12],
                trace=trace,
                span=words.hexes(rng, 16),
                tags=(rng.choice(("graz", "gent")),),
                reply_id=reply_id(rng, "chat"),
            )
        )
        found = (
            '{"error":"no shelf of this size"}'
            if stuck
            else compact({"label": label, "ok": True, "shelf": shelf})
        )
        history += [
            {"role": "assistant", "content": None, "tool_calls": [tool_call(act)]},
            {"role": "tool", "tool_call_id": act[0], "content": found},
        ]
        at += rng.randrange(900, 4000) / 1000
    return calls


LOOP = 60
"""Calls of the runaway loop in a log of 20,000."""


def returns_desk(rng: Random, count: int) -> list[Planned]:
    """Returned parcels booked step by step, tools in another order each time; one parcel runs away."""
    calls = _desk(rng, min(LOOP, count // 4), stuck=True) if count > 40 else []
    while len(calls) < count:
        calls += _desk(rng, 4, stuck=False)
    return calls[:count]
