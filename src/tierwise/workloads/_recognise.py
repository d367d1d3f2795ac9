"""From a request to Facts: one pass over its messages, and a memo of what calls share."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from tierwise.calls import Endpoint, Request
from tierwise.workloads._definitions import Definitions, Schema, Tools
from tierwise.workloads._depth import Judge, read_template, read_turn
from tierwise.workloads._estimate import estimate_tokens
from tierwise.workloads._memo import Memo
from tierwise.workloads._openings import Reader
from tierwise.workloads._prompt import Walk, leading_instructions, walk
from tierwise.workloads._role import role_of
from tierwise.workloads._segments import Cutter, Digester, Line
from tierwise.workloads._signals import TemplateSignals
from tierwise.workloads._templates import Leaf, Templates, fingerprint
from tierwise.workloads._types import Block, Facts, Template

if TYPE_CHECKING:
    from hashlib import blake2b

_KINDS = {"chat": "text", "responses": "text", "completions": "text"}
"""Endpoints that serve the same prompts: a call moved from one to the other is the same workload."""
HEAD = 80
"""Characters of a template's head."""
_PER_MESSAGE = 4
"""Tokens that framing one message takes, about."""


Key = tuple[Endpoint, str, bytes, bytes]
"""Endpoint, instructions, raw tools, raw schema."""
_RECENT = 512
_GLANCE = 40
_MOST_RECENT = 64_000
"""Bytes and characters of a combination that may be kept by its `_GLANCE`: with `_RECENT`, 32 MB."""


class Known(msgspec.Struct):
    """What is known of one distinct combination of instructions, tools and schema."""

    template: Template
    signals: TemplateSignals
    leaf: Leaf
    state: blake2b
    """The running hash after the instructions; copied, never updated."""
    blocks: tuple[Block, Block]
    tokens: int
    key: Key
    """What it is known by."""


class Masked(msgspec.Struct, frozen=True):
    """What is known of one distinct combination of masked instructions, tools and schema."""

    base: int
    segments: tuple[int, ...]
    head: str
    needs: frozenset[str]
    signals: TemplateSignals
    leaf: Leaf


