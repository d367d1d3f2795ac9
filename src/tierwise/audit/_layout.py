"""One call as a row of fixed width: what the map keeps of a record, and nothing of its text.

A million rows fit in 300 MB, travel between processes as bytes, and become numpy columns
without a copy. Digests are 64-bit, keyed; strings are indices into tables beside the rows.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Final

import numpy as np

from tierwise.catalog import KINDS, LANES
from tierwise.policy import EFFORTS
from tierwise.workloads import DEPTHS, ROLES, TASKS

OPENINGS: Final = 6
BLOCKS: Final = 4

STATUSES: Final = ("ok", "incomplete", "error", "abandoned", "unknown")
ENDPOINTS: Final = ("chat", "responses", "embeddings", "completions", "decisions", "other")
LANE_BASES: Final = ("served", "asked", "assumed")
EFFORT_CODES: Final = ("", *EFFORTS)
"""Index 0 is an effort that was not sent."""
VERBOSITY_CODES: Final = {"low": 1, "medium": 2, "high": 3}
"""0 is one that was not sent, 4 any other word."""

TABLES: Final = (
    "asked",
    "served",
    "project",
    "api_key",
    "user",
    "tags",
    "name",
    "toolset",
    "used",
    "needs",
    "error",
    "hosted",
    "skeleton",
    "signals",
)
"""Columns that hold an index into a table of the same name."""

STREAM: Final = 1
STORE: Final = 2
HAS_REQUEST: Final = 4
HAS_TOKENS: Final = 8
RESIDENCY: Final = 16
REFUSAL: Final = 32
EMPTY_ANSWER: Final = 64
BACKGROUND: Final = 128
SAID: Final = 1
"""The 'answer' of a call answered in words: only answers that call tools are told apart."""
ODD_TIER: Final = 256
"""Served in a tier without published prices ('scale', 'ultrafast'): its lane is not known."""
RECORDED: Final = 512
"""Recorded without its text."""
NO_TIME: Final = -(2**62)
NO_COST: Final = -1
PICO: Final = Decimal(10) ** 12
"""A log's own cost is kept in trillionths of a dollar, so that a column of integers holds it."""

_OF_CALL: Final[tuple[tuple[str, str], ...]] = (
    ("at", "q"),
    ("logged", "q"),
    *((name, "Q") for name in ("id", "join", "answer", "session", "trace", "span", "parent")),
    *((kind, "I") for kind in KINDS),
    *((name, "I") for name in ("latency", "user", "used", "hosted")),
    ("score", "f"),
    ("file", "I"),
    ("line", "I"),
    ("flags", "H"),
)
_OF_WORDS: Final[tuple[tuple[str, str], ...]] = (
    *((name, "I") for name in ("asked", "served", "project", "api_key", "tags", "name", "error")),
    *((name, "B") for name in ("lane", "lane_basis", "endpoint", "status")),
)
_OF_REQUEST: Final[tuple[tuple[str, str], ...]] = (
    ("request", "Q"),
    ("settings", "Q"),
    *((f"opening{i}", "Q") for i in range(OPENINGS)),
    *((f"block{i}", "Q") for i in range(BLOCKS)),
    *((f"block_tokens{i}", "I") for i in range(BLOCKS)),
    *((name, "I") for name in ("estimate", "newest", "max_output")),
    ("turn", "H"),
    ("verbosity", "B"),
)
_OF_VERDICT: Final[tuple[tuple[str, str], ...]] = (
    *((name, "I") for name in ("instructions", "toolset", "needs", "skeleton", "signals")),
    *((name, "B") for name in ("effort", "role", "task", "depth")),
)
_COLUMNS: Final = _OF_CALL + _OF_WORDS + _OF_REQUEST + _OF_VERDICT

CALL_PART: Final = struct.Struct("<" + "".join(code for _, code in _OF_CALL))
"""Packs the first part of a row: the call."""
WORDS_PART: Final = struct.Struct("<" + "".join(code for _, code in _OF_WORDS))
"""Packs the second: words beside the call, of which a log has few combinations."""
REQUEST_PART: Final = struct.Struct("<" + "".join(code for _, code in _OF_REQUEST))
"""Packs the third: what recognising its request told of it alone."""
VERDICT_PART: Final = struct.Struct("<" + "".join(code for _, code in _OF_VERDICT))
"""Packs the last: what it told that many calls share."""

NAMES: Final = tuple(name for name, _ in _COLUMNS)
DTYPE: Final = np.dtype([(name, "<" + np.dtype(code).str[1:]) for name, code in _COLUMNS])
"""The same row as a numpy record."""

CODES: Final[dict[str, dict[str, int]]] = {
    "lane": {lane: i for i, lane in enumerate(LANES)},
    "lane_basis": {basis: i for i, basis in enumerate(LANE_BASES)},
    "effort": {effort: i for i, effort in enumerate(EFFORT_CODES)},
    "endpoint": {endpoint: i for i, endpoint in enumerate(ENDPOINTS)},
    "status": {status: i for i, status in enumerate(STATUSES)},
    "role": {role: i for i, role in enumerate(ROLES)},
    "task": {task: i for i, task in enumerate(TASKS)},
    "depth": {depth: i for i, depth in enumerate(DEPTHS)},
}
"""Word to code, for every column of one byte."""
