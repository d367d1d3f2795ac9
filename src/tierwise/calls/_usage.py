"""OpenAI's usage objects turned into disjoint Tokens, and service tiers into lanes.

Field names: Chat Completions and Responses API references (openai 3.57 types). Cached and
written tokens are parts of the input, reasoning a part of the output.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from tierwise.calls._coerce import usage_shape
from tierwise.calls._values import mapping, tokens
from tierwise.catalog import MOST_TOKENS, WINDOWS, Lane, LaneBasis, Tokens, served_lane
from tierwise.errors import Unpriced


class Written(msgspec.Struct, frozen=True, gc=False):
    """Cache writes by lifetime."""

    ttl_30m_tokens: int | None = None
    ttl_12h_tokens: int | None = None


class CachedParts(msgspec.Struct, frozen=True, gc=False):
    """Cached tokens by kind."""

    audio_tokens: int | None = None


class InputParts(msgspec.Struct, frozen=True):
    """`prompt_tokens_details` or `input_tokens_details`."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_tokens_details: Written | None = None
    cached_tokens_details: CachedParts | None = None
    audio_tokens: int | None = None


class OutputParts(msgspec.Struct, frozen=True, gc=False):
    """`completion_tokens_details` or `output_tokens_details`."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class Usage(msgspec.Struct, frozen=True):
    """A usage object of either endpoint."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_tokens_details: InputParts | None = None
    completion_tokens_details: OutputParts | None = None
    input_tokens_details: InputParts | None = None
    output_tokens_details: OutputParts | None = None


_NO_INPUT_PARTS = InputParts()
_NO_OUTPUT_PARTS = OutputParts()


def tokens_of(usage: Usage) -> Tokens | None:
    """Disjoint tokens of a usage object; None when it counts nothing.

    Raises:
        BadRecord: 'impossible usage', naming the counts.
    """
    asked = usage.prompt_tokens if usage.input_tokens is None else usage.input_tokens
    given = usage.completion_tokens if usage.output_tokens is None else usage.output_tokens
    if asked is None and given is None:
        return None
    asked, given = asked or 0, given or 0
    into = usage.input_tokens_details or usage.prompt_tokens_details or _NO_INPUT_PARTS
    out = usage.output_tokens_details or usage.completion_tokens_details or _NO_OUTPUT_PARTS
    if into.cache_write_tokens or into.cache_write_tokens_details or into.audio_tokens or out.audio_tokens:
        return _with_all_parts(asked, given, into, out)
    cached, reasoning = into.cached_tokens or 0, out.reasoning_tokens or 0
    if 0 <= cached <= asked <= MOST_TOKENS and 0 <= reasoning <= given <= MOST_TOKENS:
        # What disjoint_tokens answers when nothing was written and nothing is audio.
        return Tokens(uncached=asked - cached, cached=cached, output=given - reasoning, reasoning=reasoning)
    return tokens(input=asked, output=given, cached=cached, reasoning=reasoning)


def _with_all_parts(asked: int, given: int, into: InputParts, out: OutputParts) -> Tokens:
    cached, audio = into.cached_tokens or 0, into.audio_tokens or 0
    parts = into.cache_write_tokens_details
    half_day = (parts.ttl_12h_tokens or 0) if parts else 0
    written = into.cache_write_tokens or 0
    if parts and not written:
        written = (parts.ttl_30m_tokens or 0) + half_day
    kinds = into.cached_tokens_details
    # Without a split, cached and audio overlap by no more than they must to fit the input.
    both = (kinds.audio_tokens or 0) if kinds else max(0, cached + audio - asked)
    return tokens(
        input=asked,
        output=given,
        cached=cached,
        written=written - half_day,
        written_12h=half_day,
        audio_input=audio,
        audio_cached=both,
        reasoning=out.reasoning_tokens or 0,
        audio_output=out.audio_tokens or 0,
    )


def usage_tokens(usage: Any) -> Tokens | None:
    """Disjoint tokens of a usage object given as plain values; None when it counts nothing.

    Lenient in form (digits in strings, whole floats), strict in sense.

    Raises:
        BadRecord: 'impossible usage', naming the count.
    """
    return tokens_of(msgspec.convert(usage_shape(mapping(usage)), Usage))


@lru_cache(maxsize=256)
def lane_of(served: str | None, asked: str | None) -> tuple[Lane, LaneBasis]:
    """The lane that service tiers mean, by `catalog.served_lane`; 'batch' is a lane here too.

    A tier that is no lane with a price ('scale') is standard, 'assumed': the response keeps the
    word, so whoever prices the call can refuse it by name.
    """
    if served == "batch":
        return "batch", "served"
    if asked == "batch" and not served:
        return "batch", "asked"
    try:
        return served_lane(asked, served)
    except Unpriced:
        return "standard", "assumed"


def window_lane(window: str | None) -> Lane | None:
    """The lane of a background completion window; None for none or an unknown one."""
    return next((lane for lane, said in WINDOWS.items() if said == window), None)
