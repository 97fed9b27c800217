"""Tables for a terminal: which columns there is room for, and the lines that come of it. Pure.

In a pipe a table has all its columns, at any width (``text.columns``). Not for printing (``console``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_GAP = 2
_LEAST_WRAPPED = 16
"""The width that is kept for a cell that may wrap, before columns are left out."""

Paint = Callable[[str, str], str]
"""Gives a text the colours of a style."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    rank: int = 0
    """Where there is no room, the column with the highest rank is left out first; 0 always stays."""
    wraps: bool = False
    """Whether a cell may have several lines. Only the last column's may."""
    styles: Mapping[str, str] = field(default_factory=dict)
    """Which cells have a colour, by their text up to a comma: ``{"failed": "red"}``."""

    def style(self, cell: str) -> str:
        return self.styles.get(cell.partition(",")[0], "")


def fit(columns: Sequence[Column], natural: Sequence[int], width: int) -> dict[int, int]:
    """The columns that ``width`` has room for, by index, and the width of each. ``natural``: what each would
    like to have."""
    widths = {
        index: min(wanted, max(_LEAST_WRAPPED, len(column.name))) if column.wraps else wanted
        for index, (column, wanted) in enumerate(zip(columns, natural))
    }
    while (excess := _total(widths) - width) > 0:
        last = max(widths, key=lambda index: columns[index].rank)
        if not columns[last].rank:
            # Nothing can be left out any more, so the widest cells are cut.
            widest = max(widths, key=widths.__getitem__)
            return {**widths, widest: max(widths[widest] - excess, 1)}
        del widths[last]
    # What wraps is the only one that has less than it would like.
    return {index: min(natural[index], given - excess) for index, given in widths.items()}


def drawn(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    below: Mapping[int, Sequence[str]],
    width: int,
    ellipsis: str,
    paint: Paint,
) -> list[str]:
    """The lines of the table. ``below``: the lines that stand below a row, by its index."""
    # Only a terminal is worth the time that this takes to import.
    from rich.cells import cell_len

    from relstore.cli.wrap import cut, wrap

    names = [column.name for column in columns]
    natural = [max(cell_len(line[index]) for line in [names, *rows]) for index in range(len(columns))]
    widths = fit(columns, natural, width)

    def line(cells: Mapping[int, str], style: Callable[[Column, str], str]) -> str:
        painted = [
            paint(cell, style(columns[index], cell)) + " " * (widths[index] - cell_len(cell))
            for index, cell in cells.items()
        ]
        return (" " * _GAP).join(painted).rstrip()

    def lines(row: Sequence[str]) -> list[str]:
        cells = {
            index: wrap(row[index], given, ellipsis=ellipsis)
            if columns[index].wraps
            else [cut(row[index], given, ellipsis)]
            for index, given in widths.items()
        }
        tallest = max(map(len, cells.values()))
        return [
            line(
                {index: cell[number] if number < len(cell) else "" for index, cell in cells.items()},
                lambda column, cell: column.style(cell),
            )
            for number in range(tallest)
        ]

    drawn_lines = [
        line(
            {index: cut(names[index], given, ellipsis) for index, given in widths.items()},
            lambda _column, _cell: "bold",
        )
    ]
    for number, row in enumerate(rows):
        drawn_lines += lines(row)
        for remark in below.get(number, ()):
            drawn_lines += wrap(f"  {remark}", width, hang=2, ellipsis=ellipsis)
    return drawn_lines


def _total(widths: Mapping[int, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)
