"""What a rule takes a scorer's numbers for: which rungs may have this call, and the words for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from tierwise.catalog import Catalog
from tierwise.errors import CatalogError
from tierwise.policy._scorer import Scored
from tierwise.policy._state import Chance, Scores, State
from tierwise.policy._types import OWN_SCORER, Policy, Rule, ScorerRule

SCORE_UNIT: Final = 10_000
"""What the chances of a State are counted in."""


def scores_of(scored: Scored, scoring: ScorerRule, policy: Policy) -> Scores:
    """A scorer's numbers as a decision may see them: whole ten-thousandths, lower ends rounded down.

    Of rungs that the policy's ladder does not have nothing is kept, nor of any but the cheapest of a
    scorer that is free of a ladder.

    Raises:
        ValueError: Numbers that are no chances.
    """
    ladder = policy.ladder.models
    kept = scored.rungs[:1] if scoring.general else tuple(r for r in scored.rungs if r.rung in ladder)
    told = scored.digest if scored.digest.isascii() else ""
    return Scores(
        scorer=scoring.scorer,
        artefact=told[:64] if scoring.scorer == OWN_SCORER else "",
        rungs=tuple(Chance(r.rung, round(_share(r.chance) * SCORE_UNIT), _down(_share(r.low))) for r in kept),
        support=_down(_share(scored.support)),
        known=bool(scored.known),
    )


def _share(number: float) -> float:
    found = float(number)
    if not (math.isfinite(found) and 0 <= found <= 1):
        raise ValueError(f"expected a chance from 0 to 1, got {found}")
    return found


def _down(share: float) -> int:
    # What was 0.95 before it was a float is 0.95.
    return math.floor(share * SCORE_UNIT + 1e-6)


def not_scored(rule: Rule, policy: Policy, state: State, asked: str, prices: Catalog) -> str | None:
    """Why the rule's scorer lets the call go to no rung below the one asked for.

    None where it lets it go to one, where the rule asks no scorer or goes nowhere, and for a
    conversation that is held to the model that answered before. `asked` is the catalog's name of a model.
    """
    scoring, scores = rule.scorer, state.scored
    below = () if scoring is None else tuple(_below(rule, policy, asked, prices))
    if scoring is None or not below or held_already(state):
        return None
    name = _called(scoring, scores)
    if scores is None or scores.scorer != scoring.scorer:
        return f"no score of this call by {name}: it needs the call's text and the scorer at hand"
    if scores.why_not:
        return f"{name} failed: {scores.why_not}"
    if not scores.known:
        return f"{name} has not seen such a call, support {scores.support / SCORE_UNIT:.4f}"
    if not any(holds(rule, state, model) for model in below):
        told = ", ".join(_said(scoring, scores, model) for model in below)
        return f"no rung below holds by {name}: {told}"
    return None


def _below(rule: Rule, policy: Policy, asked: str, prices: Catalog) -> Iterator[str]:
    """The rungs that the rule may go to, cheapest first, by the catalog's names."""
    if rule.model is None:
        return
    try:
        first = prices.resolve(rule.model).model.name
    except CatalogError:
        return
    if first == asked:
        return
    yield first
    models = policy.ladder.models
    if first in models and (rule.unproven or not rule.evidence):
        for name in models[models.index(first) + 1 :]:
            if name == asked:
                return
            yield name


def held_already(state: State) -> bool:
    """Whether the conversation is held to the model that answered before, which no score undoes."""
    return state.sent is not None and state.sent.linked is not None and state.session_rung is not None


def holds(rule: Rule, state: State, model: str) -> bool:
    """Whether the rule's scorer lets a call go to a model, by the catalog's name; True where it asks none."""
    if rule.scorer is None or held_already(state):
        return True
    chance = chance_of(rule.scorer, state.scored, model)
    least = _least(rule.scorer, model)
    return chance is not None and least is not None and chance.low >= least * SCORE_UNIT


def scored_reason(rule: Rule, state: State, model: str) -> str | None:
    """The numbers that a rung holds or falls short by; None where the rule asks no scorer."""
    scoring, scores = rule.scorer, state.scored
    if scoring is None or scores is None or held_already(state):
        return None
    return f"scored by {_called(scoring, scores)}: {_said(scoring, scores, model)}"


def chance_of(scoring: ScorerRule, scores: Scores | None, model: str) -> Chance | None:
    """What was scored of a rung; of a scorer that is free of a ladder, of weaker models in general."""
    if scores is None:
        return None
    return next((one for one in scores.rungs if scoring.general or one.rung == model), None)


def _least(scoring: ScorerRule, model: str) -> Decimal | None:
    return scoring.quality if scoring.quality is not None else scoring.least.get(model)


def _said(scoring: ScorerRule, scores: Scores, model: str) -> str:
    chance, least = chance_of(scoring, scores, model), _least(scoring, model)
    if chance is None:
        return f"{model} was not scored"
    wanted = "none is wanted" if least is None else f"{least:f} wanted"
    return f"{model} holds with {chance.chance / SCORE_UNIT:.4f}, at least {chance.low / SCORE_UNIT:.4f}, {wanted}"


def _called(scoring: ScorerRule, scores: Scores | None) -> str:
    if scoring.scorer != OWN_SCORER:
        return f"scorer {scoring.scorer:.12}"
    artefact = scores.artefact if scores is not None else ""
    return f"the scorer plugged in, {artefact:.12}" if artefact else "the scorer plugged in"
