"""Parts of a population that a mean could hide: by tag, script, length and label."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from tierwise.calls import Call, Response
from tierwise.prove._bench import SLICE_LOSS, Design
from tierwise.prove._clusters import newest_turn
from tierwise.prove._graders.labels import Label
from tierwise.prove._score import Reference, text_of
from tierwise.stats import MeanTest

FEWEST: Final = 30
"""Calls below which a slice says nothing."""
MOST: Final = 40
"""Slices that are looked at, the largest."""
_BANDS: Final = ((1_000, "input below 1,000 tokens"), (8_000, "input of 1,000 to 8,000 tokens"))
_SAMPLE: Final = 400


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """How the rung did on a part of the calls."""

    name: str
    """Tags as they are, labels as a keyed digest."""
    calls: int
    loss: float
    """Mean of s(baseline) - s(rung), in points; below 0 where the rung does better."""
    blocks: bool
    """Whether it clearly loses more than the margin and `SLICE_LOSS`."""


def names_of(call: Call, reference: Reference, grader: object, key: bytes) -> list[str]:
    """The slices that a call is in."""
    found = [f"tag {tag}" for tag in call.tags]
    tokens = call.tokens.input_total if call.tokens is not None else 0
    if tokens:
        found.append(next((name for most, name in _BANDS if tokens < most), "input above 8,000 tokens"))
    if script := script_of(newest_turn(call.request)):
        found.append(f"script {script}")
    if isinstance(grader, Label) and not (isinstance(reference, Response) and reference.refusal):
        label = grader.read(text_of(reference)).encode("utf-8", "surrogatepass")
        found.append(f"label {blake2b(label, key=key[:64], person=b'slice', digest_size=4).hexdigest()}")
    return found


def script_of(text: str) -> str:
    """The script that most letters at the beginning of a text are of, as Unicode names it; '' for none."""
    counts: dict[str, int] = {}
    for sign in text[:_SAMPLE]:
        if sign.isalpha() and (name := unicodedata.name(sign, "")):
            script = name.split(" ")[0].split("-")[0].lower()
            counts[script] = counts.get(script, 0) + 1
    return max(counts, key=lambda script: (counts[script], script)) if counts else ""


def slices_of(seen: Iterable[tuple[Sequence[str], float, float]], plan: Design) -> tuple[Slice, ...]:
    """The slices with enough calls, worst first.

    Args:
        seen: Names, score of the rung and of the baseline of each call, in their order.
        plan: The design whose margin and level count; the level is divided by the number of slices, so that
            seldom any is blamed by chance.
    """
    groups: dict[str, list[tuple[float, float]]] = {}
    for names, rung, baseline in seen:
        for name in names:
            groups.setdefault(name, []).append((rung, baseline))
    enough = sorted(
        (name for name in groups if len(groups[name]) >= FEWEST), key=lambda n: (-len(groups[n]), n)
    )
    enough = enough[:MOST]
    found = []
    for name in enough:
        test = MeanTest(plan.low + SLICE_LOSS, plan.high + SLICE_LOSS, alpha=plan.level / len(enough))
        for rung, baseline in groups[name]:
            test.add(rung - plan.rho * baseline + plan.delta + SLICE_LOSS)
        loss = sum(baseline - rung for rung, baseline in groups[name]) / len(groups[name])
        found.append(Slice(name=name, calls=len(groups[name]), loss=round(loss, 6), blocks=test.falls))
    return tuple(sorted(found, key=lambda one: (-one.loss, one.name)))
