"""The words that reading signals yields: what a template says, what a turn says, the verdict."""

from __future__ import annotations

import msgspec

from tierwise.workloads._types import Depth, Role, Task


class ToolText(msgspec.Struct, frozen=True):
    """What a tool definition says of itself; enough to tell a hand-off from a search."""

    name: str
    description: str = ""


class CueHit(msgspec.Struct, frozen=True):
    """A cue of the lexicon found in a text: its canonical name, where it was met, how much it counts."""

    cue: str
    language: str
    weight: float


class TemplateSignals(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What instructions, tools and schema say, worked out once per distinct template.

    Compared and hashed by identity, so that a memo over templates costs nothing.
    """

    task: Task
    depth: Depth
    score: float
    """Depth of the template alone, -1 (commodity) to 1 (frontier); 0 with no signal."""
    signals: tuple[str, ...]
    votes: tuple[tuple[Task, float, str], ...]
    """Votes that stand on structure (schema, tools) instead of words: task, weight, signal."""
    hits: tuple[CueHit, ...]
    """Cues of the instructions, heaviest first."""
    fixed: Task | None
    """The task that the instructions or the schema fix; the user turn is then mostly material for it."""
    labels: int
    """Values that the answer is picked from; 0 where it is not picked from a list."""
    wide_schema: bool
    """The schema asks for 15 fields or more."""
    thinks: bool
    """The schema has a field to reason in."""
    flags: int
    """Structure seen in the instructions, bits of `_structure`."""
    tools: bool
    """Any tool is offered."""
    role: Role
    needs: frozenset[str]
    """Capabilities that the schema needs, in the catalog's feature words."""
    material: bool
    """Closed work with a known list of answers: the user turn is data, and its words say nothing."""


class TurnSignals(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest user turn says: few fields of few values, so that verdicts can be memoised."""

    cues: tuple[tuple[str, str, int], ...]
    """(cue, language, place), each cue once, sorted; 'constraint' up to 4 times.

    Place is 2 where an order stands (the opening words), 1 where a question is asked (near the
    start or the end), 0 in between.
    """
    small: str | None
    """'thanks', 'hello' or 'go ahead' when the turn says nothing else."""
    flags: int
    """Bits of `_structure`."""
    band: int
    """Index into `BANDS` of the turn's estimated length."""
    answers_tools: bool
    later: bool
    """Not the first turn of its conversation."""
    images: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Task and depth of one call, and why."""

    task: Task
    depth: Depth
    score: float
    signals: tuple[str, ...]