class Recogniser:
    """Recognises requests: the same request, key and templates give the same Facts, whatever came before.

    Remembers what it worked out for texts met before, within bounds of about 200 MB at worst;
    one per process or thread, for it is not locked.

    Args:
        key: Up to 64 bytes (longer ones are hashed) under which every digest is taken; digests
            of different keys cannot be compared, and without the key not be guessed.
        templates: What was learned of a log (`learn_templates`); empty, a workload is the
            fingerprint of the call's own masked instructions.
    """

    def __init__(self, key: bytes = b"", templates: Templates | None = None) -> None:
        self._digester = Digester(key)
        self._templates = templates or Templates()
        self._definitions = Definitions(self._digester)
        self._cutter = Cutter(self._digester)
        self._openings = Reader(self._digester)
        self._judge = Judge()
        self._recent: dict[tuple[object, ...], Known] = {}
        self._known: Memo[Key, Known] = Memo(entries=4_096, weight=64_000_000)
        self._steering: Memo[tuple[object, ...], int] = Memo(entries=4_096, weight=4_000_000)
        self._masked: Memo[tuple[object, ...], Masked] = Memo(entries=4_096, weight=64_000_000)

    def recognise(self, request: Request, *, refine: str = "") -> Facts:
        """Facts of a request.

        Args:
            request: As parsed from either endpoint.
            refine: A tag or metadata value of the owner's that divides a workload further; ''
                leaves the workload as it is.
        """
        count, instructions = leading_instructions(request.messages)
        key = (request.endpoint, instructions, request.tools, request.schema)
        known = self._find(key)
        template, signals = known.template, known.signals
        found = walk(request.messages, count)
        past, whole = _prefixes(known, found)
        needs = _needs(request, template.needs)
        if found.media:
            needs |= found.media
        opening = self._openings.read(found.first, len(template.segments))
        verdict = self._judge.judge(
            signals,
            read_turn(
                found.newest,
                answers_tools=found.answers_tools,
                turn=found.turn,
                images="images" in needs,
                material=signals.material,
            ),
            max_output_tokens=request.max_output_tokens,
            effort=request.effort,
            needs=needs,
        )
        workload = known.leaf.of(opening)
        return Facts(
            fingerprint(workload, self._digester.text(refine)) if refine else workload,
            template,
            opening,
            request.endpoint,
            request.model,
            request.effort,
            verdict.task,
            verdict.depth,
            role_of(request, signals),
            verdict.signals,
            needs,
            whole.tokens,
            estimate_tokens(found.tail_chars, found.tail_bytes),
            request.max_output_tokens,
            known.blocks if found.media else (*known.blocks, past, whole),
            found.turn,
            0 if found.media else self._request(request, whole.digest),
            self._settings(request) if request.verbosity or request.prompt_cache_key else 0,
        )

    def _find(self, key: Key) -> Known:
        """What is known of a combination: its hash is taken only if it was not the last of its look.

        Hashing several kB of text takes ten times as long as comparing them.
        """
        _, instructions, tools, schema = key
        size, tools_size, schema_size = len(instructions), len(tools), len(schema)
        glance = (size, instructions[:_GLANCE], instructions[-_GLANCE:], tools_size, schema_size)
        recent = self._recent.get(glance)
        if recent is not None and recent.key == key:
            return recent
        known = self._known.get(key) or self._learn(key)
        if size + tools_size + schema_size <= _MOST_RECENT:
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            self._recent[glance] = known
        return known

    def _request(self, request: Request, whole: int) -> int:
        """Digest of everything that steers the answer: see `Facts.request`."""
        steering = (
            request.effort,
            request.verbosity,
            request.max_output_tokens,
            # 1 and 1.0 ask for the same, and must be written the same whichever came first.
            None if request.temperature is None else request.temperature + 0.0,
            None if request.top_p is None else request.top_p + 0.0,
            request.n,
            request.logprobs,
            request.tool_choice,
            request.previous_response_id,
            request.conversation,
            request.extras,
        )
        steers = self._steering.get(steering)
        if steers is None:
            written = repr((*steering[:-1], sorted(request.extras)))
            steers = self._steering.put(steering, self._digester.text("steering" + written), len(written))
        # Both are keyed digests of 64 bits, so their sum without carries is as good as a third.
        return whole ^ steers or 1

    def _settings(self, request: Request) -> int:
        """Digest of what keeps a cached prefix apart: see `Facts.settings`."""
        return self._digester.text(f"settings{request.verbosity}\x1f{request.prompt_cache_key}")

    def _learn(self, key: Key) -> Known:
        """Work out everything that calls with these instructions, tools and schema share."""
        endpoint, instructions, raw_tools, raw_schema = key
        digester = self._digester
        tools, schema = self._definitions.tools(raw_tools), self._definitions.schema(raw_schema)
        lines = self._cutter.cut(instructions)
        masked = self._masked_of(endpoint, lines, tools, schema, raw_schema)
        state = digester.state()
        state.update(b"%d\x1f%b%d\x1f%b" % (len(raw_tools), raw_tools, len(raw_schema), raw_schema))
        fixed = tools.tokens + schema.tokens
        first = Block(int.from_bytes(state.digest(), "little") or 1, fixed)
        encoded = instructions.encode("utf-8", "surrogatepass")
        state.update(b"\x1d%d\x1f%b" % (len(encoded), encoded))
        digest = int.from_bytes(state.digest(), "little") or 1
        spoken = sum([line.tokens for line in lines]) + (_PER_MESSAGE if instructions else 0)
        signals = masked.signals
        known = Known(
            template=Template(
                digest=digest,
                base=masked.base,
                segments=masked.segments,
                head=masked.head,
                instructions_tokens=spoken,
                tools_tokens=tools.tokens,
                schema_tokens=schema.tokens,
                tools=tools.facts,
                needs=masked.needs,
                task=signals.task,
                depth=signals.depth,
                depth_score=signals.score,
                signals=signals.signals,
            ),
            signals=signals,
            leaf=masked.leaf,
            state=state,
            blocks=(first, Block(digest, fixed + spoken)),
            tokens=fixed + spoken,
            key=key,
        )
        return self._known.put(key, known, len(encoded) + len(raw_tools) + len(raw_schema) + 2_000)

    def _masked_of(
        self, endpoint: Endpoint, lines: list[Line], tools: Tools, schema: Schema, raw_schema: bytes
    ) -> Masked:
        """What prompts share that differ only in what is masked, or in the order of their tools."""
        segments = tuple(chain.from_iterable([line.segments for line in lines]))
        short = (endpoint, segments, tools.content, raw_schema)
        found = self._masked.get(short)
        if found is not None:
            return found
        # Of the masked text alone, so that it does not matter which call came first.
        texts = [text for line in lines for text in line.texts]
        shape = self._digester.text(f"{_KINDS.get(endpoint, endpoint)}\x1f{schema.digest}") & 0xFFFFFFFF
        base = (shape << 32) | (tools.names & 0xFFFFFFFF) or 1
        signals = read_template("\n".join(texts), tools.texts, raw_schema, endpoint)
        masked = Masked(
            base=base,
            segments=segments,
            head=" ".join(texts[:4])[:HEAD],
            needs=tools.needs | schema.needs | signals.needs,
            signals=signals,
            leaf=self._templates.find(base, segments, tools.facts),
        )
        return self._masked.put(short, masked, 40 * len(segments) + len(raw_schema) + 2_000)


def _prefixes(known: Known, found: Walk) -> tuple[Block, Block]:
    """The prompt up to the last response, and the whole of it."""
    state = known.state.copy()
    before, after = found.before, found.after
    quotes = 0
    if before:
        quotes = before.count(b'"')
        tokens = known.tokens + estimate_tokens(found.before_chars, len(before), quotes)
        state.update(before)
        past = Block(int.from_bytes(state.digest(), "little") or 1, tokens)
    else:
        past = known.blocks[1]
    state.update(after)
    # From the sums, so that the next turn's prefix comes to the same count.
    tokens = known.tokens + estimate_tokens(
        found.before_chars + found.after_chars, len(before) + len(after), quotes + after.count(b'"')
    )
    return past, Block(int.from_bytes(state.digest(), "little") or 1, tokens)


def _needs(request: Request, needs: frozenset[str]) -> frozenset[str]:
    """What the template needs and what this call adds."""
    more = []
    if request.logprobs:
        more.append("logprobs")
    if request.temperature not in _DEFAULTS or request.top_p not in _DEFAULTS:
        more.append("sampling")
    if request.verbosity is not None:
        more.append("verbosity")
    if request.effort is not None and request.effort != "none":
        more.append("reasoning")
    if request.extras:
        more += [need for extra, need in _EXTRA_NEEDS if extra in request.extras]
    return needs.union(more) if more else needs


_DEFAULTS = (None, 1)
"""A temperature or top_p that asks for nothing."""
_EXTRA_NEEDS = (("audio", "audio"), ("computer", "computer_use"))
