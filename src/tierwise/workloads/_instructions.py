"""Reading instructions, tools and schema: once per distinct template, about a millisecond at most."""

from __future__ import annotations

import re

import msgspec

from tierwise.calls import Endpoint
from tierwise.workloads._cues import CLOSED_TASKS, CUES
from tierwise.workloads._mask import MASK
from tierwise.workloads._role_words import told_role
from tierwise.workloads._signals import CueHit, TemplateSignals, ToolText
from tierwise.workloads._structure import (
    SchemaShape,
    ToolKinds,
    read_schema,
    read_structure,
    read_tools,
    tool_votes,
)
from tierwise.workloads._task import hits_in, tally
from tierwise.workloads._types import Role, Task

_FIXED = 0.7
"""Weight from which the instructions fix the task: one verb in the imperative, hardly a noun."""
_NEVER_FIXED: frozenset[Task] = frozenset({"chat", "tool call", "sub-agent step", "unknown"})
_LISTED = re.compile(
    r":\s{0,3}[\w' -]{1,30}(?:[,\u3001\u060c] ?[\w' -]{1,30}){1,}"
    r"|[\w'-]{1,30}, [\w'-]{1,30},? (?:or|oder|ou|o|of|lub|veya|ya da|или|або|чи|hoặc|atau) [\w'-]{1,30}"
)
WRITTEN = 1_000_001
"""Labels of a shape whose answers are written out in the instructions: their number is not known."""
_WRITTEN_OUT = re.compile(rf'(?:{MASK}|"[^"\n]{{1,30}}")\s{{0,2}}\|\s{{0,2}}(?:{MASK}|"[^"\n]{{1,30}}")')
"""Answers written out as alternatives, '"show" | "hide"', quoted or already masked."""
_PICKS = frozenset({"classify", "categories", "label", "moderate", "pick"})
_PICKED: frozenset[Task] = frozenset({"labeling", "content filtering"})
_MANY_FIELDS = 15


def read_template(
    instructions: str,
    tools: tuple[ToolText, ...] = (),
    schema: bytes = b"",
    endpoint: Endpoint = "chat",
) -> TemplateSignals:
    """What a template says, for any text, tools and schema; never raises on content.

    Args:
        instructions: System or developer text; its first 6,000 and last 1,000 characters are read.
        tools: Name and description of each definition sent; the kinds of tools count, their
            number does not.
        schema: `response_format` or `text.format` as raw JSON.
        endpoint: Embeddings and Decisions calls ask for nothing that words could tell.
    """
    if endpoint == "embeddings":
        nothing = SchemaShape(), ToolKinds()
        return _template(
            hits=(), votes=(), shape=nothing[0], kinds=nothing[1], flags=0, listed=False, told="unknown"
        )
    shape = read_schema(schema)
    kinds = read_tools(tools)
    hits = tuple(hits_in(instructions))
    picks = any(hit.cue in _PICKS for hit in hits)
    written_out = _WRITTEN_OUT.search(instructions[:6_000]) is not None
    if written_out and not shape.labels:
        shape = msgspec.structs.replace(shape, labels=WRITTEN, fields=0)
    return _template(
        hits=hits,
        votes=(*_schema_votes(shape, hits), *tool_votes(kinds)),
        shape=shape,
        kinds=kinds,
        flags=read_structure(instructions[:1_000]),
        listed=picks and _LISTED.search(instructions[:6_000]) is not None,
        told=told_role(instructions, [tool.name for tool in tools]),
    )


def _schema_votes(shape: SchemaShape, hits: tuple[CueHit, ...]) -> list[tuple[Task, float, str]]:
    if shape.thinks:
        return []
    if shape.labels and shape.fields <= 1:
        # A closed list serves whichever kind of picking the words speak of.
        said = f"schema: enum of {shape.labels}" if shape.labels != WRITTEN else "answers written out"
        told = [task for hit in hits if (task := CUES[hit.cue].task) is not None and task in _PICKED]
        return [(told[0] if told else "classification", 1.0, said)]
    if shape.fields >= 2 or (shape.fields and shape.labels):
        return [("extraction", 0.6, f"schema: {shape.fields + bool(shape.labels)} fields")]
    return []


def _fixed(hits: tuple[CueHit, ...], votes: list[tuple[Task, float, str]]) -> Task | None:
    weighted = [(CUES[hit.cue].task, CUES[hit.cue].vote * hit.weight) for hit in hits]
    weighted += [(task, weight) for task, weight, _ in votes]
    elected = [vote for vote in tally(weighted) if vote[0] not in _NEVER_FIXED]
    if elected and elected[0][1] >= _FIXED:
        return elected[0][0]
    return None


def _role(told: Role, hits: tuple[CueHit, ...], kinds: ToolKinds) -> Role:
    """By whole phrases, else by tools and words of any language that stand for directing.

    Single words, as 'called by a', vote for the task but make no sub-agent: they say too many other things.
    """
    if told != "unknown":
        return told
    return "orchestrator" if kinds.hands_off or any(hit.cue == "orchestrate" for hit in hits) else "unknown"


def _template(
    *,
    hits: tuple[CueHit, ...],
    votes: tuple[tuple[Task, float, str], ...],
    shape: SchemaShape,
    kinds: ToolKinds,
    flags: int,
    listed: bool,
    told: Role,
) -> TemplateSignals:
    closed = shape.labels if shape.fields <= 1 and not shape.thinks else 0
    fixed = _fixed(hits, _schema_votes(shape, hits))
    labels = closed or (1 if listed and not shape.json else 0)
    return TemplateSignals(
        task="unknown",
        depth="unknown",
        score=0.0,
        signals=(),
        votes=votes,
        hits=hits,
        fixed=fixed,
        labels=labels,
        wide_schema=shape.fields >= _MANY_FIELDS,
        thinks=shape.thinks,
        flags=flags,
        tools=kinds.any,
        role=_role(told, hits, kinds),
        needs=frozenset({"structured_output"}) if shape.json else frozenset(),
        material=fixed in CLOSED_TASKS and labels > 0,
    )
