"""Logs of a baseline's answers, written by the simulator itself, and `tierwise prove` run on them."""

from __future__ import annotations

import json
import random
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tierwise.simulator import Simulator

SYSTEM = (
    "You sort customer tickets into one of: billing, shipping, returns, other. Answer with the label alone."
)
LABELS = ("billing", "shipping", "returns", "other")
THINGS = (
    "lamp",
    "table",
    "chair",
    "rug",
    "mirror",
    "shelf",
    "clock",
    "vase",
    "desk",
    "sofa",
    "stool",
    "frame",
)
WORDS = [
    "arrived",
    "broken",
    "lost",
    "late",
    "charged",
    "twice",
    "refund",
    "invoice",
    "address",
    "courier",
    "tracking",
    "return",
    "label",
    "colour",
    "size",
    "crooked",
    "missing",
    "screw",
    "scratched",
    "wrong",
    "delivered",
    "neighbour",
    "voucher",
    "cancelled",
    "order",
    "payment",
    "card",
    "failed",
    "again",
    "never",
    "still",
    "waiting",
    "week",
    "month",
    "yesterday",
    "please",
    "help",
    "urgent",
    "happy",
    "unhappy",
    "question",
    "about",
    "warranty",
    "exchange",
    "pickup",
    "shop",
    "box",
]
HOUR = 3_600


def ticket(number: int) -> str:
    """A ticket unlike the others."""
    chance = random.Random(number)
    said = " ".join(chance.choices(WORDS, k=14))
    return f"Ticket {number}: my {chance.choice(THINGS)} {said} {chance.randrange(10**6)}"


def right(text: str) -> str:
    """The right label of a ticket, from its text."""
    return LABELS[sum(map(ord, text)) % len(LABELS)]


def teach(sim: Simulator, skill: dict[str, float], **more: Any) -> None:
    """Tickets, and how often each model is right."""
    sim.teach(r"Ticket \d+", right, ["none of them", "unclear"], name="tickets", skill=skill, **more)


def post(sim: Simulator, body: dict[str, Any]) -> dict[str, Any]:
    """One call of Chat Completions."""
    request = urllib.request.Request(
        f"{sim.base_url}/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer sk-test"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        answer: dict[str, Any] = json.load(reply)
    return answer


def write_log(
    path: Path, sim: Simulator, count: int, *, model: str = "gpt-5.4", system: str = SYSTEM, **body: Any
) -> Path:
    """So many answered calls of one workload, an hour apart."""
    lines = []
    for number in range(count):
        sent = {
            "model": model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": ticket(number)}],
        } | body
        at = f"2026-11-{1 + number * 20 // count:02d}T{number % 24:02d}:00:00Z"
        lines.append(
            json.dumps({"request": sent, "response": post(sim, sent), "at": at, "project": "support"})
        )
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def bill(sim: Simulator, since: int = 0) -> float:
    """USD of the simulator's lines from a place on."""
    return float(sum(line.cost or 0 for line in sim.bill[since:]))


def proved(
    sim: Simulator, log: Path, *arguments: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[dict[str, Any]], str]:
    """`tierwise prove --json --yes`: exit code, results, and what was said beside."""
    from tierwise.cli import main

    out = str(log.parent / "evidence")
    code = main(["prove", str(log), "--upstream", sim.base_url, "--out", out, "--yes", "--json", *arguments])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out.strip() else [], said.err


def kept(log: Path) -> tuple[str, ...]:
    """Where a log's proof keeps what, under one key, so that calls are drawn in the same order each time."""
    key = log.parent / "owner.key"
    if not key.exists():
        key.write_text("5eed" * 16 + "\n", "utf-8")
        key.chmod(0o600)
    return "--out", str(log.parent / "evidence"), "--key", str(key)
