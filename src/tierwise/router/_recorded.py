"""Outcomes out of recorded calls, as a ledger exports them: the score that was said of a call, on the rung that served it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from tierwise.calls import Recorded, decode_recorded, parse_request
from tierwise.catalog import Catalog
from tierwise.errors import TierwiseError
from tierwise.policy import Decision
from tierwise.router._text import Text, text_of
from tierwise.router._train import Outcome
from tierwise.workloads import Facts, facts_from

NO_SCORE = "no such score was said of them"
NO_TEXT = "their text is neither in the logs nor kept"
FAILED = "they did not end well, or it is not known which model served them"
DAMAGED = "their line does not read"
_DECISION = msgspec.json.Decoder(Decision)


class FromLedger(msgspec.Struct, frozen=True):
    """What recorded calls teach."""

    outcomes: tuple[Outcome, ...]
    left: Mapping[str, int]
    """Why calls were left out, each with how many."""


def recorded_outcomes(
    lines: Iterable[bytes], texts: Mapping[str, Text], prices: Catalog, *, name: str = "score"
) -> FromLedger:
    """One outcome for each call that has a score of that name, and whose text is there.

    The rung is the model that served the call, by the catalog's name. Its propensity is the canary's
    where the decision moved the call or left it out of the canary, else 1: a call that stayed in the canary
    would have stayed outside of it.

    Args:
        lines: Lines of a recorder file, as `tierwise ledger export` writes them.
        texts: By request digest or response id, as `texts_of` gives them. Text kept with a line goes first.
        prices: Knows which model a dated name is.
        name: Of the score that tells whether the bar is held.
    """
    left: Counter[str] = Counter()
    found = []
    for number, line in enumerate(lines, 1):
        outcome = _outcome(line, f"line {number}", texts, prices, name)
        if isinstance(outcome, str):
            left[outcome] += 1
        else:
            found.append(outcome)
    return FromLedger(tuple(found), dict(left))


def _outcome(line: bytes, place: str, texts: Mapping[str, Text], prices: Catalog, name: str) -> Outcome | str:
    """The outcome of a line, or why there is none."""
    try:
        call = decode_recorded(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return DAMAGED
    score = call.scores.get(name)
    if score is None or not 0 <= score <= 1:
        return NO_SCORE
    if call.status in {"error", "abandoned"} or call.served is None:
        return FAILED
    try:
        facts = facts_from(bytes(call.facts)) if bytes(call.facts) else None
        rung = prices.resolve(call.served).model.name
        propensity = _propensity(call)
        text = _kept(call, facts)
    except (TierwiseError, ValueError, msgspec.DecodeError, RecursionError):
        return DAMAGED
    names = [f"{facts.request:016x}" if facts is not None and facts.request else "", call.id or ""]
    text = text or next((texts[one] for one in names if one in texts), None)
    if text is None:
        return NO_TEXT
    return Outcome(
        request=next(filter(None, names), place),
        text=text,
        rung=rung,
        score=score,
        propensity=propensity,
        cost=float(call.cost or 0),
    )


def _kept(call: Recorded, facts: Facts | None) -> Text | None:
    """The text that was kept with the call."""
    if call.text is None or call.endpoint not in {"chat", "responses"}:
        return None
    return text_of(parse_request(call.endpoint, bytes(call.text.request)), facts)


def _propensity(call: Recorded) -> float:
    """Chance with which the call's rung was taken. Raises ValueError, DecodeError for a decision that does not read."""
    if not bytes(call.decision):
        return 1.0
    decision = _DECISION.decode(call.decision)
    if decision.propensity is None:
        return 1.0
    # A call outside of its canary is priced as asked alone; one within went through every lever.
    drawn = decision.plan.rung != decision.baseline or len(decision.steps) <= 1
    chance = float(decision.propensity) if drawn else 1.0
    if not 0 < chance <= 1:
        raise ValueError(f"expected a propensity above 0 and up to 1, got {chance}")
    return chance
