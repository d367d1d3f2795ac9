"""Recorded decisions made again, from a ledger or from an exported log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.cli._ledger import DEFAULT, Url, iso, opened
from tierwise.errors import CallerError

if TYPE_CHECKING:
    from tierwise.calls import Recorded
    from tierwise.catalog import Catalog
    from tierwise.ledger import Ledger
    from tierwise.policy import Policy, Replayed

PricesFile = Annotated[
    Path | None, typer.Option("--prices", help="Prices of your own, as `serve` had them.", metavar="FILE")
]


def replay(
    ledger: Url = DEFAULT,
    since: Annotated[str | None, typer.Option(help="First day, UTC.", metavar="DAY")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A policy beside those that the ledger keeps.", metavar="FILE")
    ] = None,
    prices: PricesFile = None,
) -> None:
    r"""Make every recorded decision again, and say whether it comes out the same, byte for byte.

    Ends with 1 where one differs.

    \b
    Example:
      tierwise ledger replay --since 2026-11-01
    """
    from tierwise.catalog import Catalog
    from tierwise.policy import replay as again

    first = iso(since)
    with opened(ledger) as found:
        catalog = Catalog.open(prices)
        policy_of = _from_both(found, _from_file(policy, catalog))
        done = again((_read(line) for line in found.lines(since=first)), policy_of, catalog)
    typer.echo("\n".join(in_words(done)))
    if done.differ:
        raise typer.Exit(1)


replay.__doc__ = (replay.__doc__ or "").replace("\\b", "\b")


def replayed_logs(
    paths: Sequence[str], policy: Path | None, ledger: str | None, prices: Path | None
) -> Replayed:
    """Decisions in exported logs, made again by a policy's file, or by those that a ledger keeps."""
    from tierwise.catalog import Catalog
    from tierwise.policy import replay as again

    catalog = Catalog.open(prices)
    own = _from_file(policy, catalog)
    if ledger is None:
        return again(_recorded(paths), own, catalog)
    with opened(ledger) as found:
        return again(_recorded(paths), _from_both(found, own), catalog)


def _read(line: bytes) -> Recorded | None:
    """A line of the ledger; None where it is damaged."""
    from msgspec import DecodeError

    from tierwise.calls import decode_recorded

    try:
        return decode_recorded(line)
    except (DecodeError, ValueError, RecursionError):
        return None


def _from_both(ledger: Ledger, own: Callable[[str], Policy | None]) -> Callable[[str], Policy | None]:
    """The policies that a ledger keeps, and one beside them; one that no longer reads is not there."""
    from msgspec import DecodeError

    from tierwise.ledger import Policies

    kept = Policies(ledger)

    @cache
    def policy_of(digest: str) -> Policy | None:
        try:
            return kept.load(digest)[0]
        except (CallerError, DecodeError, ValueError):
            return own(digest)

    return policy_of


def _recorded(paths: Sequence[str]) -> Iterator[Recorded]:
    from tierwise.calls import Call, plan, read

    for unit in plan(paths).units:
        for record in read(unit):
            if isinstance(record, Call) and record.recorded is not None:
                yield record.recorded


def _from_file(path: Path | None, catalog: Catalog) -> Callable[[str], Policy | None]:
    if path is None:
        return lambda _: None
    from tierwise.policy import load_live

    found = load_live(path, catalog).policy
    return lambda digest: found if found.digest == digest else None


def in_words(done: Replayed) -> list[str]:
    """What a replay found, a line each."""
    if not done.decisions:
        return ["no decisions are recorded here; calls that are only observed have none"]
    lines = [f"decisions replayed to the same bytes: {done.same:,} of {done.decisions:,}"]
    lines += [f"  {count:,} left out: {why}" for why, count in done.left.most_common()]
    if done.differ:
        lines.append(f"  {done.differ:,} come out differently, such as:")
        lines += [f"    {one.call}: was {one.recorded}; is {one.now}" for one in done.differences[:5]]
    return lines
