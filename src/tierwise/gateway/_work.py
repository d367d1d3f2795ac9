"""Batches in a process without a gateway: what `tierwise batch run` works with."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

import msgspec
import sqlalchemy as sa

from tierwise.batch import BatchSettings, Job, Progress, Sealer, progress
from tierwise.catalog import Catalog
from tierwise.errors import LedgerUnavailable
from tierwise.gateway._batching import batching
from tierwise.gateway._gate import LedgerGate, NoRecorder
from tierwise.gateway._metrics import Metrics
from tierwise.ledger import Budgets, Files, JobItems, Jobs, Keys, Ledger, Spool, newest
from tierwise.online import Pipeline
from tierwise.policy import Live, load_live
from tierwise.upstream import Upstream
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
    key: bytes | None = None
    """What bodies are sealed with; None for the key in the file beside the ledger, made at first use."""
    prices: Path | None = None
    settings: BatchSettings = USUAL
    drain: float = 30.0
    """Seconds that what is being sent by itself may take to come back at the end."""


class Work:
    """A ledger with its batches.

    Args:
        options: What it is worked off with.
        key: Seals bodies.
        ledger: Where everything is kept.
        pipeline: Decides requests.
        spool: Where they are written down first.
    """

    def __init__(
        self, options: WorkOptions, key: bytes, ledger: Ledger, pipeline: Pipeline, spool: Spool
    ) -> None:
        self.ledger, self.pipeline, self.sealer = ledger, pipeline, Sealer(key)
        self.items, self.jobs, self.files = JobItems(ledger), Jobs(ledger), Files(ledger)
        self._options, self._key, self._spool = options, key, spool

    @property
    def how(self) -> str:
        """What requests are decided by, in words."""
        policy = self.pipeline.policy
        return f"policy {policy.name} ({policy.digest[:12]})" if policy is not None else "no policy, as asked"

    def now(self) -> int:
        """Microseconds since the epoch."""
        return int(time.time() * 1e6)

    def look(self, name: str) -> tuple[Job, Progress]:
        """A job as it is now, and what became of its requests so far."""
        job = self.jobs.find(name)
        if job is None:
            raise LedgerUnavailable(f"the batch {name} is not in the ledger any more")
        return job, progress(self.items.counts(name))

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """What waits is sent, and jobs go on, for as long as the block runs; the rest goes on at the next time.

        Raises:
            ConfigurationError: The database or the address upstream cannot be used.
        """
        options, folding = self._options, asyncio.create_task(self._folded())
        try:
            async with (
                Upstream(options.upstream, options.upstream_key) as upstream,
                batching(
                    self._key,
                    options.settings,
                    self.ledger,
                    self.pipeline,
                    upstream,
                    Metrics(),
                    options.drain,
                    Keys(self.ledger).named,
                ),
            ):
                yield
        finally:
            folding.cancel()
            await asyncio.gather(folding, return_exceptions=True)

    async def _folded(self) -> None:
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


@contextmanager
def work_of(options: WorkOptions) -> Iterator[Work]:
    """What batches are worked off with, opened; `Work.under_way` begins.

    Raises:
        ConfigurationError: A policy, ledger or key that cannot be used.
        MissingExtra: A package that batches need.
    """
    catalog = Catalog.open(options.prices)
    live = load_live(options.policy, catalog) if options.policy is not None else None
    ledger = Ledger(options.ledger)
    key = options.key if options.key is not None else _key_beside(ledger)
    ledger.fold_orphans(options.spool)
    name = f"tw_{token_hex(6)}_"
    spool = Spool(options.spool, process=name)
    budgets = Budgets(ledger.leases(name))
    try:
        yield Work(options, key, ledger, _pipeline(catalog, live, spool, budgets, ledger, name), spool)
    finally:
        _end(ledger, spool, budgets)


def _key_beside(ledger: Ledger) -> bytes:
    """The key in the file beside a ledger's; in the folder for a ledger that is no file."""
    url = ledger.engine.url
    path = Path(f"{url.database if url.get_backend_name() == 'sqlite' else 'tierwise'}.key")
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
