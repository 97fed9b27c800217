"""The covers of a patch: where they are, and how far what they contain has moved (``docs/formats/patch.md``).

Not for applying patches, which is ``patch_decoder``'s.
"""

from __future__ import annotations

import sys
from array import array
from typing import NamedTuple, Optional

from relstore.errors import FormatError
from relstore.formats.patch import FIELD_BYTES, GRAIN_BITS
from relstore.formats.patch_layout import MemoryLayout, Span, span_of

_MAX_MOVE = 1 << 31


class Cut(NamedTuple):
    """The part of a cover that lies in a segment, counted from the start of the segment."""

    start: int
    end: int
    source: int
    """Where it begins in the base."""
    lift: int
    """What leads from the position of a field to the address of its end, counted from the lowest one."""
    shift: int
    """How far its bytes have moved in memory."""


class PatchCovers:
    """Ranges of the content in order, each copied from the base at its own position plus a move."""

    def __init__(self, columns: list[bytes], base_size: int, layout: Optional[MemoryLayout]) -> None:
        """From the columns of a head. Raises FormatError."""
        self._starts, self._ends, self._moves = array("q"), array("q"), array("q")
        self._lifts, self._shifts = array("q"), array("q")
        self._low, self.reach = (layout.low, layout.high - layout.low) if layout else (0, base_size)
        """``reach``: how many addresses the base has."""
        self._next = 0
        at = move = 0
        for skip, length, turn in zip(*map(numbers, "IIi", columns)):
            start, move = at + skip, move + turn
            at = start + length
            if not length or start + move < 0 or at + move > base_size or abs(move) >= _MAX_MOVE:
                raise FormatError("a cover of a patch is outside its base")
            self._starts.append(start)
            self._ends.append(at)
            self._moves.append(move)
        if layout is None:
            self._lifts, self._shifts = self._moves, array("q", (-move for move in self._moves))
            known = list(range(len(self._starts)))
        else:
            known = self._follow(layout)
        self.moved = self._grains(known)
        """How far each grain of the base has moved."""

    def _follow(self, layout: MemoryLayout) -> list[int]:
        """Take lifts and shifts from a layout; the covers that are in memory."""
        known = []
        old = new = Span(0, 0, 0, False)  # neighbours mostly are in the same
        for number, (start, move) in enumerate(zip(self._starts, self._moves)):
            if not old.begin <= start + move < old.end:
                old = span_of(layout.base, start + move)
            if not new.begin <= start < new.end:
                new = span_of(layout.content, start)
            lift = move + old.lift
            self._lifts.append(lift)
            self._shifts.append(new.lift - lift)
            if old.loaded and new.loaded:
                known.append(number)
        return known

    def _grains(self, known: list[int]) -> array[int]:
        """Each grain has moved as far as the last cover that starts at its first byte or before."""
        addresses = [self._starts[number] + self._lifts[number] - self._low for number in known]
        order = sorted(range(len(known)), key=addresses.__getitem__)
        grains = (self.reach >> GRAIN_BITS) + 1
        at = [min(max(-(-addresses[index] >> GRAIN_BITS), 0), grains) for index in order]
        at.append(grains)
        moved = array("i", [0]) * at[0]
        for number, index in enumerate(order):
            moved += array("i", [self._shifts[known[index]]]) * (at[number + 1] - at[number])
        return moved

    def cuts(self, begin: int, end: int) -> list[Cut]:
        """The parts of the covers between ``begin`` and ``end``. Ask in order, without gaps."""
        cuts = []
        starts, ends = self._starts, self._ends
        while self._next < len(starts) and starts[self._next] < end:
            number = self._next
            start, stop = max(starts[number], begin), min(ends[number], end)
            if start < stop:
                lift = begin + self._lifts[number] + FIELD_BYTES - self._low
                source = start + self._moves[number]
                cuts.append(Cut(start - begin, stop - begin, source, lift, self._shifts[number]))
            if ends[number] > end:
                break
            self._next += 1
        return cuts


def numbers(code: str, data: bytes) -> array[int]:
    """A column of numbers."""
    found = array(code)
    found.frombytes(data)
    if sys.byteorder == "big":
        found.byteswap()
    return found
