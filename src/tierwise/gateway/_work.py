"""Batches in a process without a gateway: what `tierwise batch run` works with."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

import msgspec
import sqlalchemy as sa

from tierwise.batch import (
    BatchSettings,
    Durable,
    Found,
    Job,
    JobLife,
    Outcome,
    Progress,
    Runner,
    Sealer,
    progress,
)
from tierwise.catalog import Catalog
from tierwise.errors import LedgerUnavailable
from tierwise.gateway._desk import LineDesk
from tierwise.gateway._gate import LedgerGate, NoRecorder
from tierwise.ledger import Budgets, Files, Jobs, Keys, Ledger, Queue, Spool, newest
from tierwise.online import Pipeline
from tierwise.policy import Live, load_live
from tierwise.upstream import BatchApi, Upstream
from tierwise.workloads import make_key, read_key

_LOG: Final = logging.getLogger("tierwise.batch")
USUAL: Final = BatchSettings(collect=1.0, first_look=2.0)
"""Requests of a file wait for each other anyway, and somebody looks on."""
FOLD: Final = 0.5


class WorkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What batches are worked off with."""

    policy: Path | None = None
    """None: every request goes as asked."""
    ledger: str
    """A file for SQLite, or an address of SQLAlchemy's."""
    upstream: str = "https://api.openai.com/v1"
    upstream_key: str
    spool: Path = Path("tierwise-spool")
    key: Path | None = None
    """File with the key that bodies are sealed with; beside the ledger otherwise, made at first use."""
    prices: Path | None = None
    settings: BatchSettings = USUAL
    every: float = 1.0
    """Seconds between looks at what waits."""


class Work:
    """Everything that batches need, under way."""

    def __init__(self, ledger: Ledger, sealer: Sealer, pipeline: Pipeline, spool: Spool) -> None:
        self.ledger, self.sealer, self.pipeline = ledger, sealer, pipeline
        self.queue, self.jobs, self.files = Queue(ledger), Jobs(ledger), Files(ledger)
        self._spool = spool

    @property
    def how(self) -> str:
        """What requests are decided by, in words."""
        policy = self.pipeline.policy
        return f"policy {policy.name} ({policy.digest[:12]})" if policy is not None else "as asked"

    def now(self) -> int:
        """Microseconds since the epoch."""
        return int(time.time() * 1e6)

    def look(self, name: str) -> tuple[Job, Progress]:
        """A job as it is now, and what became of its requests so far."""
        job = self.jobs.find(name)
        if job is None:
            raise LedgerUnavailable(f"the batch {name} is not in the ledger any more")
        return job, progress(self.queue.counts(name))

    def told(self, found: Found, end: Outcome) -> None:
        """Price a request that came to its end."""
        kept = self.queue.entry(found.item.id)
        if kept is not None:
            self.pipeline.told(found, end, kept)

    async def fold(self) -> None:
        """Take calls into the ledger, until cancelled."""
        while True:
            await asyncio.sleep(FOLD)
            try:
                await asyncio.to_thread(self._fold)
            except Exception:  # noqa: BLE001 - the database may be gone for a while, the spool holds what is new
                _LOG.exception("the ledger cannot be reached; the spool holds what is new")

    def _fold(self) -> None:
        current = self._spool.path
        for path in self._spool.paths:
            self.ledger.fold(path, orphan=path < current)


class _Sending:
    """Everything is sent with one key."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def api(self, sender: str) -> BatchApi:  # noqa: ARG002 - there is one
        """Files and batches."""
        return BatchApi(self._upstream)

    def send(self, sender: str) -> Upstream:  # noqa: ARG002 - there is one
        """Single calls."""
        return self._upstream


@asynccontextmanager
async def working(options: WorkOptions) -> AsyncIterator[Work]:
    """Batches are worked off for as long as the block runs; what is not over goes on at the next time.

    Raises:
        ConfigurationError: A policy, ledger, key or address that cannot be used.
        MissingExtra: A package that batches need.
    """
    catalog = Catalog.open(options.prices)
    live = load_live(options.policy, catalog) if options.policy is not None else None
    ledger = Ledger(options.ledger)
    sealer = Sealer(_key(options, ledger))
    ledger.fold_orphans(options.spool)
    name = f"tw_{token_hex(6)}_"
    spool = Spool(options.spool, process=name)
    budgets = Budgets(ledger.leases(name))
    pipeline = _pipeline(catalog, live, spool, budgets, ledger, name)
    work = Work(ledger, sealer, pipeline, spool)
    desk = LineDesk(pipeline, work.queue, sealer, Keys(ledger).named)
    folding = asyncio.create_task(work.fold())
    try:
        async with (
            Upstream(options.upstream, options.upstream_key) as upstream,
            worked_off(work, desk, upstream, options.settings, name, options.every),
        ):
            yield work
    finally:
        folding.cancel()
        await asyncio.gather(folding, return_exceptions=True)
        _end(ledger, spool, budgets)


@asynccontextmanager
async def worked_off(
    work: Work, desk: LineDesk, upstream: Upstream, settings: BatchSettings, name: str, every: float
) -> AsyncIterator[None]:
    """What waits is sent, and jobs go on, for as long as the block runs."""
    runner = Runner(work.queue, _Sending(upstream), work.sealer, work.told, settings, name)
    life = JobLife(work.jobs, work.files, desk, work.sealer, settings, name)
    durable = Durable(database(work.ledger), name, runner.step)
    await durable.launch()
    tasks = [asyncio.create_task(runner.run(durable, every)), asyncio.create_task(life.run(every))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await durable.aclose()


def database(ledger: Ledger) -> str:
    """Where workflows are kept: the ledger's database, for SQLite a file beside it, which has one writer at a time."""
    url = ledger.engine.url
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database=f"{url.database}.workflows")
    return url.render_as_string(hide_password=False)


def _key(options: WorkOptions, ledger: Ledger) -> bytes:
    beside = ledger.engine.url.database if ledger.engine.url.get_backend_name() == "sqlite" else None
    path = options.key or Path(f"{beside or 'tierwise'}.key")
    return read_key(path) if path.exists() else make_key(path)


def _pipeline(
    catalog: Catalog, live: Live | None, spool: Spool, budgets: Budgets, ledger: Ledger, name: str
) -> Pipeline:
    gate = LedgerGate(spool, catalog, budgets, lambda _: None, lambda *_: None)
    gate.budgets, gate.settled = ledger.budgets(), newest(ledger)
    pipeline = Pipeline(
        catalog,
        NoRecorder(),
        policy=live.policy if live is not None else None,
        learned=live.learned if live is not None else None,
        key=live.key if live is not None else b"",
        gate=gate,
        name=name,
    )
    gate.most_output = pipeline.most_output
    return pipeline


def _end(ledger: Ledger, spool: Spool, budgets: Budgets) -> None:
    """Take what is still in the spool into the ledger, give leases back, and let go of all."""
    paths = spool.paths
    spool.close()
    with suppress(sa.exc.SQLAlchemyError, LedgerUnavailable):
        for path in paths:
            ledger.fold(path, orphan=True)
        budgets.close()
    ledger.close()
