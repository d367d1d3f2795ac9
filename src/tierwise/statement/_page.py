"""The page of a month, in words: as Markdown, and the same as one HTML document."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, localcontext
from html import escape
from typing import Final

import msgspec

from tierwise.ledger import exact
from tierwise.statement._charges import ZERO, Sums
from tierwise.statement._month import Month, Of

MOST: Final = 10
"""Projects, models and reasons told one by one; the rest is one line."""
LONGEST: Final = 80
"""Characters of one foreign text."""
STYLE: Final = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .75rem;border-bottom:1px solid #ccc;text-align:right}
td:first-child,th:first-child{text-align:left}"""


CODE: Final = re.compile("`([^`]*)`")


class Table(msgspec.Struct, frozen=True):
    """Rows of cells; the first row is the head, the first column is text and the others are numbers."""

    rows: tuple[tuple[str, ...], ...]


class Heading(msgspec.Struct, frozen=True):
    """A heading below the title."""

    text: str


Block = Heading | Table | str
"""Text is ours and may hold `code`; names from outside are in the title and in cells alone."""


def markdown(month: Month) -> str:
    """The page as Markdown, ending in a line break."""
    parts = [f"# {_plain(_title(month))}"]
    for block in _blocks(month):
        if isinstance(block, Table):
            head, *rows = (tuple(_plain(cell) for cell in row) for row in block.rows)
            lines = [_line(head), _line(("---", *("---:" for _ in head[1:]))), *map(_line, rows)]
            parts.append("\n".join(lines))
        else:
            parts.append(f"## {block.text}" if isinstance(block, Heading) else block)
    return "\n\n".join(parts) + "\n"


