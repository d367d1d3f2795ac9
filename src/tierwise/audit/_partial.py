"""The map: records of one unit of a log become rows, tables and counts that can be merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from tierwise.audit._layout import (
    BACKGROUND,
    BLOCKS,
    CODES,
    EMPTY_ANSWER,
    HAS_REQUEST,
    HAS_TOKENS,
    NO_COST,
    NO_TIME,
    ODD_TIER,
    OPENINGS,
    REFUSAL,
    RESIDENCY,
    ROW,
    STORE,
    STREAM,
    TABLES,
)
from tierwise.calls import Bucket, Call, CostLine, Record, Request, Skipped
from tierwise.catalog import Tokens
from tierwise.workloads import Facts, Recogniser, Template, instructions_of, tool_names

TEXTS_PER_BASE = 48
"""Instruction texts kept per base group, for showing what breaks a prefix."""
TEXT_LENGTH = 6_000
BASES_WITH_TEXTS = 400
MOST_DIGESTS = 200_000
"""Bound on the memo from template to skeleton; it is refilled when it overflows."""
KNOWN_TIERS = frozenset({"auto", "default", "flex", "priority", "fast", "batch", "standard"})
PICO = Decimal(10) ** 12

_LANES, _BASES, _EFFORTS = CODES["lane"], CODES["lane_basis"], CODES["effort"]
_ENDPOINTS, _STATUSES, _ROLES = CODES["endpoint"], CODES["status"], CODES["role"]
_TASKS, _DEPTHS = CODES["task"], CODES["depth"]
_NO_TOKENS = Tokens()


HINTS = ("workload", "feature", "use_case", "prompt_name", "prompt_id", "task", "operation", "step")
"""Metadata keys under which applications name the place a call comes from."""
LONGEST_HINT = 80


class Skeleton(msgspec.Struct, frozen=True):
    """What the rows of one masked template share."""

    base: int
    segments: tuple[int, ...]
    head: str
    tools: tuple[int, ...]
    tools_tokens: int
    schema_tokens: int
    task: str
    depth: str
    signals: tuple[str, ...]


class Toolset(msgspec.Struct, frozen=True):
    """The tool definitions of a call in the order sent."""

    names: tuple[str, ...]
    digests: tuple[int, ...]
    tokens: tuple[int, ...]


class Table(dict[Hashable, int]):
    """Values in the order first met, each with its index; 0 is 'none'."""

    def __init__(self) -> None:
        super().__init__()
        self[None] = 0

    def __missing__(self, value: Hashable) -> int:
        index = self[value] = len(self)
        return index


class Result(msgspec.Struct, kw_only=True):
    """What one unit of a log came to. Pickles; `merge` of the table joins any number of them."""

    unit: int
    rows: bytes
    tables: dict[str, list[Any]]
    records: int
    skipped: Counter[str]
    examples: list[Skipped]
    buckets: list[Bucket]
    costs: list[CostLine]
    texts: dict[int, dict[int, tuple[int, str]]]
    """Base to template digest to (skeleton index, start of the instructions)."""


class Partial:
    """Folds records into rows. One per unit; the recogniser may be shared by units of a process."""

    def __init__(self, recogniser: Recogniser, *, key: bytes = b"", examples: int = 20) -> None:
        self._recogniser = recogniser
        self._key = key
        self._most_examples = examples
        self._rows = bytearray()
        self._tables: dict[str, Table] = {name: Table() for name in TABLES}
        self._skeletons: dict[int, int] = {}
        self._toolsets: dict[tuple[int, ...], int] = {}
        self.skipped: Counter[str] = Counter()
        self.examples: list[Skipped] = []
        self._buckets: list[Bucket] = []
        self._costs: list[CostLine] = []
        self._texts: dict[int, dict[int, tuple[int, str]]] = {}
        self.records = 0

    def add(self, record: Record) -> None:
        """Take one record in."""
        self.records += 1
        if type(record) is Call:
            self._add_call(record)
        elif type(record) is Bucket:
            self._buckets.append(record)
        elif type(record) is CostLine:
            self._costs.append(record)
        elif type(record) is Skipped:
            self.skipped[record.reason] += 1
            if len(self.examples) < self._most_examples:
                self.examples.append(record)

    def result(self, unit: int) -> Result:
        """Everything folded so far."""
        return Result(
            unit=unit,
            rows=bytes(self._rows),
            tables={name: list(table)[1:] for name, table in self._tables.items()},
            records=self.records,
            skipped=self.skipped,
            examples=self.examples,
            buckets=self._buckets,
            costs=self._costs,
            texts=self._texts,
        )

    def _digest(self, text: str | None) -> int:
        if not text:
            return 0
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "little") or 1

    def _add_call(self, call: Call) -> None:
        tables, request = self._tables, call.request
        facts = self._recogniser.recognise(request) if request is not None else None
        tokens = call.tokens or _NO_TOKENS
        place = call.place
        scores = call.scores
        self._rows += ROW.pack(
            NO_TIME if call.at is None else call.at,
            NO_COST if call.logged_cost is None else int(call.logged_cost * PICO),
            self._digest(call.id),
            self._digest(call.join),
            facts.request if facts is not None else 0,
            self._answer(call),
            self._digest(call.session),
            self._digest(call.trace),
            self._digest(call.span),
            self._digest(call.parent),
            *self._fingerprint(facts),
            tokens.uncached,
            tokens.cached,
            tokens.written,
            tokens.written_12h,
            tokens.audio_input,
            tokens.audio_cached,
            tokens.output,
            tokens.reasoning,
            tokens.audio_output,
            min((call.latency or 0) // 1000, 2**32 - 1),
            facts.input_tokens if facts is not None else 0,
            facts.newest_tokens if facts is not None else 0,
            min(facts.max_output_tokens or 0, 2**32 - 1) if facts is not None else 0,
            facts.template.instructions_tokens if facts is not None else 0,
            tables["asked"][call.model_asked],
            tables["served"][call.model_served],
            tables["project"][call.project],
            tables["api_key"][call.key],
            tables["user"][call.user],
            tables["tags"][call.tags or None],
            tables["name"][call.name or (_hint(call.metadata) if call.metadata else None)],
            self._toolset(request, facts),
            tables["used"][call.response.tool_calls or None] if call.response is not None else 0,
            tables["needs"][facts.needs or None] if facts is not None else 0,
            tables["error"][call.error],
            self._hosted(call),
            self._skeleton(request, facts),
            tables["signals"][facts.signals or None] if facts is not None else 0,
            sum(scores.values()) / len(scores) if scores else float("nan"),
            place.file if place is not None else 0,
            place.line if place is not None else 0,
            min(facts.turn, 65_535) if facts is not None else 0,
            self._flags(call),
            _LANES[call.lane],
            _BASES[call.lane_basis],
            _EFFORTS.get(request.effort or "", 0) if request is not None else 0,
            _ENDPOINTS[call.endpoint],
            _STATUSES[call.status],
            _ROLES[facts.role] if facts is not None else 0,
            _TASKS[facts.task] if facts is not None else _TASKS["unknown"],
            _DEPTHS[facts.depth] if facts is not None else 0,
        )

    def _fingerprint(self, facts: Facts | None) -> tuple[int, ...]:
        """Openings, block digests and block tokens, padded with 0."""
        if facts is None:
            return _NO_FINGERPRINT
        opening, blocks = facts.opening, facts.blocks
        return (
            *opening,
            *(0,) * (OPENINGS - len(opening)),
            *(block.digest for block in blocks),
            *(0,) * (BLOCKS - len(blocks)),
            *(block.tokens for block in blocks),
            *(0,) * (BLOCKS - len(blocks)),
        )

    def _answer(self, call: Call) -> int:
        """Digest of what came back, so that a loop shows as the same answer over and over."""
        response = call.response
        if response is None or not (response.tool_calls or response.text):
            return 0
        said = (
            "\x1f".join((*response.tool_calls, *response.arguments)) if response.tool_calls else response.text
        )
        return self._digest(said)

    def _flags(self, call: Call) -> int:
        flags = HAS_TOKENS if call.tokens is not None else 0
        if call.residency:
            flags |= RESIDENCY
        request, response = call.request, call.response
        if request is not None:
            flags |= HAS_REQUEST
            if request.stream:
                flags |= STREAM
            if request.store:
                flags |= STORE
            if request.background:
                flags |= BACKGROUND
        if response is not None:
            if response.service_tier is not None and response.service_tier not in KNOWN_TIERS:
                flags |= ODD_TIER
            if response.refusal:
                flags |= REFUSAL
            if not response.text and not response.tool_calls:
                flags |= EMPTY_ANSWER
        return flags

    def _hosted(self, call: Call) -> int:
        hosted = call.response.hosted if call.response is not None else None
        return self._tables["hosted"][tuple(sorted(hosted.items()))] if hosted else 0

    def _toolset(self, request: Request | None, facts: Facts | None) -> int:
        if request is None or facts is None or not facts.template.tools:
            return 0
        tools = facts.template.tools
        key = tuple(tool.digest for tool in tools)
        index = self._toolsets.get(key)
        if index is None:
            toolset = Toolset(
                names=tool_names(request), digests=key, tokens=tuple(tool.tokens for tool in tools)
            )
            index = self._toolsets[key] = self._tables["toolset"][toolset]
        return index

    def _skeleton(self, request: Request | None, facts: Facts | None) -> int:
        if request is None or facts is None:
            return 0
        template = facts.template
        index = self._skeletons.get(template.digest)
        if index is None:
            index = self._new_skeleton(template, request)
        return index

    def _new_skeleton(self, template: Template, request: Request) -> int:
        skeleton = Skeleton(
            base=template.base,
            segments=template.segments,
            head=template.head,
            tools=tuple(sorted(tool.digest for tool in template.tools)),
            tools_tokens=template.tools_tokens,
            schema_tokens=template.schema_tokens,
            task=template.task,
            depth=template.depth,
            signals=template.signals,
        )
        if len(self._skeletons) >= MOST_DIGESTS:
            self._skeletons.clear()
        index = self._skeletons[template.digest] = self._tables["skeleton"][skeleton]
        self._keep_text(template, index, request)
        return index

    def _keep_text(self, template: Template, skeleton: int, request: Request) -> None:
        """Keep the texts with the smallest digests: the same ones however the log is cut."""
        texts = self._texts.get(template.base)
        if texts is None:
            if len(self._texts) >= BASES_WITH_TEXTS:
                return
            texts = self._texts[template.base] = {}
        if template.digest in texts:
            return
        if len(texts) >= TEXTS_PER_BASE:
            largest = max(texts)
            if template.digest > largest:
                return
            del texts[largest]
        texts[template.digest] = (skeleton, instructions_of(request)[:TEXT_LENGTH])


def _hint(metadata: Mapping[str, str]) -> str | None:
    """What the application calls the place, by the first of `HINTS` that has a short text."""
    for key in HINTS:
        value = metadata.get(key)
        if value and len(value) <= LONGEST_HINT:
            return value
    return None


_NO_FINGERPRINT = (0,) * (OPENINGS + 2 * BLOCKS)
