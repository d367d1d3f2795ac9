"""`tierwise doctor`: whether what tierwise stands on is in order, and what to do where it is not."""

from __future__ import annotations

import datetime as dt
import os
import platform
import sys
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from tierwise.errors import TierwiseError

State = Literal["ok", "note", "wrong"]
Line = tuple[State, str, str]
"""How it is, what was looked at, and what was found, with the remedy where it is not in order."""

STALE: Final = 60
"""Days after which a price list is worth a word; OpenAI changes prices every few months."""
AHEAD: Final = dt.timedelta(days=7)
"""How long before the end of evidence that is worth a word."""
SKEW: Final = 5.0
"""Seconds by which a clock may be off before deadlines and budgets of a day suffer."""
EXTRAS: Final = {
    "gateway": ("aiohttp", "sqlalchemy", "prometheus_client"),
    "batch": ("dbos", "cryptography"),
    "live": ("aiohttp",),
    "simulator": ("aiohttp",),
    "parquet": ("pyarrow",),
    "postgresql": ("psycopg",),
    "otel": ("opentelemetry",),
}


def doctor(
    policy: Annotated[
        Path | None, typer.Option(help="The policy; ./tierwise.toml where there is one.", metavar="FILE")
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            help="The ledger; ./tierwise.db where there is one.", metavar="URL", envvar="TIERWISE_LEDGER"
        ),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE")
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask upstream: the key, and how far the clock is off.")
    ] = False,
    upstream: Annotated[
        str, typer.Option(help="Where --online asks.", metavar="URL")
    ] = "https://api.openai.com/v1",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    r"""Look at what tierwise stands on: Python, extras, key, prices, policy, ledger, clock.

    Each line says what was found, and what to do where it is not in order. Exit code 1 where
    something is wrong. Without --online nothing leaves this machine. A key is never printed.

    \b
    Examples:
      tierwise doctor
      tierwise doctor --policy tierwise.toml --ledger postgresql+psycopg://host/db --online
    """
    looks: list[tuple[str, Iterator[Line]]] = [
        ("tierwise", _python()),
        ("extras", _extras()),
        ("key", _key()),
        ("prices", _prices(prices)),
        ("policy", _policy(policy, prices)),
        ("ledger", _ledger(ledger)),
    ]
    if online:
        looks.append(("upstream", _upstream(upstream)))
    lines = [line for about, look in looks for line in _guarded(about, look)]
    if json:
        import msgspec

        rows = [{"state": state, "about": about, "found": found} for state, about, found in lines]
        typer.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
    else:
        for state, about, found in lines:
            typer.echo(f"{state:<5}  {about:<8}  {found}")
    if any(state == "wrong" for state, _, _ in lines):
        raise typer.Exit(1)


def _guarded(about: str, look: Iterator[Line]) -> Iterator[Line]:
    """What a look finds; a fault of tierwise's own kind is a line like any other."""
    try:
        yield from look
    except (TierwiseError, OSError) as fault:
        yield "wrong", about, str(fault)


def _python() -> Iterator[Line]:
    from tierwise import __version__

    yield "ok", "tierwise", f"{__version__} on Python {platform.python_version()}, {sys.platform}"


def _extras() -> Iterator[Line]:
    there = [extra for extra, names in EXTRAS.items() if all(find_spec(name) for name in names)]
    missing = [extra for extra in EXTRAS if extra not in there]
    yield "ok", "extras", f"installed: {', '.join(there) or 'none'}"
    if missing:
        yield "note", "extras", f"not installed: {', '.join(missing)}; pip install 'tierwise[{missing[0]}]'"


def _key() -> Iterator[Line]:
    key = os.environ.get("OPENAI_API_KEY", "")
    if not key:
        yield "note", "key", "no OPENAI_API_KEY; audits need none, live calls and `serve` do"
    elif key != key.strip() or not key.isascii() or not key.isprintable():
        yield "wrong", "key", "OPENAI_API_KEY has spaces or odd characters around or in it; set it anew"
    else:
        yield "ok", "key", f"OPENAI_API_KEY is set, {len(key)} characters"


