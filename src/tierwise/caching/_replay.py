"""What the prompt cache could have served: prefixes seen again while they were still warm.

Rules from OpenAI's prompt-caching guide (archived September 2026): a prefix of at least
1,024 tokens is cached, hits are reported in steps of 128, and an entry lives for some time
after its last use. Model, effort, tools and schema are part of the prefix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Column = npt.NDArray[np.int64]

MINIMUM_PREFIX = 1024
STEP = 128


def readable(
    *,
    at: Any,
    key: Any,
    digests: Any,
    tokens: Any,
    window: Any,
) -> Column:
    """Input tokens of each call that an earlier call had left in the cache.

    Args:
        at: n times in microseconds, ascending; a negative one is unknown and neither reads nor
            writes.
        key: n unsigned 64-bit values, equal for calls that may share a cache entry (model, effort).
        digests: levels x n unsigned 64-bit digests of growing prefixes; 0 where there is none.
        tokens: levels x n tokens of those prefixes.
        window: n microseconds for which an entry that the call's model keeps stays warm.

    Returns:
        n counts, multiples of 128, 0 below 1,024.
    """
    import numpy as np

    found = np.zeros(len(at), dtype=np.int64)
    call, level = _entries(at, digests, tokens)
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
    return found - found % STEP


def _entries(at: Any, digests: Any, tokens: Any) -> tuple[Any, Any]:
    """(call, level) of every prefix that a call writes, call by call, each digest once a call."""
    import numpy as np

    usable = (digests != 0) & (tokens >= MINIMUM_PREFIX) & (at >= 0)
    # Where a level adds nothing it repeats the digest below it: keep the higher one.
    usable[:-1] &= digests[:-1] != digests[1:]
    call, level = np.nonzero(usable.T)
    return call, level
