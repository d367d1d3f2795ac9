"""Conversations with one thing planted that breaks their prefix, or with nothing."""

from __future__ import annotations

import random
from typing import Any

from logs import pair

WORDS = (
    "order", "parcel", "refund", "label", "carrier", "invoice", "customer", "window", "reply", "answer", "polite",
    "short", "policy", "address", "return", "exchange", "warranty", "colour", "size", "stock", "shelf", "basket",
    "coupon", "payment", "review", "support",
)  # fmt: skip
RULES = "\n".join(
    f"Rule {'abcdefghijklmnopqrstuvwxyz'[i % 26]}{'abcdefghijklmnopqrstuvwxyz'[i // 26]}: "
    f"never promise what the {WORDS[i % 26]} team has not agreed for a {WORDS[(i * 7 + 3) % 26]}."
    for i in range(70)
)
"""About 1,500 tokens in under 5,000 characters."""
TOOLS = ("find_order", "refund_order", "track_parcel", "open_ticket", "close_ticket", "send_label")

QUESTION = "I ordered it last week, paid at once, and nobody could tell me on the telephone. " * 30
"""About 500 tokens."""


def _value(kind: str, chance: random.Random) -> str:
    number = chance.randrange
    return {
        "timestamp": lambda: (
            f"2026-{number(1, 13):02d}-{number(1, 29):02d} {number(24):02d}:{number(60):02d}:{number(60):02d}"
        ),
        "date": lambda: f"2026-{number(1, 13):02d}-{number(1, 29):02d}",
        "id": lambda: f"AX{number(10**5, 10**6)}-{number(10, 99)}B",
        "email": lambda: f"{chance.choice(WORDS)}{number(1000)}@example.com",
        "number": lambda: str(number(10, 99_999)),
        "name": lambda: f"{chance.choice(WORDS).title()} {chance.choice(WORDS).title()}son",
        "retrieval": lambda: "\n".join(
            f"[{i}] " + " ".join(f"{chance.choice(WORDS)}{chance.choice('stxyz')}" for _ in range(30))
            for i in range(2)
        ),
    }[kind]()


VALUES = ("timestamp", "date", "id", "email", "number", "name", "retrieval")
SETTINGS = ("model", "effort", "verbosity", "cache key")


def tool(name: str, words: str = "") -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {"id": {"type": "string", "description": f"Of the {words}order."}},
    }
    return {
        "type": "function",
        "function": {"name": name, "description": f"{name} by its id", "parameters": parameters},
    }


def schema(words: str) -> dict[str, Any]:
    made = {
        "type": "object",
        "properties": {"queue": {"type": "string", "description": f"Where it goes, {words}."}},
        "required": ["queue"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": made}}


def conversations(
    kind: str | None, seed: int, *, sessions: int = 8, turns: int = 4, at: int = 10, model: str = "gpt-5.4"
) -> list[dict[str, Any]]:
    """Calls of some conversations in time order, with a kind planted; a value stands before line `at`."""
    chance = random.Random(seed)
    lines = []
    for session in range(sessions):
        said: list[dict[str, Any]] = []
        for turn in range(turns):
            text, more = _planted(kind, chance, at, turn)
            said.append(
                {
                    "role": "user",
                    "content": f"Question {session} {turn}: where is my {chance.choice(WORDS)}? {QUESTION}",
                }
            )
            asked = {"model": model, **more}
            used = asked.pop("model")
            lines.append(
                pair(
                    id=f"{session}-{turn}",
                    minute=session * 3 + turn * 0.5,
                    model=used,
                    instructions=text,
                    messages=list(said),
                    input=6_000,
                    text=f"It is on its way, {session} {turn}.",
                    session_id=f"s{session}",
                    request=asked,
                )
            )
            said.append({"role": "assistant", "content": f"It is on its way, {session} {turn}."})
    return sorted(lines, key=lambda line: str(line["started_at"]))


def _planted(kind: str | None, chance: random.Random, at: int, turn: int) -> tuple[str, dict[str, Any]]:
    """Instructions and parameters of one call."""
    names = list(TOOLS)
    odd = turn % 2
    if kind in VALUES:
        rules = RULES.splitlines()
        return "\n".join([*rules[:at], f"Note: {_value(kind, chance)}", *rules[at:]]), {}
    if kind == "tool order":
        chance.shuffle(names)
    if kind == "tools" and odd:
        names.remove("track_parcel")
    more: dict[str, Any] = {}
    if kind in ("tool order", "tools", "tool text", "all tools"):
        words = f"{chance.choice(WORDS)} " if kind == "tool text" else ""
        more["tools"] = [tool(name, words) for name in names]
    if kind == "schema":
        more["response_format"] = schema(f"{chance.choice(WORDS)} {chance.choice(WORDS)}")
    more |= {
        "model": {"model": ("gpt-5.4", "gpt-5.4-mini")[odd]},
        "effort": {"reasoning_effort": ("low", "high")[odd]},
        "verbosity": {"verbosity": ("low", "high")[odd]},
        "cache key": {"prompt_cache_key": ("one", "two")[odd]},
    }.get(kind or "", {})
    return RULES, more
