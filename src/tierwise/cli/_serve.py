"""`tierwise serve`: the policy in front of OpenAI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.errors import CallerError, MissingExtra

if TYPE_CHECKING:
    from tierwise.gateway import Options

KEY: str = "OPENAI_API_KEY"
POLICY: str = "tierwise.toml"


def serve(
    policy: Annotated[
        Path | None, typer.Option(help="The policy; ./tierwise.toml otherwise.", metavar="FILE")
    ] = None,
    observe: Annotated[bool, typer.Option("--observe", help="Route nothing, only record.")] = False,
    ledger: Annotated[
        str, typer.Option(help="File of an SQLite ledger, or postgresql+psycopg://...", metavar="URL")
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
    prices: Annotated[
        Path | None, typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE")
    ] = None,
) -> None:
    r"""Serve an OpenAI-compatible endpoint: callers change their base URL and nothing else.

    OpenAI's key is read from OPENAI_API_KEY and sent for callers with a gateway key.

    \b
    Examples:
      tierwise keys create app --project support
      tierwise serve --policy tierwise.toml
      tierwise serve --observe --own-keys
    """
    try:
        from tierwise.gateway import Options, Settings
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
        settings=Settings(spool=spool),
    )
    asyncio.run(_serve(options))


# The parser keeps the lines of a paragraph that a backspace stands before.
serve.__doc__ = (serve.__doc__ or "").replace("\\b", "\b")


COLLECT_AFTER: int = 50_000
"""Objects made and not yet gone after which a server looks for garbage."""


def _settle() -> None:
    """Look for garbage seldom, and never among what was loaded: each look stops every call for milliseconds."""
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 100)


async def _serve(options: Options) -> None:
    """Serve until a signal comes; calls under way may end."""
    import asyncio
    import signal

    from tierwise.gateway import serving

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with serving(options) as found:
        _settle()
        policy = found.pipeline.policy
        what = f"by policy {policy.name} ({policy.digest[:12]})" if policy is not None else "observing only"
        typer.echo(f"serving {found.base_url}, {what}; Ctrl-C ends it once calls under way are over")
        await ended.wait()
        typer.echo("ending: calls under way may finish", err=True)
