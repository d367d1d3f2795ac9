"""The lookout: every few seconds, what the gateway sees of itself, and who is told of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from tierwise.catalog import Catalog
from tierwise.gateway._alerts import Caches, Seen, Told, alerts_in
from tierwise.gateway._gate import LedgerGate
from tierwise.gateway._webhooks import Webhooks, checked_address
from tierwise.ledger import Raised
from tierwise.online import Pipeline

_LOG: Final = logging.getLogger("tierwise.gateway")
SPOOLS: Final = "*.spool"


class Alerting(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told what is amiss.

    Raises:
        ConfigurationError: An address that alerts must not go to.
    """

    addresses: tuple[str, ...]
    """Of https, or of http on this machine."""
    secret: str | None = None
    """Signs what is posted."""
    prices_days: int = 60
    """Days after which the price list is stale."""
    every: float = 5.0
    """Seconds between looks."""

    def __post_init__(self) -> None:
        for address in self.addresses:
            checked_address(address)


class Condition(msgspec.Struct, kw_only=True):
    """How the gateway is, as its background work finds it."""

    spool: Path
    """The folder of the spool."""
    folded: float
    """When the spool was last folded into the ledger, in seconds of `time.monotonic`."""
    refused: str | None = None
    """Why the policy file as it is now was refused."""
    alarms: Mapping[str, Raised] = {}
    """Alarms of the living proof that stand, by workload."""


@asynccontextmanager
async def looking_out(
    alerting: Alerting | None,
    place: str,
    catalog: Catalog,
    pipeline: Pipeline,
    gate: LedgerGate,
    caches: Caches,
    condition: Condition,
) -> AsyncIterator[None]:
    """Tell who wants to know, for as long as the block runs; without `alerting` nothing happens.

    Args:
        alerting: Who is told.
        place: Where the gateway listens.
        catalog: Whose prices may be stale.
        pipeline: Whose policy's evidence may expire.
        gate: Whose budgets may be spent.
        caches: Have every call's cached share.
        condition: As the background work keeps it, with the folder whose files may grow.
    """
    if alerting is None:
        yield
        return

    def seen(waiting: int) -> Seen:
        return Seen(
            today=dt.datetime.now(dt.UTC).date(),
            budgets=gate.standings(),
            policy=pipeline.policy,
            refused=condition.refused,
            alarms=condition.alarms,
            prices=catalog.prices_date,
            most_days=alerting.prices_days,
            silent=time.monotonic() - condition.folded,
            waiting=waiting,
        )

    async def look() -> None:
        told = Told()
        while True:
            try:
                found = (
                    *alerts_in(seen(await asyncio.to_thread(waiting_in, condition.spool))),
                    *caches.alerts(),
                )
                for alert in told.due(found, time.monotonic()):
                    _LOG.warning("%s", alert.text, extra={"fields": {"alert": alert.kind}})
                    hooks.tell(alert)
            except Exception:  # noqa: BLE001 - the next look may succeed
                _LOG.exception("the lookout failed")
            await asyncio.sleep(alerting.every)

    named = f"{socket.gethostname()} {place}"
    async with Webhooks(alerting.addresses, alerting.secret, place=named) as hooks:
        task = asyncio.create_task(look())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def waiting_in(folder: Path) -> int:
    """Bytes of the spool files in a folder, each at the room that it takes on the disk."""
    found = 0
    for path in folder.glob(SPOOLS):
        with suppress(OSError):
            found += path.stat().st_size
    return found
