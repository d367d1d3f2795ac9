"""`tierwise serve`: the policy in front of OpenAI."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.errors import CallerError, MissingExtra

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from tierwise.gateway import Alerting, Form, Options

KEY: str = "OPENAI_API_KEY"
SIGNED_WITH: str = "TIERWISE_ALERT_SECRET"
POLICY: str = "tierwise.toml"
BATCH_KEY: str = "TIERWISE_BATCH_KEY"


def serve(
    policy: Annotated[
        Path | None, typer.Option(help="The policy; ./tierwise.toml otherwise.", metavar="FILE")
    ] = None,
    observe: Annotated[bool, typer.Option("--observe", help="Route nothing, only record.")] = False,
    ledger: Annotated[
        str,
        typer.Option(
            help="File of an SQLite ledger, or postgresql+psycopg://...",
            metavar="URL",
            envvar="TIERWISE_LEDGER",
        ),
    ] = "tierwise.db",
    spool: Annotated[
        Path, typer.Option(help="Folder that calls are written down in first.", metavar="FOLDER")
    ] = Path("tierwise-spool"),
    upstream: Annotated[
        str, typer.Option(help="Where calls go.", metavar="URL")
    ] = "https://api.openai.com/v1",
    own_keys: Annotated[
        bool, typer.Option("--own-keys", help="Let callers bring an OpenAI key of their own.")
    ] = False,
    protected: Annotated[
        bool, typer.Option("--protected", help="Only policies that somebody other than the author approved.")
    ] = False,
    residency: Annotated[
        bool, typer.Option("--residency", help="Upstream is a data-residency endpoint, which costs more.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8100,
    drain: Annotated[
        float, typer.Option(help="Seconds that calls under way may take to end when it stops.", min=0)
    ] = 30,
    batch_key_env: Annotated[
        str,
        typer.Option(
            help="Environment variable with the key that calls which wait are sealed with.", metavar="NAME"
        ),
    ] = BATCH_KEY,
    batch_key: Annotated[
        Path | None, typer.Option(help="File with that key, readable for you alone.", metavar="FILE")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE")
    ] = None,
    otel: Annotated[
        bool, typer.Option("--otel", help="Trace calls by OpenTelemetry, to where OTEL_* variables say.")
    ] = False,
    alerts: Annotated[
        list[str] | None,
        typer.Option(help="Where alerts are posted; may be repeated.", metavar="URL"),
    ] = None,
    stale_after: Annotated[
        int, typer.Option(help="Days after which the price list is worth an alert.", min=1)
    ] = 60,
    log: Annotated[str, typer.Option(help="Form of the log: text or json.", metavar="FORM")] = "text",
    log_level: Annotated[
        str, typer.Option(help="Least level: debug, info, warning or error.", metavar="LEVEL")
    ] = "info",
    log_calls: Annotated[bool, typer.Option("--log-calls", help="Log a line for each call.")] = False,
) -> None:
    r"""Serve an OpenAI-compatible endpoint: callers change their base URL and nothing else.

    OpenAI's key is read from OPENAI_API_KEY and sent for callers with a gateway key. Alerts are signed
    with the secret in TIERWISE_ALERT_SECRET, if there is one. With a batch key, calls that may wait are kept
    sealed and sent in batches.

    \b
    Examples:
      tierwise keys create app --project support
      tierwise serve --policy tierwise.toml
      tierwise serve --observe --own-keys
    """
    try:
        from tierwise.gateway import Options, Settings, logging_to, traces_by_environment
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the gateway needs {error.name}: pip install 'tierwise[gateway]'") from None
    if observe and policy is not None:
        raise CallerError("expected --policy or --observe, got both; observing routes nothing")
    key = os.environ.get(KEY) or None
    if key is None and not own_keys:
        raise CallerError(
            f"expected OpenAI's key in {KEY}, found none; set it, or let callers bring theirs: --own-keys"
        )
    import asyncio

    form, calls = _form(log, log_level), log_calls or log_level == "debug"
    options = Options(
        policy=None if observe else policy or Path(POLICY),
        protected=protected,
        residency=residency,
        ledger=ledger,
        upstream=upstream,
        upstream_key=key,
        own_keys=own_keys,
        host=host,
        port=port,
        prices=prices,
        settings=Settings(spool=spool, drain=drain),
        traces=traces_by_environment() if otel else None,
        log_calls=calls,
        batch_key=key_for_batches(batch_key, batch_key_env),
        alerting=_alerting(alerts, stale_after),
    )
    told = logging_to(sys.stderr, form, level=log_level, calls=calls)
    with told, asyncio.Runner(loop_factory=_loop()) as runner:
        runner.run(_serve(options))


# The parser keeps the lines of a paragraph that a backspace stands before.
serve.__doc__ = (serve.__doc__ or "").replace("\\b", "\b")


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """How the event loop is made: by uvloop where it is installed, which streams by a sixth faster."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


COLLECT_AFTER: int = 50_000
"""Objects made and not yet gone after which a server looks for garbage."""


def _settle() -> None:
    """Look for garbage seldom, and never among what was loaded: each look stops every call for milliseconds."""
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 100)


def _form(text: str, level: str) -> Form:
    """The form of the log. Raises CallerError for one that there is not, or such a level."""
    from tierwise.gateway import LEVELS

    if level not in LEVELS:
        raise CallerError(f"expected --log-level {', '.join(LEVELS)}, got {level:.40}")
    if text == "json":
        return "json"
    if text == "text":
        return "text"
    raise CallerError(f"expected --log text or json, got {text:.40}")


def key_for_batches(file: Path | None, name: str) -> bytes | None:
    """The key that what waits is sealed with; None where there is none.

    Raises:
        CallerError: Another variable than the usual was named, and holds none.
        ConfigurationError: The file cannot be used.
    """
    if file is not None:
        from tierwise.workloads import read_key

        return read_key(file)
    found = os.environ.get(name, "").strip()
    if not found and name != BATCH_KEY:
        raise CallerError(f"expected a key in {name}, found none; make one with: openssl rand -hex 32")
    return found.encode("utf-8", "surrogateescape") or None


def _alerting(addresses: list[str] | None, days: int) -> Alerting | None:
    """Who is told what is amiss. Raises ConfigurationError."""
    from tierwise.gateway import Alerting

    if not addresses:
        return None
    return Alerting(addresses=tuple(addresses), secret=os.environ.get(SIGNED_WITH) or None, prices_days=days)


async def _serve(options: Options) -> None:
    """Serve until a signal comes; calls under way may end."""
    import logging

    from tierwise.cli._signals import asked_to_end
    from tierwise.gateway import serving

    ended = asked_to_end()
    async with serving(options) as found:
        _settle()
        policy = found.pipeline.policy
        what = f"by policy {policy.name} ({policy.digest[:12]})" if policy is not None else "observing only"
        typer.echo(f"serving {found.base_url}, {what}; Ctrl-C ends it once calls under way are over")
        await ended.wait()
        logging.getLogger("tierwise").info("ending: calls under way may finish")
