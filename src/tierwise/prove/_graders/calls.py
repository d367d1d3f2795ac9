"""Tool calls: the same tools with the same arguments, in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tierwise.calls import NO_JSON, Request, Response, json_in
from tierwise.prove._graders.fields import Rules
from tierwise.prove._graders.texts import normalised
from tierwise.prove._score import Reference, Score, wrong, yes_or_no

_EXACT_UP_TO: Final = 8
"""Calls of one tool, on the smaller side, up to which the best pairing is found for certain; on the
larger side two more."""
MOST: Final = 200
"""Calls of one answer that are compared."""


class ToolCalls(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the tool calls is the same: names, and arguments as JSON. Ids and order do not count."""

    arguments: bool = True
    """Whether arguments are compared, or names alone."""

    @property
    def name(self) -> str:
        """`tools(arguments=true)`."""
        return f"tools(arguments={str(self.arguments).lower()})"

    def grade(self, request: Request, candidate: Response, reference: Reference) -> Score:  # noqa: ARG002 - the protocol's
        """Calls paired as well as can be, the sum of their shares over the larger number of calls.

        Where neither calls a tool, the answers are compared as normalised text. A reference that is text
        is read as JSON: `[{"name": ..., "arguments": {...}}]`.
        """
        found, wanted = calls_of(candidate), _wanted(reference)
        if not found and not wanted:
            other = reference if isinstance(reference, str) else reference.text
            return yes_or_no(
                normalised(candidate.text) == normalised(other), "no tool called, and another text"
            )
        if not found or not wanted:
            return wrong("no tool called" if not found else "a tool called where none was to be")
        total = max(len(found), len(wanted))
        share = min(self._paired(found, wanted) / total, 1.0)
        return Score(value=share, reason="" if share == 1.0 else "tool calls differ")

    def _paired(self, found: Sequence[tuple[str, Any]], wanted: Sequence[tuple[str, Any]]) -> float:
        """The best sum of shares over pairs of calls of the same tool."""
        whole = 0.0
        for name in sorted({name for name, _ in found} & {name for name, _ in wanted}):
            ours = [arguments for called, arguments in found if called == name]
            theirs = [arguments for called, arguments in wanted if called == name]
            if not self.arguments:
                whole += min(len(ours), len(theirs))
                continue
            whole += _best([[_share(one, other) for other in theirs] for one in ours])
        return whole


def calls_of(response: Response) -> list[tuple[str, Any]]:
    """Names and parsed arguments of the tools called; arguments that are no JSON stay text."""
    named = zip(response.tool_calls, response.arguments, strict=False)
    return [(name, _parsed(raw)) for name, raw in list(named)[:MOST]]


def _parsed(raw: str) -> Any:
    value = json_in(raw or "{}")
    return raw if value is NO_JSON else value


def _wanted(reference: Reference) -> list[tuple[str, Any]]:
    if isinstance(reference, Response):
        return calls_of(reference)
    listed = json_in(reference)
    items = listed if isinstance(listed, list) else [listed]
    return [
        (str(item["name"]), _plain(item.get("arguments", {})))
        for item in items[:MOST]
        if isinstance(item, Mapping) and "name" in item
    ]


def _plain(arguments: Any) -> Any:
    """Arguments as an object, or as the JSON in a string that the wire has."""
    return _parsed(arguments) if isinstance(arguments, str) else arguments


def _share(one: Any, other: Any) -> float:
    return Rules().share(one, other)


def _best(shares: list[list[float]]) -> float:
    """The largest sum of shares with each row and column used at most once."""
    if len(shares) > len(shares[0]):
        shares = [list(column) for column in zip(*shares, strict=True)]
    if len(shares) > _EXACT_UP_TO or len(shares[0]) > _EXACT_UP_TO + 2:
        return _greedy(shares)
    best = {0: 0.0}
    for row in shares:
        after = dict(best)
        for used, total in best.items():
            for column, share in enumerate(row):
                if not used >> column & 1:
                    key = used | 1 << column
                    after[key] = max(after.get(key, 0.0), total + share)
        best = after
    return max(best.values())


def _greedy(shares: list[list[float]]) -> float:
    """The most alike first."""
    pairs = sorted(
        ((share, row, column) for row, line in enumerate(shares) for column, share in enumerate(line)),
        key=lambda pair: -pair[0],
    )
    rows: set[int] = set()
    columns: set[int] = set()
    whole = 0.0
    for share, row, column in pairs:
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            whole += share
    return whole
