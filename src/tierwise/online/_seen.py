"""Tokens of a call whose usage never came: estimated from its prompt and from what was seen of its answer."""

from __future__ import annotations

from typing import Final

import msgspec

from tierwise.calls import Call, Response
from tierwise.catalog import Tokens, count_tokens
from tierwise.workloads import Facts

MOST_COUNTED: Final = 200_000
"""Characters of an answer that are counted exactly; of a longer one the rest is taken for four a token."""


def with_estimate(call: Call, facts: Facts | None) -> tuple[Call, bool]:
    """The call with tokens, and whether they are an estimate.

    A call that failed was not billed and has none. Reasoning is hidden, so that an estimate is
    too low for a model that reasons.
    """
    response = call.response
    if call.tokens is not None or facts is None or response is None or call.status == "error":
        return call, False
    if not response.text and not response.arguments and call.status != "abandoned":
        return call, False
    tokens = Tokens(uncached=facts.input_tokens, output=_seen(response))
    return msgspec.structs.replace(call, tokens=tokens), True


def _seen(response: Response) -> int:
    text = "\n".join((response.text, *response.tool_calls, *response.arguments))
    return count_tokens(text[:MOST_COUNTED]) + max(0, len(text) - MOST_COUNTED) // 4
