"""Keys under which calls that share a prefix meet on one machine, and how many of them there are.

OpenAI sends a call to the machine of its first 256 tokens and `prompt_cache_key`; beyond about 15 calls
a minute of one prefix and key it goes on to another machine, which knows none of it. So the calls of a
workload are divided over keys, a conversation on one of them. Source: OpenAI's prompt-caching guide and
cookbook "Prompt Caching 201".
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

A_MINUTE: Final = 15
"""Calls a minute that one prefix and key keep to one machine, about."""
FULL: Final = 12
"""Calls a minute of a shard, on average, above which their number doubles: below 15, for calls do not come
evenly; not far below, for each shard has to learn the prefix once."""
THIN: Final = 4
"""Calls a minute of a shard, in the busiest of ten minutes, below which their number halves."""
MOST_SHARDS: Final = 1024
_LENGTH: Final = 12


def cache_key(secret: bytes, tenant: Iterable[str | None], workload: int, shard: int) -> str:
    """The `prompt_cache_key` of one shard of a workload, 27 characters; no text of anybody's is in it.

    Args:
        secret: The owner's key; b'' gives a digest that anybody could take.
        tenant: Who calls: project, gateway key. Others never get the same key.
        workload: Fingerprint, 64 bits.
        shard: 0 or above.
    """
    state = blake2b(key=secret[:64], digest_size=_LENGTH, person=b"tw cache key")
    for part in tenant:
        raw = b"\xff" if part is None else part.encode("utf-8", "surrogatepass")
        state.update(b"%d\x1f%b" % (len(raw), raw))
    state.update(b"%d\x1f%d" % (workload, shard))
    return "tw-" + state.hexdigest()


def shards_for(shards: int, rate: int, peak: int) -> int:
    """How many shards a workload should have, a power of two.

    Args:
        shards: That it has.
        rate: Calls in the last minute.
        peak: Calls in the busiest minute of the last ten.
    """
    while rate > FULL * shards and shards < MOST_SHARDS:
        shards *= 2
    if shards > 1 and max(rate, peak) < THIN * shards:
        shards //= 2
    return shards


def shard_of(session: str, shards: int) -> int:
    """The shard of a session: evenly by digest, the same in every process.

    Of a number that doubles half of the sessions stay where they are, of one that halves too.
    """
    raw = blake2b(session.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little") % shards
