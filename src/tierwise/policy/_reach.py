"""Rules that no call can reach, because earlier ones take everything that they match.

A rule is a union of boxes over finite dimensions: each word that some rule names, and 'any
other' for dimensions without end. What earlier rules take is cut off box by box; a rule is
unreachable when nothing is left. Tags and tool names, of which a call may have several, are
one true-or-false dimension each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final, get_args

from tierwise.calls import Endpoint
from tierwise.catalog import Catalog
from tierwise.errors import CatalogError
from tierwise.policy._match import names_match
from tierwise.policy._types import Match
from tierwise.workloads import DEPTHS, ROLES, TASKS

Box = dict[str, frozenset[object]]
"""Dimension to the values it may have; a dimension that is not there may have any."""

OTHER: Final = "\0"
"""Stands for every word that no rule names."""
MOST_CUTS: Final = 200_000
"""Work spent, in all, on rules that only several others together may hide; what is left then is
taken to be reachable, so that nothing is reported that is not certain."""
_BOTH: Final = frozenset((True, False))


def unreachable(matches: Sequence[Match], prices: Catalog) -> list[tuple[int, tuple[int, ...]]]:
    """Numbers of rules that no call reaches, each with the earlier rules that hide it.

    Certain where reported: calls are told apart by what rules name, as `decide` does.
    """
    space = _Space(matches, prices)
    boxes = [space.boxes(match) for match in matches]
    near = [
        [earlier for earlier in range(number) if _may_meet(matches[earlier], match)]
        for number, match in enumerate(matches)
    ]
    found = []
    for number in range(1, len(matches)):
        alone = next((e for e in near[number] if space.implied(matches[number], matches[e])), None)
        hiding = (alone,) if alone is not None else space.hiding(boxes, number, near[number])
        if hiding:
            found.append((number, hiding))
    return found


def _may_meet(one: Match, other: Match) -> bool:
    """False where two rules are for other workloads: the common case, told without boxes."""
    return not (one.workloads and other.workloads and one.workloads.isdisjoint(other.workloads))


class _Space:
    """The values that each dimension can have, given what the rules name."""

    def __init__(self, matches: Sequence[Match], prices: Catalog) -> None:
        self._prices, self._cuts = prices, 0
        self._values: dict[str, frozenset[object]] = {
            "task": frozenset(TASKS),
            "depth": frozenset(DEPTHS),
            "role": frozenset(ROLES),
            "endpoint": frozenset(get_args(Endpoint)),
            "sends tools": _BOTH,
            "workload": frozenset({OTHER}.union(*(m.workloads for m in matches))),
        }
        for key in sorted({key for match in matches for key in match.metadata}):
            named = (match.metadata.get(key, frozenset()) for match in matches)
            self._values[f"metadata {key}"] = frozenset({OTHER}.union(*named))
        for match in matches:
            for tag in match.tags:
                self._values[f"tag {tag}"] = _BOTH
            for tool in match.tool_names:
                self._values[f"tool {tool}"] = _BOTH
        patterns = sorted({pattern for match in matches for pattern in match.models})
        self._models = {self._names(pattern) for pattern in patterns} | {frozenset({OTHER})}
        self._values["model"] = frozenset(self._models)

    def boxes(self, match: Match) -> list[Box]:
        """The calls that a match takes, as boxes that do not overlap."""
        box: Box = {}
        single = (
            ("workload", match.workloads),
            ("task", match.tasks),
            ("depth", match.depths),
            ("role", match.roles),
            ("endpoint", match.endpoints),
            *((f"metadata {key}", values) for key, values in match.metadata.items()),
        )
        for name, values in single:
            if values:
                box[name] = frozenset(values)
        if match.models:
            box["model"] = frozenset[object](self._of(match.models))
        if match.tools is not None:
            box["sends tools"] = frozenset({match.tools})
        several = [_any_of("tag", sorted(match.tags)), _any_of("tool", sorted(match.tool_names))]
        found = [{**box, **tags, **tools} for tags, tools in product(*several)]
        if match.tool_names:
            found = [self._meet(each, {"sends tools": frozenset({True})}) for each in found]
        return [each for each in found if all(each.values())]

    def implied(self, later: Match, earlier: Match) -> bool:
        """Whether an earlier rule's every condition follows from a later one's."""
        words = (
            (later.workloads, earlier.workloads),
            (later.tasks, earlier.tasks),
            (later.depths, earlier.depths),
            (later.roles, earlier.roles),
            (later.endpoints, earlier.endpoints),
            (self._of(later.models), self._of(earlier.models)),
            (later.tags, earlier.tags),
            (later.tool_names, earlier.tool_names),
            *((later.metadata.get(key, frozenset()), values) for key, values in earlier.metadata.items()),
        )
        if any(wide and not (narrow and narrow <= wide) for narrow, wide in words):
            return False
        sends = True if later.tool_names else later.tools
        return earlier.tools is None or earlier.tools == sends

    def hiding(self, boxes: Sequence[list[Box]], number: int, near: Iterable[int]) -> tuple[int, ...]:
        """The earlier rules that hide a rule together; none where something of it is left."""
        left, hiding = boxes[number], []
        for earlier in near:
            before = left
            for cut in boxes[earlier]:
                self._cuts += len(left)
                if self._cuts > MOST_CUTS:
                    return ()
                left = [piece for box in left for piece in self._minus(box, cut)]
            if left != before:
                hiding.append(earlier)
            if not left:
                return tuple(hiding)
        return ()

    def _of(self, patterns: frozenset[str]) -> frozenset[frozenset[str]]:
        """The calls that patterns of models take; empty where there are none, which takes all."""
        if not patterns:
            return frozenset()
        return frozenset(names for names in self._models if names_match(set(names), patterns))

    def _minus(self, box: Box, cut: Box) -> list[Box]:
        if not all(self._meet(box, cut).values()):
            return [box]
        pieces, rest = [], box
        for name, values in cut.items():
            here = rest.get(name, self._values[name])
            outside = here - values
            if outside:
                pieces.append({**rest, name: outside})
            rest = {**rest, name: here & values}
        return pieces

    def _meet(self, box: Box, other: Box) -> Box:
        """What two boxes share; an empty dimension where they share nothing."""
        met = dict(box)
        for name, values in other.items():
            met[name] = met.get(name, self._values[name]) & values
        return met

    def _names(self, pattern: str) -> frozenset[str]:
        """A call that a pattern is for: its names as sent and in the catalog."""
        if "*" in pattern:
            # A text that only patterns at least as wide as this one take.
            return frozenset({pattern.replace("*", OTHER)})
        try:
            return frozenset({pattern, self._prices.resolve(pattern).model.name})
        except CatalogError:
            return frozenset({pattern})


def _any_of(kind: str, names: list[str]) -> list[Box]:
    """Boxes for 'has at least one of': the first that it has, and none before."""
    if not names:
        return [{}]
    found: list[Box] = []
    for place, name in enumerate(names):
        box: Box = {f"{kind} {before}": frozenset({False}) for before in names[:place]}
        box[f"{kind} {name}"] = frozenset({True})
        found.append(box)
    return found
