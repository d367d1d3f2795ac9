"""A rung, and how long its answers are: words that evidence and certificates share with rules."""

from __future__ import annotations

import msgspec


class Rung(msgspec.Struct, frozen=True):
    """A tier and the reasoning effort it runs at; effort None is the model's default."""

    model: str
    effort: str | None = None

    def __str__(self) -> str:
        return self.model if self.effort is None else f"{self.model} ({self.effort})"


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """How long answers of another rung are, in thousandths of the answer as asked."""

    output: int = 1000
    """Visible output, per mille."""
    reasoning: int = 1000
    """Reasoning tokens at the same effort, per mille."""
    learned: bool = False
    """True when read off calls of this workload on that rung, False when assumed."""
