"""The arithmetic of the levers: what a call would use after each.

Written with operators that plain ints and whole numpy arrays share, so that one call (a
decision) and a million (an audit) go through the same lines. All counts are tokens; ratios
are integers per mille, so that results are ints and sums stay exact.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

Count = Any
"""An int, or a numpy array of int64 with one entry a call."""


class Use(NamedTuple):
    """Disjoint counts that the levers move between; audio is carried along untouched."""

    uncached: Count
    cached: Count
    written: Count
    output: Count
    reasoning: Count


def lesser(a: Count, b: Count) -> Count:
    """The smaller of two counts, entry by entry."""
    return (a + b - abs(a - b)) // 2


def at_least_0(a: Count) -> Count:
    """The count, or 0 where it is negative."""
    return (a + abs(a)) // 2


def scaled(count: Count, permille: Count) -> Count:
    """The count times permille / 1000, rounded half up; count must be at least 0."""
    return (count * permille + 500) // 1000


def without_tools(use: Use, dropped: Count) -> Use:
    """Leave out `dropped` tokens of tool definitions.

    Definitions stand at the very start of the prompt, so they are the first to be cached:
    what is dropped comes off the cached part as long as there is one.
    """
    from_cached = lesser(use.cached, dropped)
    from_written = lesser(use.written, dropped - from_cached)
    from_uncached = lesser(use.uncached, dropped - from_cached - from_written)
    return Use(
        use.uncached - from_uncached,
        use.cached - from_cached,
        use.written - from_written,
        use.output,
        use.reasoning,
    )


def warmed(use: Use, readable: Count) -> Use:
    """Read up to `readable` input tokens from the cache; never fewer than were read already.

    What is written stands before what is not, so the fee for writing is the first that a read spares.
    """
    gain = at_least_0(readable - use.cached)
    from_written = lesser(gain, use.written)
    from_uncached = lesser(gain - from_written, use.uncached)
    return Use(
        use.uncached - from_uncached,
        use.cached + from_written + from_uncached,
        use.written - from_written,
        use.output,
        use.reasoning,
    )


def moved(use: Use, *, output: Count, reasoning: Count, kept_warm: Count) -> Use:
    """Answer on another model: other lengths, and a cache that keeps `kept_warm` per mille.

    What the other model writes to its own cache is `rewritten`'s to say.
    """
    kept = scaled(use.cached, kept_warm)
    return Use(
        uncached=use.uncached + use.cached - kept,
        cached=kept,
        written=use.written,
        output=scaled(use.output, output),
        reasoning=scaled(use.reasoning, reasoning),
    )


WRITES_FROM: Final = 1024
"""Input tokens below which nothing is cached, and no fee for writing is charged. Source: OpenAI's
prompt-caching guide, gpt-5.6 and later."""


def rewritten(use: Use, charges: Count) -> Use:
    """What a model writes to its cache of the input that it could not read there.

    `charges` is 1 where the model has a fee for writing (gpt-5.6 and later), which then writes
    all of it; 0 where writing is free and such input is plain.
    """
    plain = use.uncached + use.written
    writes = plain * (charges * (plain + use.cached >= WRITES_FROM))
    return Use(plain - writes, use.cached, writes, use.output, use.reasoning)


def reading(use: Use, cached: Count, charges: Count) -> Use:
    """The same input with `cached` tokens of it read, more or fewer than before; `charges` as in `rewritten`."""
    whole = use.uncached + use.cached + use.written
    cached = lesser(cached, whole)
    return rewritten(Use(whole - cached, cached, 0, use.output, use.reasoning), charges)


def at_effort(use: Use, permille: Count) -> Use:
    """Reason for `permille` of the tokens as asked; the visible answer stays."""
    return Use(use.uncached, use.cached, use.written, use.output, scaled(use.reasoning, permille))
