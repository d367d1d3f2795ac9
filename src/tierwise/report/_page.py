"""How text meets one terminal: its width, its encoding, headings and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tierwise.report._words import clean

Align = Literal["left", "right"]
WIDEST = 110
"""Columns beyond which lines get hard to follow."""
GAP = 2
"""Cells between columns, and by which what belongs to a line above is set in."""
NARROWEST = 40
"""Columns below which rich's own wrapping takes over."""


class Page:
    """A console with the few shapes that the report prints. Every text is cleaned here."""

    def __init__(self, console: Console) -> None:
        self.width = max(min(console.width, WIDEST), NARROWEST)
        self._console = console
        self._encoding = console.encoding or "utf-8"

    def say(self, text: str) -> str:
        """Foreign text on one line, in characters that this terminal can show."""
        return clean(text).encode(self._encoding, "replace").decode(self._encoding)

    def fit(self, text: str, cells: int) -> str:
        """Text cut to a number of terminal cells, with three dots where something is missing."""
        said = self.say(text)
        if cell_len(said) <= cells:
            return said
        return set_cell_size(said, max(cells - 3, 1)).rstrip() + "..."

    def text(self, text: str, style: str = "", *, indent: int = 0) -> None:
        """A paragraph, wrapped."""
        self._print(
            Padding(Text(self.say(text), style=style, overflow="fold"), (0, 0, 0, indent), expand=False)
        )

    def heading(self, text: str) -> None:
        """A blank line, then what the next lines are about."""
        self._print(Text())
        self._print(Text(self.say(text).upper(), style="bold cyan"))

    def blank(self) -> None:
        """An empty line."""
        self._print(Text())

    def pairs(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Name, number and remark, the numbers aligned; a name that starts with '-' is a part of the last."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(justify="right", no_wrap=True, style="bold")
        grid.add_column(overflow="fold")
        for name, number, remark in rows:
            shown = f"  {self.say(name[1:])}" if name.startswith("-") else self.say(name)
            grid.add_row(Text(shown), Text(self.say(number)), Text(self.say(remark)))
        self._print(grid)

    def table(
        self,
        columns: Sequence[tuple[str, Align]],
        rows: Iterable[Sequence[str] | Sequence[str | Text]],
        *,
        wide: str,
        least: int = 12,
    ) -> None:
        """Rows under a head; the column named `wide` takes what the others leave.

        Where that is under `least` cells, each row becomes a paragraph: no number is ever cut.
        """
        lines = [[self._cell(cell) for cell in row] for row in rows]
        names = [name for name, _ in columns]
        if self._taken(names, lines, names.index(wide)) + least > self.width:
            self._stacked(names, lines, names.index(wide))
            return
        table = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            # The box adds a cell of its own between columns.
            padding=(0, GAP - 1, 0, 0),
            expand=True,
            header_style="dim",
        )
        for name, align in columns:
            table.add_column(
                name,
                justify=align,
                no_wrap=name != wide,
                ratio=1 if name == wide else None,
                overflow="fold",
            )
        for line in lines:
            table.add_row(*line)
        self._print(table)

    def _taken(self, names: list[str], lines: list[list[Text]], wide: int) -> int:
        """Cells that all columns but the wide one need, gaps included."""
        columns = [[name, *(line[at].plain for line in lines)] for at, name in enumerate(names)]
        widths = [max(map(cell_len, column)) for at, column in enumerate(columns) if at != wide]
        return sum(widths) + GAP * len(widths)

    def _stacked(self, names: list[str], lines: list[list[Text]], wide: int) -> None:
        """Each row as its first cell, the other cells by name, and the wide cell below."""
        for line in lines:
            cells = list(enumerate(line))[1:]
            told = [f"{names[at]} {cell.plain}" for at, cell in cells if at != wide and cell.plain]
            first = Text(line[0].plain, style="bold", overflow="fold")
            self._print(first.append(f": {', '.join(told)}", style="not bold"))
            if wide and line[wide].plain:
                self._print(Padding(line[wide], (0, 0, 0, GAP), expand=False))

    def _cell(self, cell: str | Text) -> Text:
        return cell if isinstance(cell, Text) else Text(self.say(cell), overflow="fold")

    def _print(self, shown: RenderableType) -> None:
        self._console.print(shown, width=self.width, markup=False, highlight=False, emoji=False)
