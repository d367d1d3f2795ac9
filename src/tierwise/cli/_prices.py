"""`tierwise models` and `tierwise price`."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tierwise.errors import CallerError, CatalogError

if TYPE_CHECKING:
    from tierwise.catalog import Catalog, Cost, Ladder, Lane, Model, RateCard, Tokens

NARROWEST = 76
"""Columns that the table of models needs."""
WIDE = 90
"""Columns from which the table of models has room for successors."""
PRICES = typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE")


def models(
    ladder: Annotated[str | None, typer.Option(help="Only the models of this ladder.")] = None,
    at: Annotated[
        str | None, typer.Option(help="Prices of this day; today by default.", metavar="DATE")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    prices: Annotated[Path | None, PRICES] = None,
) -> None:
    """List the models that are known: what they cost and can do, and when they end."""
    from tierwise.catalog import Catalog

    catalog = Catalog.open(prices)
    day = _day(at)
    ladders = [catalog.ladder(ladder)] if ladder is not None else list(catalog.ladders())
    names = set(ladders[0].models) if ladder is not None else None
    chosen = [model for model in catalog.models() if names is None or model.name in names]
    rows = [_row(model, catalog, ladders, day) for model in chosen]
    if json:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
        return
    _print(rows, ladders)


def _row(model: Model, catalog: Catalog, ladders: list[Ladder], day: dt.date) -> dict[str, object]:
    try:
        rates = catalog.rate_card(model.name, "standard", at=day).short
        standard = {"input": rates.uncached, "cached": rates.cached, "output": rates.output}
    except CatalogError:
        standard = {"input": None, "cached": None, "output": None}
    tiers = {f"{known.name} {known.tier_of(model.name)}" for known in ladders if known.tier_of(model.name)}
    return {
        "model": model.name,
        "tiers": sorted(tiers),
        **standard,
        "lanes": [lane for lane in _lanes() if _offered(catalog, model.name, lane, day)],
        "context": model.context,
        "max_output": model.max_output,
        "efforts": model.efforts,
        "default_effort": model.default_effort,
        "features": sorted(model.features),
        "endpoints": sorted(model.endpoints),
        "shutdown": model.shutdown,
        "successor": model.successor,
    }


def _lanes() -> tuple[Lane, ...]:
    from tierwise.catalog import LANES

    return LANES


def _offered(catalog: Catalog, name: str, lane: Lane, day: dt.date) -> bool:
    try:
        catalog.rate_card(name, lane, at=day)
    except CatalogError:
        return False
    return True


def _print(rows: list[dict[str, object]], ladders: list[Ladder]) -> None:
    from rich.console import Console
    from rich.table import Table

    # A narrower terminal wraps the lines itself: no number is cut.
    console = Console(width=max(Console().width, NARROWEST))
    columns = [("model", "left"), ("input", "right"), ("cached", "right"), ("output", "right")]
    columns += [("context", "right"), ("lanes", "left"), ("ends", "left")]
    if console.width >= WIDE:
        columns.append(("successor", "left"))
    table = Table(
        title="USD per million tokens, standard lane", title_justify="left", box=None, pad_edge=False
    )
    for name, justify in columns:
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # two of rich's words
    for row in rows:
        rates = [_rate(cast("Decimal | None", row[kind])) for kind in ("input", "cached", "output")]
        cells = [str(row["model"]), *rates, _short(cast("int | None", row["context"]))]
        cells += [_letters(cast("list[str]", row["lanes"])), str(row["shutdown"] or "-")]
        table.add_row(*[*cells, str(row["successor"] or "-")][: len(columns)])
    console.print(table)
    typer.echo(
        "lanes beside standard: f flex, b batch, p priority, w background windows; --json has the rest"
    )
    for ladder in ladders:
        typer.echo(f"ladder {ladder.name}: {' < '.join(ladder.models)}")


def _short(context: int | None) -> str:
    """'1.05M', '400k': a window as people name it; '-' where it is not published."""
    if context is None:
        return "-"
    return f"{context / 1e6:.4g}M" if context >= 1_000_000 else f"{context / 1e3:.4g}k"


def _letters(lanes: list[str]) -> str:
    """'fbpw': a letter a lane beside standard, so that a row fits a line."""
    letters = {"flex": "f", "batch": "b", "priority": "p", "background-2h": "w", "background-8h": "w"}
    return "".join(dict.fromkeys(letters[lane] for lane in lanes if lane in letters)) or "-"


def _rate(rate: Decimal | None) -> str:
    return "-" if rate is None else f"{rate.normalize():f}"


def price(
    model: Annotated[str, typer.Argument(help="Model as a log would name it.")],
    input: Annotated[int, typer.Option(help="Input tokens, cached and written ones included.", min=0)] = 0,
    cached: Annotated[int, typer.Option(help="Input tokens read from the cache.", min=0)] = 0,
    output: Annotated[int, typer.Option(help="Output tokens, reasoning included.", min=0)] = 0,
    written: Annotated[
        int, typer.Option(help="Input tokens written to the cache for 30 minutes.", min=0)
    ] = 0,
    written_12h: Annotated[int, typer.Option("--written-12h", help="Written for 12 hours.", min=0)] = 0,
    reasoning: Annotated[int, typer.Option(help="Output tokens spent on reasoning.", min=0)] = 0,
    lane: Annotated[
        str, typer.Option(help="standard, flex, batch, priority, background-2h or background-8h.")
    ] = "standard",
    at: Annotated[
        str | None, typer.Option(help="Prices of this day; today by default.", metavar="DATE")
    ] = None,
    residency: Annotated[
        bool, typer.Option("--residency", help="Sent to a data-residency endpoint.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; money as strings.")] = False,
    prices: Annotated[Path | None, PRICES] = None,
) -> None:
    """Price one call, exactly; refuse what has no published price."""
    from tierwise.catalog import LANES, Catalog, disjoint_tokens

    if lane not in LANES:
        raise CallerError(f"expected a lane, got {lane!r}; use one of {', '.join(LANES)}")
    tokens = disjoint_tokens(
        input=input,
        cached=cached,
        output=output,
        written=written,
        written_12h=written_12h,
        reasoning=reasoning,
    )
    catalog = Catalog.open(prices)
    card = catalog.rate_card(model, lane, at=_day(at), residency=residency)
    cost = card.cost(tokens)
    if json:
        _print_json(model, card, tokens, cost, _day(at))
    else:
        _print_cost(card, tokens, cost, _day(at))


def _print_json(model: str, card: RateCard, tokens: Tokens, cost: Cost, day: dt.date) -> None:
    import msgspec

    rates = card.rates(tokens.input_total)
    found = {
        "model": card.model,
        "asked": model,
        "lane": card.lane,
        "at": day,
        "total": f"{cost.total:f}",
        "currency": "USD",
        "parts": {kind: f"{money:f}" for kind, money in cost.parts.items()},
        "tokens": {kind: count for kind in cost.parts if (count := getattr(tokens, kind))},
        "rates_per_million": {
            kind: f"{rate:f}" for kind in cost.parts if (rate := rates.of(kind)) is not None
        },
        "long_context": card.long is not None and rates is card.long,
        "source": card.source,
        "note": card.note,
    }
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))


def _print_cost(card: RateCard, tokens: Tokens, cost: Cost, day: dt.date) -> None:
    rates = card.rates(tokens.input_total)
    typer.echo(f"{card.model}, lane {card.lane}, prices of {day.isoformat()}")
    for kind, money in cost.parts.items():
        rate = rates.of(kind)
        typer.echo(
            f"  {kind:13} {getattr(tokens, kind):>14,} tokens at {_rate(rate):>8} a million  ${money:f}"
        )
    typer.echo(f"  {'total':13} {'':>14}{'':31}${cost.total:f}")
    if card.long is not None and rates is card.long:
        typer.echo(f"  long-context rates: input above {card.threshold:,} tokens")
    for note in (card.note, f"source: {card.source}" if card.source else None):
        if note:
            typer.echo(f"  {note}")


def _day(text: str | None) -> dt.date:
    if text is None:
        return dt.datetime.now(dt.UTC).date()
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise CallerError(f"expected a date like 2026-11-24, got {text!r}") from None