def html(month: Month) -> str:
    """The page as a document that asks no host for anything; write it as UTF-8."""
    title = escape(_title(month))
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    ]
    parts.append(f"<h1>{title}</h1>")
    for block in _blocks(month):
        if isinstance(block, Table):
            head, *rows = block.rows
            parts.append(
                "<table>" + _cells(head, "th") + "".join(_cells(row, "td") for row in rows) + "</table>"
            )
        elif isinstance(block, Heading):
            parts.append(f"<h2>{escape(block.text)}</h2>")
        else:
            said = CODE.sub(r"<code>\1</code>", escape(block))
            parts.append(f"<p>{said}</p>")
    return "\n".join(parts) + "\n</html>\n"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text in which Markdown finds no mark of its own: names come from callers."""
    for mark in ("\\", "|", "<", "*", "_", "`", "["):
        text = text.replace(mark, f"\\{mark}")
    return text


def _cells(row: tuple[str, ...], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"


# ---------------------------------------------------------------- what it says


def _title(month: Month) -> str:
    return f"Statement of {month.span.first:%B %Y}" + (
        f", project {_name(month.project)}" if month.project else ""
    )


def _blocks(month: Month) -> Iterator[Block]:
    yield _opening(month)
    if not month.calls:
        yield "There are no calls in the ledger for this month."
        return
    yield _sums(month)
    yield from _notes(month)
    yield Heading("What is not in these sums")
    yield _held(month)
    yield from _unpriced(month)
    for title, groups in (("By project", month.projects), ("By model", month.models)):
        if groups:
            yield Heading(title)
            yield _groups(title.removeprefix("By "), groups)


def _opening(month: Month) -> str:
    until = "" if month.over else f" The month is not over: this is up to {month.today.isoformat()}."
    owner = (
        "Contract prices are the lists with the owner's prices and discounts over them."
        if month.priced
        else "No prices of the owner's were given, so that contract prices are the lists'."
    )
    return f"US dollars, exact; days are UTC.{until} {owner}"


def _sums(month: Month) -> Table:
    return Table(
        (
            ("", "as counted", "at list prices", "at contract prices"),
            (f"Billed, {_count(month.calls - month.unknown - month.unpriced)}", *_three(month.cost)),
            ("As asked (estimate)", *_three(month.as_asked)),
            ("Net saving (estimate)", *_three(month.saving)),
        )
    )


def _notes(month: Month) -> Iterator[str]:
    yield (
        "Billed as counted is what the ledger has, by the prices that were in force when each call was made; OpenAI's "
        "invoice is the last word, and `tierwise reconcile` lays the two side by side."
    )
    yield _estimate(month)
    if month.estimated:
        yield (
            f"Tokens estimated, for no usage came back: {_count(month.estimated)}. Their cost is an estimate too."
        )
    if month.settled:
        yield (
            f"Settled by what OpenAI charged: {_count(month.settled)} of unknown end, {_money(month.settlements)}. This is "
            "in all three columns as it is."
        )
    if month.reserved:
        yield f"Reserved capacity: {_money(month.reserved)} a month, which is in no call's cost and in no column."
    yield _retries(month)
    yield from _bases(month)


def _estimate(month: Month) -> str:
    """How the line of what calls would have cost as asked comes about."""
    if not month.moved:
        return "Every call went as it was asked, so that as asked is what was billed."
    unasked = (
        f" Without a price for what was asked, in one column or more: {_count(month.unasked)}; there their cost stands "
        "for it."
        if month.unasked
        else ""
    )
    return (
        f"How the estimate is made: {_count(month.moved)} went to another model, effort or lane than asked. Each is priced "
        "as asked with the input it had, cached as was expected there, and the answer that came, made as long as the "
        "lengths that its decision counted with say. Nobody sent it, so that this is no fact. Every other call counts as "
        f"asked at what it cost.{unasked}"
    )


def _retries(month: Month) -> str:
    if not month.attempts:
        return "Retries: no call took more than one request."
    return (
        f"Retries: {month.attempts:,} requests beyond the first, for {_count(month.retried)}. The ledger has no cost of "
        "them, $0 of the above: a request is sent again only where it was refused or did not come through, which OpenAI is "
        "not known to bill."
    )


def _bases(month: Month) -> Iterator[str]:
    shared, whole = month.bases.get("share", 0), month.bases.get("whole", 0)
    if shared:
        yield (
            f"Counted at other prices than these lists give now: {_count(shared)}. In the table their cost is shared out "
            "over their tokens in proportion."
        )
    if whole:
        yield (
            f"Not priced anew, for the lists lack what they used: {_count(whole)}. What was counted for them stands in all "
            "three columns."
        )
    if month.damaged:
        yield f"Damaged in the ledger: {_count(month.damaged)}."


def _held(month: Month) -> str:
    if not month.held and not month.unknown:
        return "Held: nothing. Every call's end is known."
    return (
        f"Held: {_money(month.held)} for {_count(month.unknown)} whose end is not known, and which may have been billed; "
        "`tierwise reconcile --settle` settles them by OpenAI's costs."
    )


def _unpriced(month: Month) -> Iterator[Block]:
    if not month.unpriced:
        yield "Without a price: no call."
        return
    yield f"Without a price: {_count(month.unpriced)}, whose cost is not counted here."
    most = sorted(month.reasons.items(), key=lambda item: (-item[1], item[0]))
    rows = [(_name(reason), f"{count:,}") for reason, count in most[:MOST]]
    if rest := sum(count for _, count in most[MOST:]):
        rows.append(("other reasons", f"{rest:,}"))
    yield Table((("why", "calls"), *rows))


def _groups(what: str, groups: dict[str, Of]) -> Table:
    """The dearest one by one and the rest as one: together, to the last digit, what was billed."""
    most = sorted(groups.items(), key=lambda item: (-item[1].cost.counted, item[0]))
    rows = [_group(_name(name) or "(none)", of) for name, of in most[:MOST]]
    if most[MOST:]:
        rest = Of()
        with localcontext(exact()):
            for _, of in most[MOST:]:
                rest = Of(
                    calls=rest.calls + of.calls,
                    cost=rest.cost.plus(of.cost),
                    as_asked=rest.as_asked.plus(of.as_asked),
                )
        rows.append(_group(f"{len(most) - MOST:,} others", rest))
    return Table(((what, "calls", "billed", "at list", "at contract", "saved (estimate)"), *rows))


def _group(name: str, of: Of) -> tuple[str, ...]:
    with localcontext(exact()):
        saved = of.as_asked.counted - of.cost.counted
    return (name, f"{of.calls:,}", *_three(of.cost), _money(saved))


def _three(sums: Sums) -> tuple[str, str, str]:
    return _money(sums.counted), _money(sums.listed), _money(sums.contract)


def _money(amount: Decimal) -> str:
    """Dollars, to the last digit, cents at least."""
    whole, _, part = f"{abs(amount):,f}".partition(".")
    return f"{'-' if amount < ZERO else ''}${whole}.{part.rstrip('0').ljust(2, '0')}"


def _count(calls: int) -> str:
    return f"{calls:,} call" if calls == 1 else f"{calls:,} calls"


def _name(text: str | None) -> str:
    """Foreign text on one line, not too long."""
    line = "".join(
        " " if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else c for c in text or ""
    )
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
