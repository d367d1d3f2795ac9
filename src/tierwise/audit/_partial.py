"""The map: records of one unit of a log become rows, tables and counts that can be merged."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b

from tierwise.audit._layout import (
    BACKGROUND,
    BLOCKS,
    CALL_PART,
    CODES,
    EMPTY_ANSWER,
    HAS_REQUEST,
    HAS_TOKENS,
    NO_COST,
    NO_TIME,
    ODD_TIER,
    OPENINGS,
    PICO,
    REFUSAL,
    REQUEST_PART,
    RESIDENCY,
    SAID,
    STORE,
    STREAM,
    TABLES,
    VERBOSITY_CODES,
    VERDICT_PART,
    WORDS_PART,
)
from tierwise.audit._result import Kept, Result, Skeleton, Table, Toolset
from tierwise.audit._without_text import facts_of, flags_of, tool_names_of
from tierwise.caching import TEXT_LENGTH, Smallest
from tierwise.calls import (
    Bucket,
    Call,
    CostLine,
    Place,
    Record,
    Recorded,
    Request,
    Response,
    Skipped,
    named_place,
)
from tierwise.catalog import Tokens
from tierwise.workloads import (
    Block,
    Facts,
    Recogniser,
    Template,
    ToolFact,
    instructions_of,
    key_id,
    tool_digest,
    tool_names,
)

MOST_VERDICTS = 200_000
"""Bound on the memo of packed verdicts; it is refilled when it overflows."""
KNOWN_TIERS = frozenset({"auto", "default", "flex", "priority", "fast", "batch", "standard"})
DEFINITIONS_LENGTH = 2_000
"""Bytes of tool definitions and of a schema that are kept to show what breaks their prefix."""
MOST_COST = Decimal(1_000_000)
"""USD of one call beyond which a log's own cost is damage, and is not compared."""
MOST_SCORE = 1e30

_LANES, _BASES, _EFFORTS = CODES["lane"], CODES["lane_basis"], CODES["effort"]
_ENDPOINTS, _STATUSES, _ROLES = CODES["endpoint"], CODES["status"], CODES["role"]
_TASKS, _DEPTHS = CODES["task"], CODES["depth"]
_MOST = 2**32 - 1
_NAN = float("nan")
_NO_PLACE = Place(file=0, line=0)
_NO_TOKENS = Tokens()
_NO_HOSTED: Mapping[str, int] = {}
_NO_BLOCKS = (Block(0, 0), Block(0, 0))
_PADDING = tuple((0,) * (OPENINGS - length) for length in range(OPENINGS + 1))
"""By length of an opening: the zeros that are missing."""
_NO_REQUEST = bytes(REQUEST_PART.size) + VERDICT_PART.pack(0, 0, 0, 0, 0, 0, 0, _TASKS["unknown"], 0)
MOST_NAMES = 50_000
"""Bound on the memos of digests of names and of packed words; refilled when they overflow."""
Words = tuple[
    str | None,
    str | None,
    str | None,
    str | None,
    tuple[str, ...] | None,
    str | None,
    str | None,
    str,
    str,
    str,
    str,
]
"""Model asked and served, project, key, tags, name, error, lane, its basis, endpoint, status."""
Verdict = tuple[int, int, frozenset[str], tuple[str, ...], str | None, str, str, str]
"""Template digest and base, needs, signals, effort, role, task, depth."""


