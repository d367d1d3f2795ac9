"""OpenAI's published prices, typed by hand: USD per million tokens, as of 24 November 2026.

Sources: OpenAI's pricing page (archived August 2026) up to gpt-5.6; for GPT-6 two independent
public data sets that agree. Not the product's prices: the two must find each other wrong.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

Lane = Literal["standard", "batch", "flex", "priority", "background_2h", "background_8h", "decisions"]

LONG_FROM: Final = 272_000
"""Above this many input tokens, cached ones included, the whole request costs the long rate."""

# model: standard | batch | flex | fast | standard above 272,000 tokens; each input/cached/output.
# '-' is not offered, '?' is not published. Cache writes cost 1.25 (30 minutes) or 2.5 (12 hours)
# times the input rate where the model has them ('w' at the end).
_TABLE: Final = """
gpt-6.2-astra | 8/0.40/40       | ?                    | ?                    | ?             | ?           |
gpt-6.2-sol   | 2/?/10          | ?                    | ?                    | ?             | ?           |
gpt-6.1-sol   | 2/0.1/10        | 1/0.05/5             | 1/0.05/5             | 4/0.2/20      | 4/0.2/15    | w
gpt-6.1-terra | 1/0.05/5        | 0.5/0.025/2.5        | 0.5/0.025/2.5        | 2/0.1/10      | 2/0.1/7.5   | w
gpt-6-astra   | 10/1/50         | 5/0.5/25             | 5/0.5/25             | 20/2/100      | 20/2/75     | w
gpt-6-sol     | 2/0.2/10        | 1/0.1/5              | 1/0.1/5              | 4/0.4/20      | 4/0.4/15    | w
gpt-6-luna    | 0.1/0.01/0.5    | 0.05/0.005/0.25      | 0.05/0.005/0.25      | 0.2/0.02/1    | 0.2/0.02/0.75 | w
gpt-5.6-sol   | 4/0.4/20        | 2/0.2/10             | 2/0.2/10             | 8/0.8/40      | 8/0.8/30    | w
gpt-5.6-terra | 2/0.2/12        | 1/0.1/6              | 1/0.1/6              | 4/0.4/24      | 4/0.4/18    | w
gpt-5.6-luna  | 0.2/0.02/1.2    | 0.1/0.01/0.6         | 0.1/0.01/0.6         | 0.4/0.04/2.4  | 0.4/0.04/1.8 | w
gpt-5.5       | 5/0.5/30        | 2.5/0.25/15          | 2.5/0.25/15          | 12.5/1.25/75  | 10/1/45     |
gpt-5.4       | 2.5/0.25/15     | 1.25/0.13/7.5        | 1.25/0.13/7.5        | 5/0.5/30      | 5/0.5/22.5  |
gpt-5.4-mini  | 0.75/0.075/4.5  | 0.375/0.0375/2.25    | 0.375/0.0375/2.25    | 1.5/0.15/9    | -           |
gpt-5.4-nano  | 0.2/0.02/1.25   | 0.1/0.01/0.625       | 0.1/0.01/0.625       | -             | -           |
gpt-5.2       | 1.75/0.175/14   | 0.875/0.0875/7       | 0.875/0.0875/7       | 3.5/0.35/28   | -           |
gpt-5.1       | 1.25/0.125/10   | 0.625/0.0625/5       | 0.625/0.0625/5       | 2.5/0.25/20   | -           |
gpt-5         | 1.25/0.125/10   | 0.625/0.0625/5       | 0.625/0.0625/5       | 2.5/0.25/20   | -           |
gpt-5-mini    | 0.25/0.025/2    | 0.125/0.0125/1       | 0.125/0.0125/1       | 0.45/0.045/3.6 | -          |
gpt-5-nano    | 0.05/0.005/0.4  | 0.025/0.0025/0.2     | 0.025/0.0025/0.2     | -             | -           |
gpt-4.1       | 2/0.5/8         | 1/1/4                | -                    | 3.5/0.875/14  | -           |
gpt-4.1-mini  | 0.4/0.1/1.6     | 0.2/0.2/0.8          | -                    | 0.7/0.175/2.8 | -           |
gpt-4.1-nano  | 0.1/0.025/0.4   | 0.05/0.05/0.2        | -                    | 0.2/0.05/0.8  | -           |
gpt-4o        | 2.5/1.25/10     | 1.25/1.25/5          | -                    | 4.25/2.125/17 | -           |
gpt-4o-mini   | 0.15/0.075/0.6  | 0.075/0.075/0.3      | -                    | 0.25/0.125/1  | -           |
o3            | 2/0.5/8         | 1/1/4                | 1/0.25/4             | 3.5/0.875/14  | -           |
o4-mini       | 1.1/0.275/4.4   | 0.55/0.55/2.2        | 0.55/0.138/2.2       | 2/0.5/8       | -           |
text-embedding-3-small | 0.02/0.02/0 | 0.01/0.01/0     | -                    | -             | -           |
text-embedding-3-large | 0.13/0.13/0 | 0.065/0.065/0   | -                    | -             | -           |
"""

FEES: Final = {"web_search": Decimal("0.01"), "file_search": Decimal("0.0025")}
"""USD a call of a hosted tool. Tool search and function calling are free."""
WRITE_30M: Final = Decimal("1.25")
WRITE_12H: Final = Decimal("2.5")
RESIDENCY: Final = Decimal("1.1")
WINDOWS: Final = {"background_2h": Decimal("0.7"), "background_8h": Decimal("0.6")}
_COLUMNS: Final = ("standard", "batch", "flex", "priority", "long")


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """USD per million tokens of each kind in one lane; None where not published."""

    input: Decimal
    cached: Decimal | None
    output: Decimal
    written_30m: Decimal | None = None
    written_12h: Decimal | None = None

    def times(self, factor: Decimal, output: Decimal | None = None) -> Rates:
        """These rates scaled, output by its own factor where given."""
        scale = [None if r is None else r * factor for r in (self.cached, self.written_30m, self.written_12h)]
        return Rates(
            input=self.input * factor,
            cached=scale[0],
            output=self.output * (factor if output is None else output),
            written_30m=scale[1],
            written_12h=scale[2],
        )


class PriceList:
    """The table, read once."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[str, Rates | None]] = {}
        self._writes: set[str] = set()
        self._offered: set[tuple[str, str]] = set()
        for line in _TABLE.strip().splitlines():
            name, *cells, mark = (cell.strip() for cell in line.split("|"))
            if mark == "w":
                self._writes.add(name)
            self._cells[name] = {
                column: _cell(cell, writes=mark == "w") for column, cell in zip(_COLUMNS, cells, strict=True)
            }
            self._offered |= {
                (name, column) for column, cell in zip(_COLUMNS, cells, strict=True) if cell != "-"
            }

    def offers(self, model: str, lane: str) -> bool:
        """Whether the model has that lane at all; a lane without published price counts as offered."""
        return (model, lane) in self._offered

    def rates(self, model: str, lane: Lane, input_tokens: int) -> Rates | None:
        """Rates of one request, None where no price is published."""
        cells = self._cells.get(model)
        if cells is None:
            return None
        if lane == "decisions":
            zero = Decimal(0)
            # $0.10 a million input tokens; output, cache reads and writes are free.
            return Rates(input=Decimal("0.10"), cached=zero, output=zero, written_30m=zero, written_12h=zero)
        if lane in WINDOWS:
            base = self.rates(model, "standard", input_tokens)
            return None if base is None else base.times(WINDOWS[lane])
        if input_tokens > LONG_FROM and self.offers(model, "long"):
            return self._long(model, lane)
        return cells[lane]

    def _long(self, model: str, lane: Lane) -> Rates | None:
        """Batch and flex: half of the long rate. Fast: twice it from gpt-5.6 on, before that no such price."""
        long = self._cells[model]["long"]
        if long is None or lane == "standard":
            return long
        if lane == "priority":
            return long.times(Decimal(2)) if model in self._writes else self._cells[model]["priority"]
        return long.times(Decimal("0.5"))

    def uplifted(self, model: str) -> bool:
        """Whether a residency endpoint costs more: models released on or after 2026-03-05."""
        return model in self._writes or model.startswith(("gpt-5.4", "gpt-5.5", "gpt-6"))

    def rows(self) -> list[dict[str, str]]:
        """The table as published, for printing: one row a model."""
        found = []
        for line in _TABLE.strip().splitlines():
            name, *cells, mark = (cell.strip() for cell in line.split("|"))
            found.append({"model": name, **dict(zip(_COLUMNS, cells, strict=True)), "writes": mark})
        return found


def _cell(cell: str, *, writes: bool) -> Rates | None:
    if cell in {"-", "?"}:
        return None
    price, cached, output = cell.split("/")
    rate = Decimal(price)
    return Rates(
        input=rate,
        cached=None if cached == "?" else Decimal(cached),
        output=Decimal(output),
        written_30m=rate * WRITE_30M if writes else None,
        written_12h=rate * WRITE_12H if writes else None,
    )
