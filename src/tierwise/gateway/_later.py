"""Background calls that nobody asks about again: the gateway looks itself, so that what they cost is known."""

from __future__ import annotations

import logging
import time
from typing import Final

from tierwise.calls import Outgoing
from tierwise.errors import TierwiseError
from tierwise.ledger import Ledger, newest_lengths
from tierwise.online import PREFIXES, Pipeline, entry_of
from tierwise.upstream import Upstream

_LOG: Final = logging.getLogger("tierwise.gateway")
OLDEST: Final = 3 * 86_400
"""Seconds after which an answer is not waited for any more: OpenAI's longest window is a day."""
LENGTHS: Final = 5_000
"""Calls of before whose lengths are remembered again when a gateway starts."""
OURS: Final = tuple(PREFIXES.values())
"""Beginnings of ids of answers that wait here, and not upstream."""
AT_ONCE: Final = 100
"""Calls looked at in one round."""


def remember(pipeline: Pipeline, ledger: Ledger) -> None:
    """Wait again for the answers that a gateway before this one waited for, and know how long answers were."""
    since = int((time.time() - OLDEST) * 1e6)
    for identity, line in ledger.waiting(since):
        if line.id is not None and "background" in line.flags and not line.id.startswith(OURS):
            pipeline.waiting.add(line.id, entry_of(identity, line))
    for wrote in newest_lengths(ledger, LENGTHS):
        pipeline.seen(wrote.workload, wrote.model, wrote.effort, wrote.output)


async def look(pipeline: Pipeline, upstream: Upstream, older: float) -> None:
    """Ask upstream for background calls that were made more than so many seconds ago by callers with gateway keys."""
    before = (time.time() - older) * 1e6
    found = [
        identity
        for identity, entry in pipeline.waiting.all().items()
        if entry.line.key is not None and (entry.line.at or 0) < before
    ]
    for identity in found[:AT_ONCE]:
        path = f"/v1/responses/{identity}"
        try:
            reply = await upstream.send(Outgoing(method="GET", path=path))
            body = await reply.read()
        except TierwiseError as error:
            _LOG.warning("a background call could not be looked at: %s", error)
            return
        if reply.status < 400:
            pipeline.late(path, body)
        elif reply.status == 404:
            # Deleted, or no longer kept: what it cost is not to be had here; reconcile settles it.
            pipeline.waiting.take(identity)