class Partial:
    """Folds records into rows. One per unit; the recogniser may be shared by units of a process."""

    def __init__(self, recogniser: Recogniser, *, key: bytes = b"", examples: int = 20) -> None:
        self._recogniser = recogniser
        self._most_examples = examples
        # The key goes in front of the data, as in the recogniser: half the cost of a keyed hash.
        self._keyed = blake2b(b"%d\x1f%b" % (len(key), key), digest_size=8)
        self._key = key
        self._key_id = key_id(key)
        self._key_ids: set[str] = set()
        self._names: dict[str, int] = {}
        self._words: dict[Words, bytes] = {}
        self._used: dict[tuple[str, ...], int] = {}
        self._rows = bytearray()
        self._tables: dict[str, Table] = {name: Table() for name in TABLES}
        self._verdicts: dict[Verdict, bytes] = {}
        self._toolsets: dict[tuple[ToolFact, ...], int] = {}
        self.skipped: Counter[str] = Counter()
        self.examples: list[Skipped] = []
        self._buckets: list[Bucket] = []
        self._costs: list[CostLine] = []
        self._texts: dict[int, dict[int, Kept]] = {}
        self._starts: dict[bytes, bytes] = {}
        """Starts of definitions that were kept, each once."""
        self._smallest = Smallest()
        self.records = 0

    def add(self, record: Record) -> None:
        """Take one record in."""
        self.records += 1
        if type(record) is Call:
            start = len(self._rows)
            try:
                self._add_call(record)
            except (struct.error, OverflowError) as error:
                # A number that no call can have must cost that record, never the audit.
                del self._rows[start:]
                self._skip(
                    Skipped(reason="unexpected shape", detail=str(error), place=record.place or _NO_PLACE)
                )
        elif type(record) is Bucket:
            self._buckets.append(record)
        elif type(record) is CostLine:
            self._costs.append(record)
        elif type(record) is Skipped:
            self._skip(record)

    def _skip(self, record: Skipped) -> None:
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
            key_ids=frozenset(self._key_ids),
        )

    def _digest(self, text: str) -> int:
        state = self._keyed.copy()
        state.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "little") or 1

    def _name(self, text: str) -> int:
        """Digest of a text that comes many times."""
        found = self._names.get(text)
        if found is None:
            if len(self._names) >= MOST_NAMES:
                self._names.clear()
            found = self._names[text] = self._digest(text)
        return found

    def _add_call(self, call: Call) -> None:
        tables, digest, name = self._tables, self._digest, self._name
        request, response, tokens, scores = call.request, call.response, call.tokens, call.scores
        if tokens is None:
            tokens = _NO_TOKENS
        place = call.place or _NO_PLACE
        recorded = call.recorded
        used = 0
        hosted: Mapping[str, int] = _NO_HOSTED
        if recorded is not None:
            hosted = recorded.hosted
            if recorded.called:
                used = tables["used"][recorded.called]
        elif response is not None:
            hosted = response.hosted
            if response.tool_calls:
                used = self._used.get(response.tool_calls) or self._add_used(response.tool_calls)
        # One pack and no intermediate values: this runs on every call.
        rows = self._rows
        rows += CALL_PART.pack(
            NO_TIME if call.at is None else call.at,
            NO_COST if call.logged_cost is None else _pico(call.logged_cost),
            digest(call.id) if call.id else 0,
            digest(call.join) if call.join else 0,
            (self._answer(response) if response is not None else 0) if recorded is None else recorded.answer,
            name(call.session) if call.session else 0,
            name(call.trace) if call.trace else 0,
            digest(call.span) if call.span else 0,
            name(call.parent) if call.parent else 0,
            tokens.uncached,
            tokens.cached,
            tokens.written,
            tokens.written_12h,
            tokens.audio_input,
            tokens.audio_cached,
            tokens.output,
            tokens.reasoning,
            tokens.audio_output,
            min(call.latency // 1000, _MOST) if call.latency else 0,
            tables["user"][call.user],
            used,
            tables["hosted"][tuple(sorted(hosted.items()))] if hosted else 0,
            _mean(scores) if scores else _NAN,
            place.file,
            place.line,
            _flags(call, request, response) if recorded is None else flags_of(recorded, call),
        )
        words = (
            call.model_asked,
            call.model_served,
            call.project,
            call.key,
            call.tags or None,
            call.name or (named_place(call.metadata) if call.metadata else None),
            call.error,
            call.lane,
            call.lane_basis,
            call.endpoint,
            call.status,
        )
        rows += self._words.get(words) or self._add_words(words)
        if request is not None:
            rows += self._recognised(self._recogniser.recognise(request), request)
        elif recorded is not None and bytes(recorded.facts):
            rows += self._recognised(facts_of(recorded), recorded)
        else:
            rows += _NO_REQUEST

    def _add_used(self, names: tuple[str, ...]) -> int:
        """The index of tools called together that were not met before: by digests, as a recorder keeps them."""
        if len(self._used) >= MOST_NAMES:
            self._used.clear()
        digests = tuple(tool_digest(name, self._key) for name in names)
        index = self._used[names] = self._tables["used"][digests]
        return index

    def _add_words(self, words: Words) -> bytes:
        """Pack a combination of words not met before."""
        if len(self._words) >= MOST_NAMES:
            self._words.clear()
        asked, served, project, key, tags, name, error, lane, basis, endpoint, status = words
        tables = self._tables
        packed = self._words[words] = WORDS_PART.pack(
            tables["asked"][asked],
            tables["served"][served],
            tables["project"][project],
            tables["api_key"][key],
            tables["tags"][tags],
            tables["name"][name],
            tables["error"][error],
            _LANES[lane],
            _BASES[basis],
            _ENDPOINTS[endpoint],
            _STATUSES[status],
        )
        return packed

    def _recognised(self, facts: Facts, source: Request | Recorded) -> bytes:
        """The part of a row that recognising the request tells, now or when it was recorded."""
        template = facts.template
        verdict = (
            template.digest,
            # The same instructions on another endpoint have the same digest.
            template.base,
            facts.needs,
            facts.signals,
            facts.effort,
            facts.role,
            facts.task,
            facts.depth,
        )
        opening, blocks = facts.opening, facts.blocks
        opening0, opening1, opening2, opening3, opening4, opening5 = opening + _PADDING[len(opening)]
        block0, block1, block2, block3 = blocks if len(blocks) == BLOCKS else blocks + _NO_BLOCKS
        return REQUEST_PART.pack(
            facts.request,
            facts.settings,
            opening0,
            opening1,
            opening2,
            opening3,
            opening4,
            opening5,
            block0.digest,
            block1.digest,
            block2.digest,
            block3.digest,
            block0.tokens,
            block1.tokens,
            block2.tokens,
            block3.tokens,
            facts.input_tokens,
            facts.newest_tokens,
            min(facts.max_output_tokens or 0, _MOST),
            min(facts.turn, 65_535),
            _verbosity(source) if facts.settings else 0,
        ) + (self._verdicts.get(verdict) or self._add_verdict(verdict, template, source))

    def _answer(self, response: Response) -> int:
        """What came back, so that a loop shows as the same tool calls over and over."""
        if response.tool_calls:
            return self._digest("\x1f".join((*response.tool_calls, *response.arguments)))
        return SAID if response.text else 0

    def _add_verdict(self, verdict: Verdict, template: Template, source: Request | Recorded) -> bytes:
        """Pack a verdict not met before of a template, whose text is kept for showing."""
        if len(self._verdicts) >= MOST_VERDICTS:
            self._verdicts.clear()
        # Here and not a call: another key's digests make another verdict.
        self._key_ids.add(source.key_id if isinstance(source, Recorded) else self._key_id)
        tables, (_, _, needs, signals, effort, role, task, depth) = self._tables, verdict
        skeleton = self._skeleton(template)
        self._keep_text(template, skeleton, source)
        packed = self._verdicts[verdict] = VERDICT_PART.pack(
            template.instructions_tokens,
            self._toolset(template, source),
            tables["needs"][needs or None],
            skeleton,
            tables["signals"][signals or None],
            _EFFORTS.get(effort or "", 0),
            _ROLES[role],
            _TASKS[task],
            _DEPTHS[depth],
        )
        return packed

    def _toolset(self, template: Template, source: Request | Recorded) -> int:
        tools = template.tools
        if not tools:
            return 0
        index = self._toolsets.get(tools)
        if index is None:
            digests = tuple(tool.digest for tool in tools)
            names = tool_names(source) if isinstance(source, Request) else tool_names_of(source, digests)
            toolset = Toolset(names=names, digests=digests, tokens=tuple(tool.tokens for tool in tools))
            index = self._toolsets[tools] = self._tables["toolset"][toolset]
        return index

    def _skeleton(self, template: Template) -> int:
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
        return self._tables["skeleton"][skeleton]

    def _keep_text(self, template: Template, skeleton: int, source: Request | Recorded) -> None:
        """Keep the texts with the smallest digests: the same ones however the log is cut."""
        if isinstance(source, Recorded) and not source.outline:
            # The recorder wrote it once, in the line of an earlier call.
            return
        takes, leaving = self._smallest.takes(template.base, template.digest)
        if not takes:
            return
        if isinstance(source, Request):
            kept = self._kept(template, skeleton, source)
        else:
            kept = Kept(skeleton, None, source.outline)
        texts = self._texts.setdefault(template.base, {})
        texts.pop(leaving or 0, None)
        texts[template.digest] = kept

    def _kept(self, template: Template, skeleton: int, source: Request) -> Kept:
        return Kept(
            skeleton,
            instructions_of(source)[:TEXT_LENGTH],
            toolset=tuple(tool.digest for tool in template.tools),
            tools=self._starts.setdefault(start := source.tools[:DEFINITIONS_LENGTH], start),
            tools_digest=self._digest_of(source.tools),
            tools_tokens=template.tools_tokens,
            schema=self._starts.setdefault(start := source.schema[:DEFINITIONS_LENGTH], start),
            schema_digest=self._digest_of(source.schema),
            schema_tokens=template.schema_tokens,
        )

    def _digest_of(self, raw: bytes) -> int:
        state = self._keyed.copy()
        state.update(raw)
        return int.from_bytes(state.digest(), "little") or 1


def _verbosity(source: Request | Recorded) -> int:
    """The code of the verbosity that was sent, 0 where none was or it was not recorded."""
    sent = source.verbosity if isinstance(source, Request) else None
    return 0 if sent is None else VERBOSITY_CODES.get(sent, len(VERBOSITY_CODES) + 1)


def _pico(cost: Decimal) -> int:
    """A logged cost in a millionth of a millionth of a dollar; NO_COST for one beyond a million dollars."""
    return int(cost * PICO) if abs(cost) <= MOST_COST else NO_COST


def _mean(scores: Mapping[str, float]) -> float:
    """Mean of a call's scores; no number where they are beyond what a column holds."""
    mean = sum(scores.values()) / len(scores)
    return mean if abs(mean) <= MOST_SCORE else _NAN


def _flags(call: Call, request: Request | None, response: Response | None) -> int:
    flags = HAS_TOKENS if call.tokens is not None else 0
    if call.residency:
        flags |= RESIDENCY
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
