"""What waits is looked after in the gateway's own process, as long as it runs; other gateways share it by the ledger."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from tierwise.batch import BatchSettings, Durable, JobLife, Means, Runner, Sealer
from tierwise.catalog import Lane
from tierwise.errors import ConfigurationError
from tierwise.gateway._desk import LineDesk
from tierwise.gateway._metrics import Metrics
from tierwise.gateway._waits import SENDER, Waits
from tierwise.ledger import Files, JobItems, Jobs, Key, Ledger, Queue, completion, waiting_now
from tierwise.online import Pipeline
from tierwise.policy import Policy
from tierwise.upstream import BatchApi, Upstream

_LOG: Final = logging.getLogger("tierwise.gateway")
COUNT: Final = 5.0
"""Seconds between countings of what waits."""
LEARN: Final = 600.0
"""Seconds between looks at how long lanes take."""


class OneKey:
    """Everybody sends with the gateway's own key.

    Args:
        upstream: Sends with it.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def api(self, sender: str) -> BatchApi:
        """Files and batches. Raises ConfigurationError for a key that this gateway does not have."""
        return BatchApi(self.send(sender))

    def send(self, sender: str) -> Upstream:
        """Single calls. Raises ConfigurationError for a key that this gateway does not have."""
        if sender != SENDER:
            raise ConfigurationError(
                f"what waits is to be sent with the key {sender!r:.60}, which is not here"
            )
        return self._upstream


def batch_key(given: bytes | None, policy: Policy | None) -> bytes | None:
    """The key that what waits is sealed with: as given, else where the policy says; None for none.

    Raises:
        ConfigurationError: The policy says how calls wait, and there is no key.
    """
    if given is not None:
        return given
    if policy is None or not policy.defers:
        return None
    named = policy.waiting.key_env
    found = os.environ.get(named, "").strip() if named is not None else ""
    if found:
        return found.encode("utf-8", "surrogateescape")
    if isinstance(policy.defer, msgspec.UnsetType):
        _LOG.warning(
            "rules let calls wait for Batch, and there is no key to seal them with: they go now; "
            "start with --batch-key-env to let them wait"
        )
        return None
    where = f"the environment variable {named}" if named is not None else "--batch-key-env"
    raise ConfigurationError(
        f"expected a key to seal what waits in {where}, found none; make one with: openssl rand -hex 32"
    )


def settings_of(policy: Policy | None, given: BatchSettings | None) -> BatchSettings:
    """When batches are made, and how large: as given, else as the policy says."""
    if given is not None:
        return given
    if policy is None:
        return BatchSettings()
    said = policy.waiting
    return BatchSettings(
        collect=said.collect, keep=said.keep, keep_unfetched=said.keep_unfetched, enqueued=said.enqueued
    )


@asynccontextmanager
async def batching(
    key: bytes | None,
    settings: BatchSettings,
    ledger: Ledger,
    pipeline: Pipeline,
    upstream: Upstream | None,
    metrics: Metrics,
    drain: float,
    key_of: Callable[[str], Key | None],
) -> AsyncIterator[Waits | None]:
    """Look after what waits for as long as the block runs; None where there is no key to do so with.

    Args:
        key: Seals bodies.
        settings: Limits and times.
        ledger: Where what waits is kept.
        pipeline: Writes ends down.
        upstream: Sends with a key of ours; None where there is none.
        metrics: Counts.
        drain: Seconds that what is being sent may take to come back at the end.
        key_of: The gateway key of a name as it is now, for jobs that it handed in.

    Raises:
        MissingExtra: dbos or cryptography are not installed.
        ConfigurationError: The key is too short, or the database cannot be used.
    """
    if key is None or upstream is None:
        yield None
        return
    queue = Queue(ledger)
    waits = Waits(queue, Sealer(key), pipeline)
    runner = Runner(Means(queue, OneKey(upstream), waits.sealer, waits.told, settings))
    durable = Durable(_beside(ledger), runner.name, runner.step)
    await durable.launch()
    desk = LineDesk(pipeline, JobItems(ledger), waits.sealer, key_of)
    life = JobLife(Jobs(ledger), Files(ledger), desk, waits.sealer, settings, runner.name)
    tending = asyncio.create_task(runner.run(durable, EVERY))
    handing = asyncio.create_task(life.run(EVERY))
    counting = asyncio.create_task(_count(ledger, pipeline, metrics, settings))
    try:
        yield waits
    finally:
        for task in (counting, handing, tending):
            task.cancel()
        # What is being sent may come back; what does not is told as such by whoever comes next.
        await asyncio.wait([tending, handing, counting], timeout=drain)
        await durable.aclose()


EVERY: Final = 0.5
"""Seconds between looks at what waits."""


def _beside(ledger: Ledger) -> str:
    """Where DBOS keeps its tables: in PostgreSQL beside the ledger's, else in a file of their own beside its file."""
    url = ledger.engine.url
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}.batches"
    return url.render_as_string(hide_password=False)


async def _count(ledger: Ledger, pipeline: Pipeline, metrics: Metrics, settings: BatchSettings) -> None:
    """Count what waits, and learn how long lanes take, until cancelled."""
    looked = 0.0
    while True:
        try:
            metrics.waits(await asyncio.to_thread(waiting_now, ledger))
            if looked <= 0:
                found: dict[Lane, int] = await asyncio.to_thread(completion, ledger)
                if "batch" in found:
                    found["batch"] += int(settings.collect)
                pipeline.learn_completion(found)
                looked = LEARN
        except Exception:  # noqa: BLE001 - the database may be gone for a while
            _LOG.exception("what waits could not be counted")
        await asyncio.sleep(COUNT)
        looked -= COUNT
