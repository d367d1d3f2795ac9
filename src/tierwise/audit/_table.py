"""Results of many units become one table of calls: columns of numpy, tables of words.

Merging does not depend on the order in which units finish: units are put back in the order
of the log, so the same log gives the same table however many processes read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tierwise.audit._layout import DTYPE, NAMES, TABLES
from tierwise.audit._result import Kept, Result
from tierwise.caching import TEXTS_PER_BASE
from tierwise.calls import Bucket, CostLine, Skipped

Column = npt.NDArray[Any]


class CallTable(msgspec.Struct, kw_only=True):
    """All calls of a log, a column a field, and what came with them."""

    columns: dict[str, Column]
    tables: dict[str, list[Any]]
    """Words behind the index columns; index 0 is None."""
    skipped: Counter[str]
    examples: list[tuple[int, Skipped]]
    """(unit, skipped record), its line counted within the unit."""
    buckets: list[Bucket]
    costs: list[CostLine]
    texts: dict[int, dict[int, Kept]]
    records: int
    key_ids: frozenset[str] = frozenset()
    """Of the keys that digests of templates were taken under: one, unless a log mixes keys."""

    def __len__(self) -> int:
        return len(self.columns["at"])

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def keep(self, kept: Column) -> None:
        """Leave only the rows of a boolean mask or an index array, in its order."""
        for name in self.columns:
            self.columns[name] = self.columns[name][kept]

    def forget(self, names: Iterable[str]) -> None:
        """Drop columns that no later step reads: of a million calls each is 8 MB."""
        for name in names:
            del self.columns[name]

    def words(self, name: str, index: int) -> Any:
        """The word behind an index of a table column; None for 0."""
        return self.tables[name][index]


class Merge:
    """Collects results as they come in, in any order."""

    def __init__(self, examples: int = 5) -> None:
        self._most_examples = examples
        self._rows: dict[int, dict[str, Column]] = {}
        self._remaps: dict[int, dict[str, Column]] = {}
        self._tables: dict[str, dict[Hashable, int]] = {name: {None: 0} for name in TABLES}
        self._small: dict[int, Result] = {}

    def add(self, result: Result) -> None:
        """Take one unit's result."""
        rows = np.frombuffer(result.rows, dtype=DTYPE)
        # A copy a column, so that merging one column can let go of its parts at once.
        self._rows[result.unit] = {name: np.ascontiguousarray(rows[name]) for name in NAMES}
        result.rows = b""
        self._small[result.unit] = result

    def table(self) -> CallTable:
        """All results as one table. Lines are counted within their unit."""
        order = sorted(self._small)
        for unit in order:
            self._remaps[unit] = {
                name: self._remap(name, values) for name, values in self._small[unit].tables.items()
            }
        columns = {name: self._column(name, order) for name in NAMES}
        return CallTable(
            columns=columns,
            tables={name: list(table) for name, table in self._tables.items()},
            skipped=sum((self._small[unit].skipped for unit in order), Counter()),
            examples=self._examples(order),
            buckets=[bucket for unit in order for bucket in self._small[unit].buckets],
            costs=[cost for unit in order for cost in self._small[unit].costs],
            texts=self._texts(order),
            records=sum(self._small[unit].records for unit in order),
            key_ids=frozenset().union(*(self._small[unit].key_ids for unit in order)),
        )

    def _remap(self, name: str, values: list[Any]) -> Column:
        """Index in a unit's table to index in the merged one."""
        merged = self._tables[name]
        remap = np.zeros(len(values) + 1, dtype=np.uint32)
        for index, value in enumerate(values, start=1):
            remap[index] = merged.setdefault(value, len(merged))
        return remap

    def _column(self, name: str, order: list[int]) -> Column:
        parts: list[Column] = []
        for unit in order:
            part = self._rows[unit].pop(name)
            if name in self._tables:
                part = self._remaps[unit][name][part]
            parts.append(part)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=DTYPE[name])

    def _examples(self, order: list[int]) -> list[tuple[int, Skipped]]:
        """(unit, skipped) of the first few of each reason."""
        found: list[tuple[int, Skipped]] = []
        by_reason: Counter[str] = Counter()
        for unit in order:
            for skipped in self._small[unit].examples:
                by_reason[skipped.reason] += 1
                if by_reason[skipped.reason] <= self._most_examples:
                    found.append((unit, skipped))
        return found

    def _texts(self, order: list[int]) -> dict[int, dict[int, Kept]]:
        merged: dict[int, dict[int, Kept]] = {}
        for unit in order:
            remap = self._remaps[unit]["skeleton"]
            for base, texts in self._small[unit].texts.items():
                kept = merged.setdefault(base, {})
                for digest, found in texts.items():
                    kept[digest] = msgspec.structs.replace(found, skeleton=int(remap[found.skeleton]))
                for digest in sorted(kept)[TEXTS_PER_BASE:]:
                    del kept[digest]
        return merged
