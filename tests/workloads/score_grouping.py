"""Scores grouping on the labelled logs: `python tests/workloads/score_grouping.py`."""

# ruff: noqa: T201  (a script that prints)

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Hashable, Sequence
from math import comb, log
from pathlib import Path
from typing import NamedTuple

from tierwise.workloads import Observed, Recogniser, Templates, learn_templates

HERE = Path(__file__).parent
HALVES = {"development": ("dev",), "held out": ("heldout",), "both in one log": ("dev", "heldout")}


class Score(NamedTuple):
    """How a grouping agrees with the labels, each 0 to 1 (the Rand index can fall below 0)."""

    calls: int
    templates: int
    groups: int
    rand: float
    precision: float
    recall: float
    homogeneity: float


def labelled(halves: tuple[str, ...], seed: int = 1, scale: float = 1.0):
    spec = importlib.util.spec_from_file_location("grouping_made", HERE / "grouping" / "made.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made.log(halves, seed, scale)


def learnt(requests, key: bytes = b"") -> Templates:
    """Templates of a log, the way the audit learns them."""
    recogniser = Recogniser(key)
    seen = Counter()
    for request in requests:
        facts = recogniser.recognise(request)
        tools = tuple(tool.digest for tool in facts.template.tools)
        seen[facts.template.base, facts.template.segments, facts.opening, tools] += 1
    return learn_templates(
        Observed(base=base, segments=segments, opening=opening, tools=tools, calls=calls)
        for (base, segments, opening, tools), calls in seen.items()
    )


def grouped(requests, templates: Templates, key: bytes = b"") -> list[int]:
    recogniser = Recogniser(key, templates)
    return [recogniser.recognise(request).workload for request in requests]


def score(truth: Sequence[Hashable], found: Sequence[Hashable]) -> Score:
    """Adjusted Rand index, pair precision and recall, homogeneity (Rosenberg and Hirschberg 2007)."""
    cells = Counter(zip(truth, found, strict=True))
    rows, columns = Counter(truth), Counter(found)
    total = len(truth)
    both = sum(comb(n, 2) for n in cells.values())
    true = sum(comb(n, 2) for n in rows.values())
    made = sum(comb(n, 2) for n in columns.values())
    chance = true * made / comb(total, 2)
    mean = (true + made) / 2
    entropy = -sum(n / total * log(n / total) for n in rows.values())
    given = -sum(n / total * log(n / columns[group]) for (_, group), n in cells.items())
    return Score(
        calls=total,
        templates=len(rows),
        groups=len(columns),
        rand=1.0 if mean == chance else (both - chance) / (mean - chance),
        precision=both / made if made else 1.0,
        recall=both / true if true else 1.0,
        homogeneity=1 - given / entropy if entropy else 1.0,
    )


def measure(
    halves: tuple[str, ...], *, learn: bool = True, seed: int = 1, scale: float = 1.0
) -> tuple[Score, list[tuple[str, int]]]:
    """The score of one labelled log, and its (label, group) pairs."""
    calls = labelled(halves, seed, scale)
    requests = [request for _, request in calls]
    truth = [name for name, _ in calls]
    found = grouped(requests, learnt(requests) if learn else Templates())
    return score(truth, found), list(zip(truth, found, strict=True))


def main() -> None:
    print(
        "| labelled log | calls | templates | groups | adjusted Rand | pair precision | pair recall | homogeneity |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, halves in HALVES.items():
        for learn in (True, False):
            got, _ = measure(halves, learn=learn)
            label = name if learn else f"{name}, nothing learned"
            print(
                f"| {label} | {got.calls:,} | {got.templates} | {got.groups} | {got.rand:.3f} | "
                f"{got.precision:.3f} | {got.recall:.3f} | {got.homogeneity:.3f} |"
            )


if __name__ == "__main__":
    main()
