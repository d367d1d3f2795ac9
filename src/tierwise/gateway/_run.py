"""A gateway from its options: opened, served, kept going in the background, and ended in good order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import msgspec
from aiohttp import web

from tierwise.batch import BatchSettings
from tierwise.catalog import Catalog
from tierwise.errors import CallerError, ConfigurationError
from tierwise.gateway._access import Access
from tierwise.gateway._alerts import Caches
from tierwise.gateway._batches import batches_of
from tierwise.gateway._batching import batch_key, batching, settings_of
from tierwise.gateway._force import Force
from tierwise.gateway._gate import LedgerGate, NoRecorder
from tierwise.gateway._housekeeping import Housekeeping
from tierwise.gateway._keep import Keeping
from tierwise.gateway._later import look, remember
from tierwise.gateway._lookout import Alerting, Condition, looking_out
from tierwise.gateway._metrics import Metrics
from tierwise.gateway._objects import Objects
from tierwise.gateway._own import Own
from tierwise.gateway._server import Gateway
from tierwise.gateway._settings import Settings
from tierwise.gateway._vigil import Vigil
from tierwise.gateway._watch import watching
from tierwise.ledger import Budgets, Keys, Ledger, Policies, Spool, newest
from tierwise.online import Asked, Pipeline, scorers_of
from tierwise.policy import Live
from tierwise.upstream import Upstream

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What `tierwise serve` is told."""

    policy: Path | None = None
    """None observes: nothing is routed."""
    protected: bool = False
    """Whether only policies are gone by that somebody other than their author approved."""
    ledger: str = "tierwise.db"
    """A file for SQLite, or an address of SQLAlchemy's."""
    upstream: str = "https://api.openai.com/v1"
    upstream_key: str | None = None
    """OpenAI's key, for callers with a gateway key; None lets only callers with a key of their own in."""
    own_keys: bool = False
    """Whether callers may bring an OpenAI key of their own."""
    residency: bool = False
    """Whether upstream is a data-residency endpoint, which costs more."""
    host: str = "127.0.0.1"
    port: int = 8100
    prices: Path | None = None
    settings: Settings = Settings()
    traces: Any = None
    """An OpenTelemetry TracerProvider that calls have their spans from, shut down at the end; None makes none."""
    log_calls: bool = False
    """Whether each call has a line in the log."""
    batch_key: bytes | None = None
    """Seals what waits; None asks the policy where it is, and without it nothing waits."""
    batches: BatchSettings | None = None
    """Limits and times of batches; None goes by the policy."""
    alerting: Alerting | None = None
    """Who is told what is amiss."""


