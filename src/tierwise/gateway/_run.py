"""A gateway from its options: opened, served, kept going in the background, and ended in good order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from tierwise.catalog import Catalog
from tierwise.errors import CallerError, ConfigurationError, TierwiseError
from tierwise.gateway._access import Access
from tierwise.gateway._alerts import Caches
from tierwise.gateway._gate import LedgerGate, NoRecorder
from tierwise.gateway._lookout import Alerting, Condition, looking_out
from tierwise.gateway._metrics import Metrics
from tierwise.gateway._objects import Objects
from tierwise.gateway._own import ROUTING, Own
from tierwise.gateway._server import Gateway
from tierwise.gateway._settings import Settings
from tierwise.gateway._watch import watching
from tierwise.ledger import Budgets, Keys, Ledger, Spool
from tierwise.online import Asked, Pipeline, Recorder
from tierwise.policy import Live, load_live
from tierwise.upstream import Upstream

_LOG: Final = logging.getLogger("tierwise.gateway")
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
LOOK: Final = 1.0
"""Seconds between looks at the policy file and at the routing flag."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What `tierwise serve` is told."""

    policy: Path | None = None
    """None observes: nothing is routed."""
    ledger: str = "tierwise.db"
    """A file for SQLite, or an address of SQLAlchemy's."""
    upstream: str = "https://api.openai.com/v1"
    upstream_key: str | None = None
    """OpenAI's key, for callers with a gateway key; None lets only callers with a key of their own in."""
    own_keys: bool = False
    """Whether callers may bring an OpenAI key of their own."""
    host: str = "127.0.0.1"
    port: int = 8100
    prices: Path | None = None
    settings: Settings = Settings()
    traces: Any = None
    """An OpenTelemetry TracerProvider that calls have their spans from, shut down at the end; None makes none."""
    log_calls: bool = False
    """Whether each call has a line in the log."""
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
    live = load_live(options.policy, catalog) if options.policy is not None else None
    ledger = Ledger(options.ledger)
    keys = Keys(ledger)
    _safe(options, keys)
    ledger.fold_orphans(options.settings.spool)
    spool, metrics = Spool(options.settings.spool), Metrics()
    access = Access(keys, remembered=options.settings.keys_remembered)
    objects = Objects(ledger)
    gate = LedgerGate(spool, catalog, Budgets(spent_in(ledger)), access.named, objects.own)
    gate.budgets = ledger.budgets()
    caches, condition = Caches(), Condition(spool=spool.folder, folded=time.monotonic())
    pipeline = _pipeline(catalog, live, gate, caches if options.alerting is not None else NoRecorder())
    own = Own(pipeline, ledger, metrics, lambda: None)
    where = f"{options.host}:{options.port}"
    lookout = looking_out(options.alerting, where, catalog, pipeline, gate, caches, condition)
    async with Upstream(options.upstream, options.upstream_key) as upstream, lookout:
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
        )
        runner = web.ServerRunner(
            web.Server(gateway.handle, handler_cancellation=True), shutdown_timeout=options.settings.drain
        )
        background = asyncio.create_task(
            _keep(options, catalog, pipeline, gate, ledger, spool, metrics, condition)
        )
        try:
            await runner.setup()
            port = await _listen(runner, options)
            yield Serving(options.host, port, pipeline, ledger, spool)
        finally:
            await runner.cleanup()
            background.cancel()
            with suppress(asyncio.CancelledError):
                await background
            _end(ledger, spool)
            if options.traces is not None:
                # What is not sent yet is sent now, which waits for the network.
                await asyncio.to_thread(options.traces.shutdown)


def _end(ledger: Ledger, spool: Spool) -> None:
    """Take what is still in the spool into the ledger, and let go of both."""
    path = spool.path
    spool.close()
    with suppress(Exception):
        ledger.fold(path, orphan=True)
    ledger.close()


def _pipeline(catalog: Catalog, live: Live | None, gate: LedgerGate, recorder: Recorder) -> Pipeline:
    """What calls go through, warmed up; without `live` it only observes."""
    pipeline = Pipeline(
        catalog,
        recorder,
        policy=live.policy if live is not None else None,
        learned=live.learned if live is not None else None,
        key=live.key if live is not None else b"",
        gate=gate,
        strict=True,
    )
    _warm_up(pipeline)
    return pipeline


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


def spent_in(ledger: Ledger) -> Callable[[str, str, str], Decimal]:
    """What a key or project has spent, or has held, in the ledger between two days."""

    def spent(who: str, first: str, last: str) -> Decimal:
        kind, _, name = who.partition(":")
        found = [total for total in ledger.totals(kind, first, last) if total.name == name]
        return sum((total.cost + total.reserved for total in found), Decimal(0))

    return spent


async def _keep(
    options: Options,
    catalog: Catalog,
    pipeline: Pipeline,
    gate: LedgerGate,
    ledger: Ledger,
    spool: Spool,
    metrics: Metrics,
    condition: Condition,
) -> None:
    """Fold the spool, and look at policy, budgets and the routing flag, until cancelled."""
    policy = _Watched(options.policy)
    folding, looked = spool.path, 0.0
    while True:
        await asyncio.sleep(options.settings.fold_every)
        try:
            current = spool.path
            await asyncio.to_thread(ledger.fold, folding, orphan=folding != current)
            folding, condition.folded = current, time.monotonic()
            metrics.spooled.set(spool.size)
            now = asyncio.get_running_loop().time()
            if now - looked >= LOOK:
                looked = now
                pipeline.off = await asyncio.to_thread(ledger.flag, ROUTING) == "off"
                gate.budgets = await asyncio.to_thread(ledger.budgets)
                live = await asyncio.to_thread(policy.changed, catalog)
                condition.refused = policy.refused
                if live is not None:
                    pipeline.go_by(live.policy, live.learned, live.key)
                    ledger.note("gateway", f"goes by policy {live.policy.digest}")
        except Exception:  # noqa: BLE001 - the database may be gone for a while, the spool holds what is new
            _LOG.exception("the ledger cannot be reached; the spool holds what is new")


class _Watched:
    """A policy file, loaded again when it changes; one that does not hold leaves the old one in force."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen = self._stamp()
        self.refused: str | None = None
        """Why the file as it is now was refused."""

    def changed(self, catalog: Catalog) -> Live | None:
        """The policy, where its file changed and holds."""
        stamp = self._stamp()
        if self._path is None or stamp == self._seen:
            return None
        self._seen = stamp
        try:
            live, self.refused = load_live(self._path, catalog), None
        except (TierwiseError, OSError) as error:
            self.refused = str(error)
            _LOG.error("the policy at %s does not hold, the old one stays: %s", self._path, error)
            return None
        return live

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size) if found is not None else None
