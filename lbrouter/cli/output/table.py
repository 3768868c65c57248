"""A plain table for a screen: in one piece, or in two where the screen is too narrow for one."""

from collections.abc import Collection

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

UNBOUNDED_WIDTH = 10_000
"""Columns, for asking how wide a table would like to be."""


class ResponsiveTable:
    """Rows under headings, without lines around them.

    On a screen of 80 columns (a PC's own console) a long row would be squeezed until no figure can
    be read. There the columns that `aside` names stand in a second table, behind the column `key`.
    """

    def __init__(self, *columns: str, key: str = "", overflow: Collection[str] = ()) -> None:
        self._columns = columns
        self._key = key or columns[0]
        self._overflow = overflow
        self._rows: list[tuple[RenderableType, ...]] = []

    def add_row(self, *cells: RenderableType) -> None:
        """One row: a cell for each column."""
        assert len(cells) == len(self._columns)
        self._rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich asks for."""
        whole = self._build_table(self._columns)
        wide = Measurement.get(console, options.update(max_width=UNBOUNDED_WIDTH), whole).maximum
        # rich counts a last column without any text as nothing, and draws it one wide.
        if not self._overflow or wide < options.max_width:
            yield whole
            return
        yield self._build_table(
            [column for column in self._columns if column not in self._overflow]
        )
        yield Text()
        yield self._build_table([self._key, *self._overflow])

    def _build_table(self, columns: Collection[str]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in columns:
            table.add_column(column)
        places = [self._columns.index(column) for column in columns]
        for row in self._rows:
            table.add_row(*(row[place] for place in places))
        return table