class Serving:
    """A gateway that listens."""

    def __init__(self, host: str, port: int, pipeline: Pipeline, ledger: Ledger, spool: Spool) -> None:
        self.host, self.port, self.pipeline, self.ledger, self.spool = host, port, pipeline, ledger, spool

    @property
    def base_url(self) -> str:
        """What clients take as their base URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"


@asynccontextmanager
async def serving(options: Options) -> AsyncIterator[Serving]:
    """A gateway, for as long as the block runs; calls under way may end before it is left.

    Raises:
        ConfigurationError: A policy, ledger, spool or address that cannot be used.
        CallerError: It would listen beyond loopback without keys.
    """
    catalog = Catalog.open(options.prices)
    ledger, metrics = Ledger(options.ledger), Metrics()
    force = _force(options, catalog, ledger, metrics)
    live = force.first() if force is not None else None
    policy = live.policy if live is not None else None
    seal = batch_key(options.batch_key, policy)
    keys = Keys(ledger)
    _safe(options, keys)
    ledger.fold_orphans(options.settings.spool)
    name = f"tw_{token_hex(6)}_"
    spool = Spool(options.settings.spool, process=name)
    budgets = Budgets(ledger.leases(name))
    access = Access(keys, remembered=options.settings.keys_remembered)
    objects = Objects(ledger)
    gate = LedgerGate(spool, catalog, budgets, access.named, objects.own)
    gate.budgets, gate.settled = ledger.budgets(), newest(ledger)
    caches, condition = Caches(), Condition(spool=spool.folder, folded=time.monotonic())
    pipeline = _pipeline(options, name, catalog, live, gate, caches)
    remember(pipeline, ledger)
    gate.most_output = pipeline.most_output
    keeping = Keeping(
        settings=options.settings,
        force=force,
        pipeline=pipeline,
        gate=gate,
        objects=objects,
        budgets=budgets,
        ledger=ledger,
        spool=spool,
        metrics=metrics,
        condition=condition,
        housekeeping=Housekeeping(pipeline, ledger, spool),
        vigil=Vigil(pipeline, ledger, options.settings.vigil),
    )
    own = Own(pipeline, ledger, metrics, keeping.unready)
    where = f"{options.host}:{options.port}"
    lookout = looking_out(options.alerting, where, catalog, pipeline, gate, caches, condition)
    try:
        async with (
            Upstream(options.upstream, options.upstream_key) as upstream,
            lookout,
            batching(
                seal,
                settings_of(policy, options.batches),
                ledger,
                pipeline,
                upstream if options.upstream_key else None,
                metrics,
                options.settings.drain,
                access.looked_up,
            ) as waits,
        ):
            passing = upstream.with_key(None) if options.own_keys else None
            gateway = Gateway(
                pipeline,
                upstream if options.upstream_key else None,
                passing,
                access,
                objects,
                own,
                options.settings,
                metrics,
                watching(options.traces, options.upstream, lines=options.log_calls),
                waits,
                batches_of(waits, ledger, pipeline, options.settings.most_body),
            )
            await keeping.look()
            async with _listening(
                gateway, keeping, _look_later(pipeline, upstream, options), options
            ) as port:
                yield Serving(options.host, port, pipeline, ledger, spool)
                keeping.ending = True
                await asyncio.sleep(options.settings.linger)
    finally:
        _end(ledger, spool, budgets)
        if options.traces is not None:
            # What is not sent yet is sent now, which waits for the network.
            await asyncio.to_thread(options.traces.shutdown)


@asynccontextmanager
async def _listening(
    gateway: Gateway, keeping: Keeping, later: Coroutine[Any, Any, None], options: Options
) -> AsyncIterator[int]:
    """Calls come in for as long as the block runs, beside what is done in the background; the port."""
    runner = web.ServerRunner(
        web.Server(gateway.handle, handler_cancellation=True), shutdown_timeout=options.settings.drain
    )
    tasks = asyncio.create_task(keeping.run()), asyncio.create_task(later)
    try:
        await runner.setup()
        yield await _listen(runner, options)
    finally:
        await runner.cleanup()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _end(ledger: Ledger, spool: Spool, budgets: Budgets) -> None:
    """Take what is still in the spool into the ledger, give leases back, and let go of all."""
    paths = spool.paths
    spool.close()
    with suppress(Exception):
        for path in paths:
            ledger.fold(path, orphan=True)
        budgets.close()
    ledger.close()


def _pipeline(
    options: Options, name: str, catalog: Catalog, live: Live | None, gate: LedgerGate, caches: Caches
) -> Pipeline:
    """What calls go through, warmed up; without `live` it only observes."""
    pipeline = Pipeline(
        catalog,
        caches if options.alerting is not None else NoRecorder(),
        policy=live.policy if live is not None else None,
        learned=live.learned if live is not None else None,
        key=live.key if live is not None else b"",
        gate=gate,
        strict=True,
        residency=options.residency,
        name=name,
        scorers=scorers_of(live),
    )
    _warm_up(pipeline)
    return pipeline


async def _look_later(pipeline: Pipeline, upstream: Upstream, options: Options) -> None:
    """Look at background calls that nobody asked about, until cancelled."""
    every = options.settings.look_later
    while options.upstream_key is not None:
        await asyncio.sleep(every)
        await look(pipeline, upstream, every)


def _force(options: Options, catalog: Catalog, ledger: Ledger, metrics: Metrics) -> Force | None:
    if options.policy is None:
        return None
    return Force(options.policy, catalog, Policies(ledger), protected=options.protected, metrics=metrics)


def _warm_up(pipeline: Pipeline) -> None:
    """Decide one call that nobody made: word lists, tokenizer and prices load now, not on the first call."""
    body = b'{"model":"gpt-5.4","messages":[{"role":"system","content":"Answer."},{"role":"user","content":"Hi"}]}'
    pipeline.decided(Asked(method="POST", path="/v1/chat/completions", body=body))


async def _listen(runner: web.ServerRunner, options: Options) -> int:
    site = web.TCPSite(runner, options.host, options.port)
    try:
        await site.start()
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {options.host}:{options.port}: {error.strerror}; choose another --port"
        ) from None
    port: int = runner.addresses[0][1]
    return port


def _safe(options: Options, keys: Keys) -> None:
    """Refuse to listen beyond this machine to callers that nobody knows."""
    if options.host in LOOPBACK:
        return
    if not any(key.ended is None for key in keys.all()):
        raise CallerError(
            f"expected a key before listening on {options.host}; make one with: tierwise keys create NAME"
        )
