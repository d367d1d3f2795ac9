"""A first policy: every move that an audit proposes, off, with its saving and its reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from tierwise.catalog import Lane
from tierwise.policy._types import Bar, Stage

WIDTH: Final = 100
"""Columns of a comment."""
LONGEST_NAME: Final = 48
CANARY: Final = "0.05"
"""Share of sessions of a rule that evidence carries as a canary alone."""
_NOT_NAME = re.compile(r"[^a-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit proposes for one workload."""

    workload: str
    """16 hex digits."""
    label: str
    task: str
    depth: str
    calls: int
    spend: Decimal
    """USD that its calls cost in the log."""
    saves: Decimal
    """USD that it could save by tools, cache, tier, effort and lane together."""
    model: str
    """The model most of its spend goes to."""
    proposed: str | None = None
    """The model that most of its calls would move to; None where they stay."""
    effort: str | None = None
    lane: Lane | None = None
    reasons: tuple[str, ...] = ()
    evidence: str | None = None
    """Path of evidence that its rule rests on, from the policy's folder; `proposed` and `effort` are its rung."""
    stage: Stage = "off"
    """As far as the evidence carries."""
    proof: str = ""
    """What a proof came to, in a sentence; '' where there was none."""


def first_policy(
    suggestions: Iterable[Suggestion],
    *,
    ladder: str,
    baseline: str,
    learned: str | None = None,
    key: str | None = None,
    schema: str | None = None,
    bar: Bar | None = None,
) -> str:
    """The text of a policy in which nothing is on but what evidence carries.

    Args:
        suggestions: By workload; those that propose nothing are left out.
        ladder: Name of the ladder that they are on.
        baseline: Model of calls that ask for 'auto'.
        learned: The file of what the audit learned, from the policy's folder.
        key: The file of the owner's key, likewise.
        schema: Where editors find the JSON schema.
        bar: The bar that evidence is for, where it is not the usual one.
    """
    proposed = [s for s in suggestions if s.proposed or s.effort or s.lane]
    proposed.sort(key=lambda s: (-s.saves, s.workload))
    parts = [_head(proposed, ladder, baseline, schema, {"learned": learned, "key": key})]
    if bar is not None and bar != Bar():
        parts.append(
            f"[bar]\nmargin = {bar.margin}\nmeasure = {_text(bar.measure)}\nconfidence = {bar.confidence}\n"
        )
    names: set[str] = {"default"}
    parts += [_rule(suggestion, _name(suggestion, names)) for suggestion in proposed]
    parts.append('# Calls that no rule matches go as they were asked for.\n[default]\nstage = "off"\n')
    return "\n".join(parts)


def _head(
    proposed: list[Suggestion], ladder: str, baseline: str, schema: str | None, files: dict[str, str | None]
) -> str:
    open_ = [s for s in proposed if s.stage == "off"]
    saves = sum((s.saves for s in open_), Decimal(0))
    lines = [f"#:schema {schema}"] if schema else []
    rest = "Every rule is off" if len(open_) == len(proposed) else "Rules without evidence are off"
    lines += [
        f"# Written by `tierwise policy init`. {rest}: nothing changes there until a stage is set.",
        "# A rule goes on with evidence, or with unproven = true and approved_by; shadow first is free.",
        f"# Could save, unproven: {len(open_)} rules, ${saves:.2f} of the audited period.",
        "version = 1",
        f"ladder = {_text(ladder)}",
        f"baseline = {_text(baseline)}",
        *(f"{name} = {_text(path)}" for name, path in files.items() if path is not None),
    ]
    return "\n".join(lines) + "\n"


def _name(suggestion: Suggestion, names: set[str]) -> str:
    """A short name of its own, from the label."""
    plain = _NOT_NAME.sub("-", suggestion.label.lower())[:LONGEST_NAME].strip("-")
    name = plain or f"workload-{suggestion.workload[:8]}"
    if name in names:
        name = f"{name}-{suggestion.workload[:8]}"
    while name in names:
        name += "-"
    names.add(name)
    return name


def _rule(suggestion: Suggestion, name: str) -> str:
    s = suggestion
    about = f"{s.task}, {s.depth}: {s.calls:,} calls, ${s.spend:.2f} on {s.model}"
    rung = [f"model = {_text(s.proposed)}"] if s.proposed else []
    rung += [f"effort = {_text(s.effort)}"] if s.effort else []
    lines = [
        _comment(s.label),
        _comment(about),
        _comment(s.proof or f"Could save ${s.saves:.2f}, unproven."),
        *(_comment(f"- {reason}") for reason in s.reasons),
        "[[rule]]",
        f"name = {_text(name)}",
        f"match = {{ workload = {_text(s.workload)} }}",
    ]
    if rung:
        lines.append(f"rung = {{ {', '.join(rung)} }}")
    if s.lane:
        lines += [f"lanes = [{_text(s.lane)}]", 'deadline = "24h"']
    if s.evidence:
        lines.append(f"evidence = {_text(s.evidence)}")
    if s.stage == "canary":
        lines.append(f"share = {CANARY}")
    lines.append(f"stage = {_text(s.stage)}")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    """One line of comment, whatever stands in the text."""
    plain = " ".join(_CONTROL.sub(" ", text).split())
    return f"# {plain if len(plain) <= WIDTH else plain[: WIDTH - 1] + '…'}"


def _text(value: str | None) -> str:
    """A TOML basic string: JSON's escapes are among TOML's, once DEL is escaped and surrogates are gone."""
    return json.dumps(_CONTROL.sub(" ", value or ""), ensure_ascii=False)
