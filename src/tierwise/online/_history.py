"""What finished calls taught: lengths of answers, their times, dated models. Running sums, bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from tierwise.catalog import Tokens
from tierwise.online._most import ENOUGH, Most
from tierwise.online._recent import Recent
from tierwise.policy import Latency, Learned, Lengths, Uses, lengths_against, use_name

WORKLOADS: Final = 5_000
"""Workloads whose lengths are kept."""
LEAST: Final = 20
"""Calls from which a length or a time is taken for learned."""
HALF: Final = 2_000
"""Calls of a rung after which older ones are given half their weight: models and prompts change."""


ABOVE_MEAN: Final = 5
"""The 99th percentile taken for that of answers of which an audit knows the mean: of lengths that fall
off exponentially it is 4.6 times the mean."""


class Sums(msgspec.Struct):
    """Of the calls of one workload on one rung."""

    calls: int = 0
    output: int = 0
    reasoning: int = 0

    def add(self, tokens: Tokens) -> None:
        """Take a call in."""
        if self.calls >= HALF:
            self.calls, self.output, self.reasoning = self.calls // 2, self.output // 2, self.reasoning // 2
        self.calls += 1
        self.output += tokens.output
        self.reasoning += tokens.reasoning

    @property
    def uses(self) -> Uses:
        """Their means."""
        return Uses(self.calls, self.output // self.calls, self.reasoning // self.calls)


class Line(msgspec.Struct):
    """Running least squares of milliseconds on output tokens."""

    n: float = 0
    x: float = 0
    y: float = 0
    xx: float = 0
    xy: float = 0

    def add(self, tokens: int, milliseconds: float) -> None:
        """Take a call in."""
        if self.n >= HALF:
            self.n, self.x, self.y, self.xx, self.xy = (
                value / 2 for value in (self.n, self.x, self.y, self.xx, self.xy)
            )
        self.n += 1
        self.x += tokens
        self.y += milliseconds
        self.xx += tokens * tokens
        self.xy += tokens * milliseconds

    @property
    def latency(self) -> Latency:
        """The line that fits best, neither part of it negative."""
        spread = self.xx - self.x * self.x / self.n
        slope = max(0.0, (self.xy - self.x * self.y / self.n) / spread) if spread > 0 else 0.0
        first = (self.y - slope * self.x) / self.n
        if first < 0:
            first, slope = 0.0, self.xy / self.xx if self.xx else 0.0
        return Latency(first=round(first), token=round(slope * 1000))


class History:
    """Learned by an audit, and from the calls since."""

    def __init__(self, learned: Learned | None = None) -> None:
        self._learned = learned or Learned()
        self._uses: Recent[int, dict[str, Sums]] = Recent(WORKLOADS)
        self._most: Recent[int, dict[str, Most]] = Recent(WORKLOADS)
        self._lines: dict[str, Line] = {}
        self._latency: dict[str, Latency] = dict(self._learned.latency)
        self._snapshots: dict[str, str] = {}

    def add(self, workload: int, model: str, effort: str | None, tokens: Tokens) -> None:
        """Learn lengths of a call that ended well."""
        rungs = self._uses.get(workload) or self._uses.put(workload, {})
        rungs.setdefault(use_name(model, effort), Sums()).add(tokens)

    def add_most(self, workload: int, model: str, effort: str | None, output: int) -> None:
        """Learn how much a call wrote for one answer, however it ended."""
        rungs = self._most.get(workload) or self._most.put(workload, {})
        rungs.setdefault(use_name(model, effort), Most()).add(output)

    def most_output(self, workload: int, model: str, effort: str | None) -> int | None:
        """Output tokens, reasoning among them, that 99 of 100 answers of the workload there do not pass.

        Where it was not seen often enough there, the most of the rungs it was; else by the mean that
        an audit learned. None where it was seen nowhere.
        """
        rungs = self._most.get(workload) or {}
        here = rungs.get(use_name(model, effort))
        if here is not None and here.tokens is not None:
            return here.tokens
        known = [most.tokens for most in rungs.values() if most.tokens is not None]
        if known:
            return max(known)
        uses = self._learned.uses.get(workload, {})
        mean = uses.get(use_name(model, effort)) or max(
            uses.values(), key=lambda use: use.calls, default=None
        )
        if mean is None or mean.calls < ENOUGH:
            return None
        return ABOVE_MEAN * (mean.output + mean.reasoning)

    def add_time(self, model: str, lane: str, tokens: int, microseconds: int) -> None:
        """Learn how long a call took."""
        name = f"{model} {lane}"
        line = self._lines.setdefault(name, Line())
        line.add(tokens, microseconds / 1000)
        if line.n >= LEAST:
            self._latency[name] = line.latency

    def add_snapshot(self, model: str, served: str) -> None:
        """Learn which dated model serves a name."""
        self._snapshots[model] = served

    def answer(self, workload: int, model: str, effort: str | None) -> tuple[int, int | None] | None:
        """Visible output and reasoning tokens of the workload's answers there.

        Where it was not seen there, the visible output of the rung it was seen most on, and None
        for reasoning. None where it was seen nowhere.
        """
        uses = self._of(workload)
        found = uses.get(use_name(model, effort))
        if found is not None:
            return found.output, found.reasoning
        most = max(uses.values(), key=lambda use: use.calls, default=None)
        return (most.output, None) if most is not None else None

    def lengths(self, workload: int, model: str, effort: str | None) -> dict[str, Lengths]:
        """Lengths of its answers on other models, against `model` at `effort`."""
        return lengths_against(self._of(workload), model, effort)

    @property
    def latency(self) -> Mapping[str, Latency]:
        """Times by 'MODEL LANE', as a value of its own."""
        return dict(self._latency)

    @property
    def snapshots(self) -> Mapping[str, str]:
        """Dated models by name, as a value of its own."""
        return dict(self._snapshots)

    def _of(self, workload: int) -> dict[str, Uses]:
        """What the audit learned, and over it what was seen often enough since."""
        found = dict(self._learned.uses.get(workload, {}))
        seen = self._uses.get(workload)
        if seen:
            found.update({name: sums.uses for name, sums in seen.items() if sums.calls >= LEAST})
        return found
