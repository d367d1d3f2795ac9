"""From evidence to rules of a first policy: what holds goes on, with the saving that was measured."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec

from tierwise.cli._verify import files
from tierwise.errors import ConfigurationError
from tierwise.policy import Bar, Stage, Suggestion
from tierwise.prove import Verified, verify

STAGES: dict[str, Stage] = {
    "holds (gold)": "on",
    "holds (human-corrected)": "on",
    "holds per step": "canary",
}
"""How far each verdict carries a rule; the others leave it off."""


class Proved:
    """The evidence of a folder, worked out again.

    Args:
        folder: Of evidence.
        policy: Where the policy will be.
        today: Evidence that has expired carries nothing.

    Raises:
        ConfigurationError: A file that does not hold, or bars that no one policy can have.
    """

    def __init__(self, folder: Path, policy: Path, today: dt.date) -> None:
        self._policy, self._today = policy, today
        self._found: dict[str, list[tuple[Path, Verified]]] = {}
        for path in files([folder]):
            verified = verify(path.read_bytes(), str(path))
            self._found.setdefault(verified.evidence.workload, []).append((path, verified))
        self.bar = self._bar()
        counts = Counter(one.evidence.baseline.model for group in self._found.values() for _, one in group)
        self.baseline = counts.most_common(1)[0][0]
        """The model that most of what was proved asked for."""

    def _bar(self) -> Bar:
        carrying = [
            best.evidence for group in self._found.values() if (best := self._best(group)[1]) is not None
        ]
        measures = {one.measure for one in carrying}
        if len(measures) > 1:
            raise ConfigurationError(
                "expected evidence for one bar, found some in points and some in a share; keep one kind in the folder"
            )
        if not carrying:
            return Bar()
        return Bar(
            margin=max(one.margin for one in carrying),
            measure=carrying[0].measure,
            confidence=min(one.confidence for one in carrying),
        )

    def _best(self, group: Iterable[tuple[Path, Verified]]) -> tuple[Path | None, Verified | None]:
        """The evidence of the lowest rung that carries a rule; None where none does."""
        carrying = [
            (path, one)
            for path, one in group
            if one.verdict in STAGES and one.evidence.expires >= self._today
        ]
        # Of several proofs, the farthest down its order; of equals, the newest.
        carrying.sort(key=lambda pair: (pair[1].proof.place, pair[1].evidence.created, str(pair[0])))
        return carrying[-1] if carrying else (None, None)

    def over(self, suggestions: Iterable[Suggestion]) -> list[Suggestion]:
        """Suggestions of an audit, with what was proved in the place of what was proposed; and those of evidence alone."""
        found = []
        seen = set()
        for one in suggestions:
            seen.add(one.workload)
            found.append(self._with(one))
        return found + [self._with(self._alone(workload)) for workload in self._found if workload not in seen]

    def _alone(self, workload: str) -> Suggestion:
        _, first = self._found[workload][0]
        spend = first.proof.spend
        return Suggestion(
            workload=workload,
            label=f"workload {workload}",
            task="unknown",
            depth="unknown",
            calls=first.proof.population.calls,
            spend=_of_all(spend.baseline, first),
            saves=Decimal(0),
            model=first.evidence.baseline.model,
        )

    def _with(self, suggestion: Suggestion) -> Suggestion:
        group = self._found.get(suggestion.workload, [])
        path, best = self._best(group)
        if path is None or best is None:
            said = "; ".join(f"{one.evidence.rung}: {one.verdict}, {one.reason}" for _, one in group)
            return msgspec.structs.replace(suggestion, proof=f"Proof: {said}" if said else "")
        spend, evidence = best.proof.spend, best.evidence
        saved = spend.baseline - spend.rung
        share = f"{saved / spend.baseline:.0%} less, " if spend.baseline else ""
        points = best.proof.points
        return msgspec.structs.replace(
            suggestion,
            saves=_of_all(saved, best),
            proposed=evidence.rung.model,
            effort=evidence.rung.effort,
            evidence=os.path.relpath(path, self._policy),
            stage=STAGES[best.verdict],
            proof=(
                f"Proved, {best.verdict}: {share}${_of_all(saved, best):.2f} on the log's calls as measured; quality "
                f"{points.estimate * 100:+.1f} points ({points.lower * 100:+.1f} to {points.upper * 100:+.1f})"
            ),
        )


def _of_all(amount: Decimal, one: Verified) -> Decimal:
    """What was measured on the calls of the overall test, for all calls of the population."""
    tested = one.proof.tested
    return amount * one.proof.population.calls / tested if tested else Decimal(0)
