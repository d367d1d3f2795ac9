"""What a cue of the lexicon means: which task it speaks for, and how deep such work goes.

The words behind each cue stand in `data/words/`; here stand only meanings, so that a new
language is a line of data and a change of meaning is one row of this table.

Depth runs from -1 to 1. Bands: commodity up to -0.35, routine up to 0.15, professional up to
0.6, frontier above. A task's usual depth comes from what the words of `Depth` mean: closed
output (label, extract, route, fix) is commodity; summaries, translations, plain chat and
standard tool calls are routine; code, analysis and expertise are professional; proofs,
open-ended planning, research and hard systems work are frontier.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tierwise.workloads._types import Depth, Task

Kind = Literal["task", "domain", "constraint", "role", "claim"]


class Cue(msgspec.Struct, frozen=True, gc=False):
    """One row: what it is called in signals, its kind, the task it votes for, and its depth."""

    phrase: str
    kind: Kind
    task: Task | None = None
    vote: float = 0.0
    depth: float | None = None
    hard: bool = False
    told: bool = False
    """Counts only in instructions: users use such words without asking for it."""
    """Such work is never done well by a small model, whatever else the prompt says."""


def _table() -> dict[str, Cue]:
    rows: dict[str, Cue] = {
        "classify": Cue("verb: classify", "task", "classification", 1.0, -0.6),
        "categories": Cue("names categories", "task", "classification", 0.5, -0.6, told=True),
        "pick": Cue("verb: pick", "task", "classification", 0.6, told=True),
        "closed output": Cue("bare answer asked for", "task", "classification", 0.35, told=True),
        "label": Cue("verb: label", "task", "labeling", 1.1, -0.6),
        "extract": Cue("verb: extract", "task", "extraction", 1.0, -0.6),
        "moderate": Cue("verb: moderate", "task", "content filtering", 1.2, -0.6, told=True),
        "format": Cue("verb: format", "task", "transformation", 1.0, -0.55),
        "convert": Cue("verb: convert", "task", "transformation", 0.9, -0.2),
        "correct": Cue("verb: correct", "task", "transformation", 1.0, -0.55),
        "rewrite": Cue("verb: rewrite", "task", "transformation", 1.1, -0.15),
        "translate": Cue("verb: translate", "task", "translation", 1.1, -0.1),
        "summarize": Cue("verb: summarize", "task", "summarization", 1.1, -0.1),
        "write": Cue("verb: write", "task", "document generation", 0.6),
        "produce": Cue("verb: produce", "task", "document generation", 0.4),
        "short text": Cue("a short text", "task", "document generation", 0.3, -0.05),
        "document": Cue("a long document", "task", "document generation", 0.5, 0.35),
        "research": Cue("verb: research", "task", "research", 1.0, 0.45),
        "deep research": Cue("asks for research in depth", "task", "research", 1.2, 0.8, hard=True),
        "analyze": Cue("verb: analyze", "task", "structured analysis", 0.9, 0.3),
        "compare": Cue("verb: compare", "task", "structured analysis", 0.8, 0.3),
        "financial model": Cue(
            "asks for a financial model", "task", "financial modeling", 1.4, 0.55, hard=True
        ),
        "financial sum": Cue("financial arithmetic", "task", "financial modeling", 0.95, 0.4),
        "code": Cue("code", "task", "coding", 0.8, 0.4),
        "debug": Cue("verb: debug", "task", "coding", 0.8, 0.4),
        "hard code": Cue("systems work", "task", "coding", 1.0, 0.55, hard=True),
        "screen": Cue("acts on a screen", "task", "computer use", 1.0, 0.3),
        "solve": Cue("verb: solve", "task", "reasoning", 0.75, 0.3),
        "prove": Cue("asks for a proof", "task", "reasoning", 1.3, 0.8, hard=True),
        "why": Cue("asks why", "task", "reasoning", 0.5),
        "plan": Cue("verb: plan", "task", "planning", 0.9, 0.4),
        "strategy": Cue("asks for a strategy", "task", "planning", 0.9, 0.65, hard=True),
        "support": Cue("customer support", "task", "chat", 0.6, -0.15, told=True),
        "customers": Cue("speaks to customers", "task", "chat", 0.5, -0.15, told=True),
        "small talk": Cue("small talk", "task", "chat", 0.5, -0.15),
        "persona": Cue("an assistant", "task", "chat", 0.29),
        "use tools": Cue("told to use tools", "task", "tool call", 0.5, -0.1),
        "sub-agent": Cue("told it is a sub-agent", "role", "sub-agent step", 2.0, -0.1),
        "orchestrate": Cue("told to direct agents", "role", "planning", 0.6, 0.65, hard=True),
        "constraint": Cue("constraints", "constraint"),
        "domain: mathematics": Cue("domain: mathematics", "domain", "reasoning", 0.4),
        "domain: science": Cue("domain: science", "domain", "reasoning", 0.3),
        "claim": Cue("", "claim"),
        "self": Cue("", "claim"),
    }
    for domain in ("law", "medicine", "finance", "security"):
        rows[f"domain: {domain}"] = Cue(f"domain: {domain}", "domain")
    return rows


CUES = _table()
"""Every cue by name. Read only."""

USUAL_DEPTH: dict[Task, float] = {
    "classification": -0.6,
    "extraction": -0.6,
    "labeling": -0.6,
    "content filtering": -0.6,
    "transformation": -0.5,
    "translation": -0.1,
    "summarization": -0.1,
    "tool call": -0.1,
    "sub-agent step": -0.1,
    "document generation": -0.05,
    "structured analysis": 0.3,
    "computer use": 0.3,
    "reasoning": 0.3,
    "coding": 0.4,
    "financial modeling": 0.4,
    "planning": 0.4,
    "research": 0.45,
}
"""Depth of a task named by structure alone (tools, schema). Chat has none: it can be about anything."""

CLOSED_TASKS: frozenset[Task] = frozenset(
    {"classification", "extraction", "labeling", "content filtering", "transformation"}
)
"""Tasks whose answer is bounded by the input or a list."""

DATA_TASKS: frozenset[Task] = CLOSED_TASKS | {"translation", "summarization"}
"""Tasks that treat the user turn as material: what it says is not what is asked."""


def depth_of(score: float) -> Depth:
    """Band of a depth score, -1 to 1."""
    if score <= -0.35:
        return "commodity"
    if score <= 0.15:
        return "routine"
    if score <= 0.6:
        return "professional"
    return "frontier"
