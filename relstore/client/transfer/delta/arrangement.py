"""Two programs side by side: their layout for a patch, and better covers where tables of addresses are.

A matcher finds little in a table of addresses, since each of them changes with every release; or it finds the
wrong rows, since they look alike. But how far what they point to has moved tells which row became which.
Covers here are tuples: start, end, move. Not for reading ELF (``elf``), nor for what a layout means
(``formats.patch_layout``).
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from relstore.client.transfer.delta.elf import (
    FUNCTION_BYTES,
    RELOCATION_BYTES,
    AddressTable,
    Program,
    position_of,
    program_of,
)
from relstore.client.transfer.delta.matcher import Covers, Mapped, Matcher, in_memory
from relstore.formats.patch import GRAIN_BITS, MAX_COVERS
from relstore.formats.patch_layout import SPARE_BYTES, Anchor, MemoryLayout, Span, span_of

Cover = tuple[int, int, int]

_FILLED = 16
"""So many rows that are not recognised, between two that are, still belong to one cover."""
_GAP_BYTES = 256
"""So many bytes between two addresses belong to the cover of the first."""
_LEAST_ROWS, _LEAST_BYTES = 2, 16
"""What is shorter is not worth a cover."""
_ADDRESS_BYTES = 8


def arranged(
    matcher: Matcher, old: Mapped, new: Mapped, covers: Covers
) -> tuple[Covers, MemoryLayout | None]:
    """The covers and the layout for a patch; the same covers and no layout unless both are programs."""
    base, content = program_of(old), program_of(new)
    layout = None if base is None or content is None else layout_of(base, content, len(old))
    if base is None or content is None or layout is None or sys.byteorder == "big":
        return covers, None
    found = list(cut(list(zip(*covers.columns(), strict=True)), layout))
    moves = Moves(layout, matcher.moved(Covers.from_list(found), layout))
    better: list[Cover] = []
    if base.functions and content.functions:
        better += functions(old, new, base.functions, content.functions, moves)
    if base.relocations and content.relocations:
        tables = relocations(old, new, base.relocations, content.relocations, moves)
        better += tables
        better += addressed(old, new, base, content, tables)
    inside = [
        (start, end, move)
        for start, end, move in better
        if end <= len(new) and start + move >= 0 and end + move <= len(old)
    ]
    made = overlaid(found, list(cut(inside, layout)))
    return (covers, None) if len(made) > MAX_COVERS else (Covers.from_list(made), layout)


def layout_of(base: Program, content: Program, base_size: int) -> MemoryLayout | None:
    """None unless both are for the same kind of processor, and their addresses are ordinary."""
    if base.machine != content.machine:
        return None
    low = base.regions[0].address // 16 * 16
    high = min(base.end, low + base_size + SPARE_BYTES)
    anchors = [Anchor(0, 0)]
    if base.functions and content.functions:
        anchors.append(Anchor(base.functions.address, content.functions.address))
    layout = MemoryLayout(low, high, base.regions, content.regions, tuple(anchors))
    return layout if layout.possible(base_size) else None


class Moves:
    """How far what is at an address of the base has moved."""

    def __init__(self, layout: MemoryLayout, moved: Any) -> None:
        self._low, self._reach = layout.low, layout.high - layout.low
        self._moved = memoryview(moved).cast("B").cast("i")

    def of(self, addresses: Sequence[int], base: int = 0) -> list[int]:
        """Where each address, relative to ``base``, is in the content; at the same place if unknown."""
        low, reach, moved = self._low - base, self._reach, self._moved
        return [
            base + address + moved[(address - low) >> GRAIN_BITS]
            if 0 <= address - low < reach
            else base + address
            for address in addresses
        ]


def cut(covers: Sequence[Cover], layout: MemoryLayout) -> Iterator[Cover]:
    """The covers, cut wherever a region of either file begins or ends."""
    old = new = Span(0, 0, 0, False)
    for start, end, move in covers:
        at = start
        while at < end:
            if not old.begin <= at + move < old.end:
                old = span_of(layout.base, at + move)
            if not new.begin <= at < new.end:
                new = span_of(layout.content, at)
            stop = min(end, new.end, old.end - move)
            yield at, stop, move
            at = stop


def functions(
    old: Mapped, new: Mapped, base: AddressTable, content: AddressTable, moves: Moves
) -> Iterator[Cover]:
    """Covers of the table of functions, whose rows are sorted by where each function begins."""
    before = _numbers(old, base, FUNCTION_BYTES, "i")[0::2]
    after = _numbers(new, content, FUNCTION_BYTES, "i")[0::2]
    rows = {number: row for row, number in enumerate(after)}
    source = [-1] * len(after)
    for number, address in enumerate(moves.of(before, base.address)):
        row = rows.get(address - content.address)
        if row is not None:
            source[row] = number
    last = -1
    for row, number in enumerate(source):
        if number < 0:
            continue
        if last >= 0 and 1 < row - last <= _FILLED and number - source[last] == row - last:
            source[last + 1 : row] = range(source[last] + 1, number)
        last = row
    begin = 0
    while begin < len(source):
        end, first = begin + 1, source[begin]
        while first >= 0 and end < len(source) and source[end] == first + end - begin:
            end += 1
        if end - begin >= _LEAST_ROWS:
            yield _rows(begin, end, first, base, content, FUNCTION_BYTES)
        begin = end


def relocations(
    old: Mapped, new: Mapped, base: AddressTable, content: AddressTable, moves: Moves
) -> list[Cover]:
    """Covers of the table of relocations: which rows follow each other is seen by the addresses in them."""
    before = _numbers(old, base, RELOCATION_BYTES, "q")[2::3]
    after = _numbers(new, content, RELOCATION_BYTES, "q")[2::3]
    expected = array("q", moves.of(before))
    with Matcher(in_memory(expected.tobytes()), 1) as matcher:
        found = matcher.find(in_memory(after.tobytes()))
    covers = []
    for start, end, move in zip(*found.columns(), strict=True):
        begin, stop = -(-start // _ADDRESS_BYTES), end // _ADDRESS_BYTES
        if move % _ADDRESS_BYTES == 0 and stop - begin >= _LEAST_ROWS:
            first = begin + move // _ADDRESS_BYTES
            covers.append(_rows(begin, stop, first, base, content, RELOCATION_BYTES))
    return covers


def addressed(
    old: Mapped, new: Mapped, base: Program, content: Program, tables: Sequence[Cover]
) -> Iterator[Cover]:
    """Covers of what the relocations fill in: its bytes say little by themselves, most of them are zero."""
    last: Cover | None = None
    for start, end, move in _targets(old, new, base, content, tables):
        if last is None:
            last = (start, end, move)
        elif start >= last[1]:
            yield (last[0], start, last[2]) if start - last[1] <= _GAP_BYTES else last
            last = (start, end, move)
    if last is not None:
        yield last


def _targets(
    old: Mapped, new: Mapped, base: Program, content: Program, tables: Sequence[Cover]
) -> Iterator[Cover]:
    """For all rows that follow each other and whose targets moved alike: a cover of these."""
    for start, end, move in tables:
        after, before = _column(new, start, end), _column(old, start + move, end + move)
        row = 0
        while row < len(after):
            first, distance = row, before[row] - after[row]
            while row < len(after) and before[row] - after[row] == distance:
                row += 1
            begin = position_of(content.regions, after[first])
            stop = position_of(content.regions, after[row - 1])
            source = position_of(base.regions, before[first])
            if row - first < _LEAST_ROWS or begin is None or stop is None or source is None:
                continue
            if begin <= stop:
                yield begin, stop + _ADDRESS_BYTES, source - begin


def overlaid(covers: Sequence[Cover], better: Sequence[Cover]) -> list[Cover]:
    """The covers with ``better`` ones in the place of what these cover."""
    made, at, limit = [], 0, 0
    ordered = []
    for start, end, move in sorted(better):
        if start >= limit:
            ordered.append((start, end, move))
            limit = end
    for start, end, move in covers:
        begin = start
        while at < len(ordered) and ordered[at][0] < end:
            if ordered[at][0] - begin >= _LEAST_BYTES:
                made.append((begin, ordered[at][0], move))
            begin = max(begin, ordered[at][1])
            if ordered[at][1] > end:
                break
            made.append(ordered[at])
            at += 1
        if end - begin >= (_LEAST_BYTES if begin > start else 1):
            made.append((begin, end, move))
    return made + ordered[at:]


def _rows(begin: int, end: int, first: int, base: AddressTable, content: AddressTable, size: int) -> Cover:
    """The cover of the rows from ``begin`` to ``end``, which are those of the base from ``first`` on."""
    start = content.offset + size * begin
    return start, content.offset + size * end, base.offset + size * first - start


def _numbers(file: Mapped, table: AddressTable, size: int, code: str) -> array[int]:
    return array(code, file[table.offset : table.offset + size * table.rows])


def _column(file: Mapped, start: int, end: int) -> array[int]:
    """Where each of the relocations in a stretch of a file is applied."""
    return array("q", file[start:end])[0::3]
