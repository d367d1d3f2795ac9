"""Facts: what recognising a request yields, without its text."""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

import msgspec

from tierwise.calls import Endpoint

Task = Literal[
    "classification",
    "extraction",
    "summarization",
    "translation",
    "transformation",
    "labeling",
    "content filtering",
    "chat",
    "tool call",
    "sub-agent step",
    "research",
    "document generation",
    "structured analysis",
    "financial modeling",
    "coding",
    "computer use",
    "reasoning",
    "planning",
    "unknown",
]
"""What a call asks for; 'unknown' when nothing in the request says."""

Depth = Literal["unknown", "commodity", "routine", "professional", "frontier"]
"""How much reasoning the task needs. 'unknown' is not 'simple': such a call stays where it is."""

Role = Literal["unknown", "single", "orchestrator", "sub-agent"]
"""A call's place in a trace."""

TASKS: tuple[Task, ...] = get_args(Task)
DEPTHS: tuple[Depth, ...] = get_args(Depth)
ROLES: tuple[Role, ...] = get_args(Role)


class Block(msgspec.Struct, frozen=True, gc=False):
    """A prefix of the prompt: keyed digest of everything up to its end, and estimated tokens so far."""

    digest: int
    tokens: int


class ToolFact(msgspec.Struct, frozen=True, gc=False):
    """One tool definition sent: keyed digest of its name, and tokens of its definition."""

    digest: int
    tokens: int


class Template(msgspec.Struct, frozen=True):
    """What calls share: instructions, tools and schema. Worked out once per distinct text."""

    digest: int
    """Keyed digest of instructions, tools and schema exactly as sent, 64 bits."""
    base: int
    """What never varies inside a workload: upper half the digest of endpoint kind (chat and
    responses are one) and schema outline (names and types), lower half that of the tool set
    (names, sorted)."""
    segments: tuple[int, ...]
    """Digests of the instructions' lines and sentences, variables masked, in order. The upper
    half is of a looser form, with names masked too."""
    head: str
    """First words of the instructions, masked, at most 80 characters: a label, kept out of Facts."""
    instructions_tokens: int
    tools_tokens: int
    schema_tokens: int
    tools: tuple[ToolFact, ...]
    needs: frozenset[str]
    """Capabilities that the tools and schema need, in the catalog's feature words."""
    task: Task
    depth: Depth
    depth_score: float
    """-1 (commodity) to 1 (frontier) before banding; 0 with no signal."""
    signals: tuple[str, ...]
    """Why, in a few words each, e.g. 'verb: classify', 'schema: enum of 5'. No prompt text."""


class Facts(msgspec.Struct, frozen=True):
    """What a decision may know of a request. Pure function of the request; holds no text.

    Written with keywords; only recognising, which runs on every call, gives all fields in
    their order, for a keyword costs as much there as a field.
    """

    workload: int
    """Fingerprint of the template the call comes from, 64 bits; shown as 16 hex digits."""
    template: Template
    opening: tuple[int, ...]
    """Digests of the first user turn's outer segments and their heads, by place and 0 where there
    is none, for grouping calls whose template sits in the user message; at most 6."""
    endpoint: Endpoint
    model: str | None
    effort: str | None
    task: Task
    depth: Depth
    role: Role
    signals: tuple[str, ...]
    needs: frozenset[str]
    """The template's needs plus what this call adds: images, files, audio, logprobs, ..."""
    input_tokens: int
    """Estimated tokens of the whole prompt; a log's own usage replaces it where known."""
    newest_tokens: int
    """Estimated tokens of the newest user turn (or newest tool results)."""
    max_output_tokens: int | None
    blocks: tuple[Block, ...]
    """Four growing prefixes: tools and schema; plus instructions; plus everything before the last
    response in the prompt, which is exactly the whole prompt of the call before; the whole
    prompt. Only the first two where the messages hold images, files or audio, whose content a
    Request does not carry."""
    turn: int
    """Number of responses already in the prompt: 0 for a first turn. All items that one response
    returned count once."""
    request: int
    """Keyed digest of everything that steers the answer: the prompt, tools, schema, effort,
    sampling, caps, tool choice, linked conversation. Left out: model, service tier, user,
    metadata, stream, store, cache key; so the same question sent to two models is equal, and
    who takes an answer for another call's must compare model and key as well. 0 where the
    messages hold images, files or audio: such calls are never known to be identical."""
    settings: int = 0
    """Keyed digest of the verbosity and the prompt cache key, which a cached prefix is kept apart
    by, beside model and effort; 0 where neither was sent."""


@cache
def _decoder() -> msgspec.json.Decoder[Facts]:
    return msgspec.json.Decoder(Facts)


def facts_from(raw: bytes | msgspec.Raw) -> Facts:
    """Facts of their JSON, as recorder files and ledgers keep them. Raises ValueError for what is none."""
    try:
        return _decoder().decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"expected the facts of a call as JSON: {error}") from None
