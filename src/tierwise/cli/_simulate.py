"""`tierwise simulate`: an OpenAI API on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tierwise.simulator import Fault, Simulator


def simulate(
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes any free one.", min=0, max=65535)
    ] = 8089,
    seed: Annotated[int, typer.Option(help="Seed of answers, ids and faults.")] = 0,
    faults: Annotated[
        Path | None, typer.Option(help="JSON file with an array of faults.", metavar="FILE")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault as KIND:RATE or KIND@NUMBERS, such as rate_limit:0.1 or cut@3,5.", metavar="FAULT"
        ),
    ] = None,
    batch_seconds: Annotated[float, typer.Option(help="How long a batch takes.", min=0)] = 5.0,
    price_table: Annotated[
        bool,
        typer.Option("--price-table", help="Print the price table that the bill is made from, and leave."),
    ] = False,
) -> None:
    r"""Serve an OpenAI API on loopback, for tests and demos: any key that begins with sk- is right.

    \b
    Examples:
      tierwise simulate --port 8089
      tierwise simulate --seed 7 --fault rate_limit:0.05 --fault cut@10
    """
    if price_table:
        _print_prices()
        return
    import asyncio

    from tierwise.simulator import Settings, Simulator

    struck = _faults(faults, fault or [])
    simulator = Simulator(Settings(seed=seed, batch_seconds=batch_seconds), faults=struck, port=port)
    try:
        asyncio.run(_serve(simulator))
    finally:
        typer.echo(f"{len(simulator.bill)} calls billed, ${simulator.bill_total:f}", err=True)


# The parser keeps the lines of a paragraph that a backspace stands before.
simulate.__doc__ = (simulate.__doc__ or "").replace("\\b", "\b")


def _faults(file: Path | None, given: list[str]) -> list[Fault]:
    from tierwise.simulator import parse_fault, read_faults

    found = [] if file is None else read_faults(file)
    return [*found, *map(parse_fault, given)]


async def _serve(simulator: Simulator) -> None:
    """Serve until a signal comes."""
    from tierwise.cli._signals import asked_to_end

    ended = asked_to_end()
    async with simulator:
        typer.echo(
            f"serving {simulator.base_url} (bill: {simulator.base_url.removesuffix('/v1')}/simulator/bill)"
        )
        await ended.wait()


def _print_prices() -> None:
    from tierwise.simulator import PriceList

    head = ("model", "standard", "batch", "flex", "priority", "long")
    typer.echo(
        "USD per million tokens, input/cached/output; w: cache writes cost 1.25 (30 min) or 2.5 (12 h) times input"
    )
    for row in [dict(zip(head, head, strict=True)) | {"writes": ""}, *PriceList().rows()]:
        typer.echo(("".join(f"{row[name]:<23}" for name in head) + row["writes"]).rstrip())
