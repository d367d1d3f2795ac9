"""Reply: what the caller gets, and headers that tell what served it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from urllib.parse import quote

import msgspec

from tierwise.calls import Headers
from tierwise.online._admit import OURS
from tierwise.online._values import Answer, Routed

_PLAIN: Final = " !#$%&'()*+,-./:;<=>?@[]^_`{|}~\""
"""What stands in a header value as it is; other scripts go percent-encoded."""
_OF_BODY: Final = frozenset({"content-length", "content-encoding", "transfer-encoding"})


def told(identity: str, routed: Routed, cost: Decimal | None, cascade: str | None = None) -> Headers:
    """Headers that say what was decided and what it cost; none where nothing was decided."""
    decision = routed.decision
    if decision is None:
        return _named({"decision": identity, "reason": _plain(routed.reason)})
    # A call that upstream refused on the rung decided went as asked after all.
    moved = decision.moved and routed.carried
    rung, lane = (
        (decision.plan.rung, decision.plan.lane) if moved else (decision.baseline, decision.lane_asked)
    )
    expected = decision.expected_cost
    if not moved and decision.steps:
        expected = decision.steps[0].cost
    return _named(
        {
            "decision": identity,
            "rung": _plain(str(rung)),
            "lane": lane,
            "rule": _plain(decision.rule),
            "stage": decision.stage,
            "moved": "true" if moved else "false",
            "unproven": "true" if decision.unproven and moved else None,
            "expected-cost": f"{expected:f}" if expected is not None else None,
            "cost": f"{cost:f}" if cost is not None else None,
            "cascade": cascade,
            "reason": _plain(routed.reason),
        }
    )


def _named(values: dict[str, str | None]) -> Headers:
    return tuple([(OURS + name, value) for name, value in values.items() if value])


def _plain(value: str | None) -> str | None:
    """The beginning of a value of somebody's making, as a header can carry it."""
    if value is None:
        return None
    value = value[:500]
    return (
        value if value.isascii() and value.isprintable() and "%" not in value else quote(value, safe=_PLAIN)
    )


def without_body_headers(headers: Headers) -> Headers:
    """Headers of a reply whose body is not the one they were made for."""
    return tuple((name, value) for name, value in headers if name.lower() not in _OF_BODY)


def refusal(status: int, code: str, message: str, headers: Headers = ()) -> Answer:
    """A refusal of ours in the form of OpenAI's errors, which SDKs raise as they raise OpenAI's."""
    body = {"error": {"message": message, "type": "tierwise_error", "param": None, "code": code}}
    return Answer(
        status=status,
        headers=(("content-type", "application/json"), ("x-should-retry", "false"), *headers),
        body=msgspec.json.encode(body),
    )
