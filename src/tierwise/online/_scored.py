"""Scores of a live call by the scorer that its rule names, as numbers for the decision."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from tierwise.calls import Request
from tierwise.policy import OWN_SCORER, Live, Policy, Rule, Scorer, Scores, scores_of
from tierwise.workloads import Facts

_LOG: Final = logging.getLogger("tierwise")
Scorers = Mapping[str, Scorer]
"""By `ScorerRule.scorer`."""
NO_SCORERS: Final[Scorers] = {}


def scorers_of(live: Live | None, own: Scorer | None = None) -> dict[str, Scorer]:
    """The scorers that a policy's rules name, read; and `own`, which a program plugs in.

    Raises:
        ConfigurationError: A file that is whole and yet no scorer.
    """
    found: dict[str, Scorer] = {OWN_SCORER: own} if own is not None else {}
    if live is not None and live.scorers:
        from tierwise.router import decode

        found.update((digest, decode(data, f"scorer {digest:.12}")) for digest, data in live.scorers.items())
    return found


def scored(rule: Rule, policy: Policy, request: Request, facts: Facts, scorers: Scorers) -> Scores | None:
    """What the rule's scorer says of a call; None where the rule asks none, or the one it asks is not at hand.

    A scorer that fails, or gives what are no chances, says so in `Scores.why_not`: never raises.
    """
    scoring = rule.scorer
    scorer = scorers.get(scoring.scorer) if scoring is not None and rule.stage != "off" else None
    if scoring is None or scorer is None:
        return None
    try:
        return scores_of(scorer(request, facts), scoring, policy)
    except Exception as fault:  # noqa: BLE001 - the call is worth more than its score
        _LOG.exception("a scorer failed; the call goes as asked")
        return Scores(scorer=scoring.scorer, why_not=type(fault).__name__)
