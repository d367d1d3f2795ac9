"""A planned call: what is asked and answered, before it has ids, usage or a wire form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["ok", "cut", "404", "429", "500", "timeout"]


@dataclass(slots=True, kw_only=True)
class Planned:
    """One call to come. Times are seconds since the epoch, sizes are tokens.

    `messages` are Chat messages or Responses input items, in the order sent, without the
    instructions. Faults are applied by replacing fields before the call is written.
    """

    workload: str
    task: str
    depth: str
    at: float
    endpoint: Literal["chat", "responses", "embeddings"]
    model: str
    messages: list[dict[str, Any]]
    instructions: str = ""
    tools: tuple[str, ...] = ()
    """Tool definitions as compact JSON texts, in the order sent."""
    schema: str = ""
    """Output schema object as compact JSON, '' for plain text."""
    answer: str = ""
    acts: tuple[tuple[str, str, str], ...] = ()
    """Tool calls made: call id, name, JSON arguments."""
    effort: str | None = None
    reasoning: int = 0
    cap: int | None = None
    temperature: float | None = None
    lane: str | None = None
    """service_tier asked for; 'batch' for a line of the Batch API."""
    served: str | None = None
    """service_tier of the reply, where it is not what was asked."""
    outcome: Outcome = "ok"
    project: str = ""
    key: str = ""
    name: str = ""
    session: str | None = None
    trace: str | None = None
    span: str | None = None
    parent: str | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    reply_id: str = ""
    """The id OpenAI would give; drawn when the call is planned, so that repeats can share it."""
    seconds: float = 0.0
    """How long it took; 0 until worked out from the tokens."""
    cached: int = 0
    input: int = 0
    output: int = 0
    """Visible and reasoning tokens together."""