def _prices(overrides: Path | None) -> Iterator[Line]:
    from tierwise.catalog import Catalog

    catalog = Catalog.open(overrides)
    age = (_today() - catalog.prices_date).days
    said = f"last checked {catalog.prices_date}, {age} days ago"
    if age > STALE:
        yield "note", "prices", f"{said}; pip install --upgrade tierwise genai-prices"
    elif age < -1:
        yield "wrong", "prices", f"{said}: this machine's clock is in the past; set it"
    else:
        yield "ok", "prices", said
    for model in catalog.models():
        if model.shutdown is not None and 0 <= (left := (model.shutdown - _today()).days) <= 90:
            to = f"; its successor is {model.successor}" if model.successor else ""
            yield "note", "prices", f"{model.name} is shut down on {model.shutdown}, in {left} days{to}"


def _policy(path: Path | None, prices: Path | None) -> Iterator[Line]:
    from tierwise.catalog import Catalog
    from tierwise.policy import check_policy, expiring

    file = path or Path("tierwise.toml")
    if path is None and not file.exists():
        yield "note", "policy", "no tierwise.toml here; `tierwise policy init` makes one from an audit"
        return
    checked = check_policy(file, Catalog.open(prices))
    if checked.policy is None:
        for problem in checked.problems:
            yield "wrong", "policy", str(problem)
        return
    on = sum(rule.stage == "on" for rule in checked.policy.rules)
    yield "ok", "policy", f"{file}: {len(checked.policy.rules)} rules with the default, {on} of them on"
    for rule, proof in expiring(checked.policy, _today(), AHEAD):
        yield "note", "policy", f"evidence of rule {rule.name} expires on {proof.expires}; prove it again"


def _ledger(url: str | None) -> Iterator[Line]:
    if url is None and not Path("tierwise.db").exists():
        yield "note", "ledger", "no tierwise.db here; `tierwise serve` makes one"
        return
    if url is not None and "://" not in url and not Path(url).exists():
        yield "wrong", "ledger", f"expected one at {url}, found none; start: tierwise serve --ledger {url}"
        return
    try:
        from tierwise.ledger import look_at
    except ModuleNotFoundError as error:
        yield "wrong", "ledger", f"needs {error.name}; pip install 'tierwise[gateway]'"
        return
    kind, version, newest, flags = look_at(url or "tierwise.db")
    if version > newest:
        said = f"{kind}, version {version}; this tierwise knows {newest}: install a newer one"
        yield "wrong", "ledger", said
        return
    later = f" of {newest}; the next command that opens it brings it up" if version < newest else ""
    yield "ok", "ledger", f"{kind}, version {version}{later}"
    for name, value in flags.items():
        if name.partition(":")[0] == "routing" and value == "off":
            of = name.partition(":")[2]
            whose = f" --workload {of}" if of else ""
            yield (
                "note",
                "ledger",
                f"routing is off{f' for {of}' if of else ''}; `tierwise on{whose}` starts it",
            )


def _upstream(url: str) -> Iterator[Line]:
    import asyncio

    from tierwise.calls import Outgoing, Retries
    from tierwise.upstream import Upstream

    key = os.environ.get("OPENAI_API_KEY", "")
    if not key:
        yield "wrong", "upstream", "cannot be asked without OPENAI_API_KEY"
        return

    async def asked() -> tuple[int, str | None]:
        async with Upstream(url, key=key) as up:
            outgoing = Outgoing(method="GET", path="/v1/models", retries=Retries(attempts=1))
            reply = await up.send(outgoing)
            await reply.read()
            return reply.status, reply.header("date")

    try:
        status, date = asyncio.run(asked())
    except TierwiseError as fault:
        yield "wrong", "upstream", f"{url}: {fault}"
        return
    if status == 401:
        yield "wrong", "upstream", f"{url} does not know the key in OPENAI_API_KEY; make a new one"
    elif status >= 400:
        yield "note", "upstream", f"{url} answered {status} to a list of models"
    else:
        yield "ok", "upstream", f"{url} knows the key"
    yield from _clock(date)


def _clock(date: str | None) -> Iterator[Line]:
    try:
        told = parsedate_to_datetime(date or "")
        off = (dt.datetime.now(dt.UTC) - told).total_seconds()
    except (TypeError, ValueError):
        yield "note", "clock", "upstream did not say what time it is"
        return
    if abs(off) > SKEW:
        yield "wrong", "clock", f"is {off:+.0f} seconds off upstream's; let the machine keep time by NTP"
    else:
        yield "ok", "clock", f"within {SKEW:.0f} seconds of upstream's"


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()
