"""Scores task and depth on the labelled prompts: `python tests/workloads/score.py`.

Three sets, all written by the author of the lexicon:
    dev      to tune on.
    heldout  written before the lexicon and never tuned on; its author knew its words when
             writing the lexicon, so it flatters.
    blind    written after lexicon and rules were frozen, and scored once. The number to trust.

`python tests/workloads/score.py dev` also lists what is wrong in dev.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tierwise.workloads._depth import judge, read_template, read_turn
from tierwise.workloads._signals import ToolText, Verdict

HERE = Path(__file__).parent / "labelled"
SETS = ("dev", "heldout", "blind")
ORDER = ("commodity", "routine", "professional", "frontier")


def load(name: str) -> list[dict[str, Any]]:
    """Labelled prompts of a set: 'dev', 'heldout' or 'blind'."""
    return [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def verdict_of(row: dict[str, Any]) -> Verdict:
    """What the signals say of one labelled prompt."""
    schema = json.dumps(row["schema"]).encode() if row["schema"] else b""
    template = read_template(row["instructions"], tuple(ToolText(n) for n in row["tools"]), schema, "chat")
    return judge(template, read_turn(row["turn"], material=template.material))


def lower(given: str, right: str) -> bool:
    """Whether a label is the dangerous kind of wrong: less depth than the work needs."""
    return given in ORDER and right in ORDER and ORDER.index(given) < ORDER.index(right)


def score(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Shares over a set of prompts, 0 to 1.

    task and depth: right; known: depth given at all; depth_known: right where given;
    lowered: labelled below the right depth; lowered_deep: the same among professional and
    frontier prompts, the dangerous direction; deep_to_commodity: of these, down to commodity.
    """
    met: Counter[str] = Counter()
    for row in rows:
        found = verdict_of(row)
        deep = row["depth"] in {"professional", "frontier"}
        met["task"] += found.task == row["task"]
        met["depth"] += found.depth == row["depth"]
        met["known"] += found.depth != "unknown"
        met["depth_known"] += found.depth != "unknown" and found.depth == row["depth"]
        met["lowered"] += lower(found.depth, row["depth"])
        met["raised"] += lower(row["depth"], found.depth)
        met["deep"] += deep
        met["lowered_deep"] += deep and lower(found.depth, row["depth"])
        met["deep_to_commodity"] += deep and found.depth == "commodity"
    total = len(rows)
    return {
        "prompts": total,
        "languages": len({row["language"] for row in rows}),
        "task": met["task"] / total,
        "depth": met["depth"] / total,
        "known": met["known"] / total,
        "depth_known": met["depth_known"] / max(met["known"], 1),
        "lowered": met["lowered"] / total,
        "raised": met["raised"] / total,
        "lowered_deep": met["lowered_deep"] / max(met["deep"], 1),
        "deep_to_commodity": met["deep_to_commodity"] / max(met["deep"], 1),
    }


def table() -> str:
    """A markdown table of the sets."""
    sets = {name: score(load(name)) for name in SETS}
    lines = [f"| score | {' | '.join(SETS)} |", f"|---|{'---|' * len(SETS)}"]
    for name in sets["dev"]:
        shown = "{:.0f}" if name in {"prompts", "languages"} else "{:.1%}"
        cells = " | ".join(shown.format(sets[each][name]) for each in SETS)
        lines.append(f"| {name.replace('_', ' ')} | {cells} |")
    return "\n".join(lines)


def errors(name: str) -> str:
    """Wrong prompts of a set, for tuning on dev."""
    lines = []
    for row in load(name):
        found = verdict_of(row)
        if (found.task, found.depth) != (row["task"], row["depth"]):
            lines.append(
                f"{row['id']} {row['task']}/{row['depth']} -> {found.task}/{found.depth} {found.score} {found.signals}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(errors(sys.argv[1]))  # noqa: T201  # a script that prints
    print(table())  # noqa: T201  # same
