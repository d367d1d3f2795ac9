"""What the prompt cache could have served: prefixes seen again while they were still warm.

Rules from OpenAI's prompt-caching guide (archived September 2026): a prefix of at least
1,024 tokens is cached, hits are reported in steps, an entry lives for some time after its last
use, and one machine takes about 15 requests a minute of one prefix and key. Model, effort,
verbosity, tools and schema are part of the prefix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tierwise.caching._keys import A_MINUTE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Column = npt.NDArray[np.int64]

MINIMUM_PREFIX = 1024
STEP = 128
ROUTED_BY = 256
"""Tokens at the start of a prompt whose hash picks the machine, beside the cache key."""
_MINUTE = 60_000_000


def readable(
    *,
    at: Any,
    key: Any,
    digests: Any,
    tokens: Any,
    window: Any,
    step: Any = STEP,
    minimum: Any = MINIMUM_PREFIX,
) -> Column:
    """Input tokens of each call that an earlier call had left in the cache.

    Args:
        at: n times in microseconds, ascending; a negative one is unknown and neither reads nor
            writes.
        key: n unsigned 64-bit values, equal for calls that may share a cache entry (model, effort,
            verbosity, cache key, machine).
        digests: levels x n unsigned 64-bit digests of growing prefixes; 0 where there is none.
        tokens: levels x n tokens of those prefixes.
        window: n microseconds for which an entry that the call's model keeps stays warm.
        step: tokens that hits are rounded down to, one or n of them.
        minimum: shortest prefix that is cached, one or n of them.

    Returns:
        n counts, multiples of the step, 0 below the minimum.
    """
    import numpy as np

    found = np.zeros(len(at), dtype=np.int64)
    call, level = _entries(at, digests, tokens, minimum)
    if not len(call):
        return found
    digest = digests[level, call] ^ (key[call] * np.uint64(0x9E3779B97F4A7C15))
    # Entries come in the order of the calls, so a stable sort keeps each digest's in time order.
    order = np.argsort(digest, kind="stable")
    digest, call, level = digest[order], call[order], level[order]
    warm = (digest[1:] == digest[:-1]) & (call[1:] != call[:-1])
    warm &= at[call[1:]] - at[call[:-1]] <= window[call[1:]]
    reader, at_level = call[1:][warm], level[1:][warm]
    np.maximum.at(found, reader, tokens[at_level, reader].astype(np.int64))
    rounded: Column = found - found % step
    return rounded


def machines(*, at: Any, key: Any, digests: Any, tokens: Any) -> Any:
    """The machine that each call reaches, counted from 0: the next one for every 15 calls in a minute.

    Args:
        at: n times in microseconds, ascending.
        key: n unsigned 64-bit values, equal for calls of one model, settings and cache key.
        digests: levels x n digests of growing prefixes; the first of 256 tokens stands for the start.
        tokens: levels x n tokens of those prefixes.

    Source: OpenAI's cookbook "Prompt Caching 201": beyond about 15 requests a minute of one prefix
    and key, calls overflow to another machine, which has to learn the prefix first.
    """
    import numpy as np

    n = len(at)
    found = np.zeros(n, dtype=np.uint64)
    if n <= A_MINUTE:
        return found
    level = np.argmax(tokens >= ROUTED_BY, axis=0)
    route = digests[level, np.arange(n)] ^ (key * np.uint64(0x9E3779B97F4A7C15))
    order = np.argsort(route, kind="stable")
    of, when = route[order], at[order]
    busy = (of[A_MINUTE:] == of[:-A_MINUTE]) & (when[A_MINUTE:] - when[:-A_MINUTE] < _MINUTE)
    busy &= when[:-A_MINUTE] >= 0
    for start in np.unique(np.searchsorted(of, of[A_MINUTE:][busy])).tolist():
        end = int(np.searchsorted(of, of[start], side="right"))
        times = when[start:end]
        within = np.arange(end - start) - np.searchsorted(times, times - _MINUTE, side="right")
        found[order[start:end]] = np.where(times >= 0, within // A_MINUTE, 0)
    return found


def _entries(at: Any, digests: Any, tokens: Any, minimum: Any) -> tuple[Any, Any]:
    """(call, level) of every prefix that a call writes, call by call, each digest once a call."""
    import numpy as np

    usable = (digests != 0) & (tokens >= minimum) & (at >= 0)
    # Where a level adds nothing it repeats the digest below it: keep the higher one.
    usable[:-1] &= digests[:-1] != digests[1:]
    call, level = np.nonzero(usable.T)
    return call, level
