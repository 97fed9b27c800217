"""Where two releases of a program are in memory when they run (``docs/formats/patch.md``): part of a patch.

A program contains addresses, and they are those of memory, not of the file. A *layout* says where each
stretch of both files is loaded, and which addresses others are relative to. Nothing here knows a format of
programs: ``client.transfer.delta`` makes layouts, and ``host.upload.patch_covers`` follows them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from relstore.errors import FormatError

MAX_REGIONS, MAX_ANCHORS = 32, 8
MAX_ADDRESS = 2**31
SPARE_BYTES = 2**24
"""How many more addresses than bytes a base may have: its parts are apart, and some are not in the file."""

_FAR = 2**62
_COUNTS, _REGION, _ANCHOR = struct.Struct("<BBBxII"), struct.Struct("<III"), struct.Struct("<II")
MAX_LAYOUT_BYTES = _COUNTS.size + 2 * MAX_REGIONS * _REGION.size + MAX_ANCHORS * _ANCHOR.size


class Region(NamedTuple):
    """A stretch of a file that is loaded at an address."""

    offset: int
    size: int
    address: int


class Anchor(NamedTuple):
    """An address of each release that fields may be relative to."""

    base: int
    content: int


class MemoryLayout(NamedTuple):
    """Where the base and the content are in memory."""

    low: int
    """The lowest address of the base, a multiple of 16."""
    high: int
    """The first one behind it."""
    base: tuple[Region, ...]
    content: tuple[Region, ...]
    anchors: tuple[Anchor, ...]

    @classmethod
    def parse(cls, data: bytes, base_size: int) -> MemoryLayout:
        """From all bytes of a layout, for a base of ``base_size`` bytes. Raises FormatError."""
        try:
            bases, contents, anchors, low, high = _COUNTS.unpack_from(data)
            at = _COUNTS.size + (bases + contents) * _REGION.size
            regions = [Region._make(numbers) for numbers in _REGION.iter_unpack(data[_COUNTS.size : at])]
            found = cls(
                low,
                high,
                tuple(regions[:bases]),
                tuple(regions[bases:]),
                tuple(Anchor._make(numbers) for numbers in _ANCHOR.iter_unpack(data[at:])),
            )
        except struct.error:
            raise FormatError("the layout of a patch is cut off") from None
        if (len(regions), len(found.anchors)) != (bases + contents, anchors):
            raise FormatError("the layout of a patch has another length than it says")
        if not found.possible(base_size):
            raise FormatError("the layout of a patch has addresses that it may not have")
        return found

    def possible(self, base_size: int) -> bool:
        """Whether every number is within its limits."""
        return (
            _possible_regions(self.base)
            and _possible_regions(self.content)
            and len(self.anchors) <= MAX_ANCHORS
            and self.low % 16 == 0
            and 0 <= self.low <= self.high < MAX_ADDRESS
            and self.high - self.low <= base_size + SPARE_BYTES
            and all(0 <= address < MAX_ADDRESS for anchor in self.anchors for address in anchor)
        )

    def pack(self) -> bytes:
        """The layout's bytes."""
        counts = (len(self.base), len(self.content), len(self.anchors), self.low, self.high)
        regions = (_REGION.pack(*region) for region in (*self.base, *self.content))
        return b"".join(
            [_COUNTS.pack(*counts), *regions, *(_ANCHOR.pack(*anchor) for anchor in self.anchors)]
        )


class Span(NamedTuple):
    """A stretch of a file in which all addresses are as far from their positions."""

    begin: int
    end: int
    lift: int
    """An address minus its position."""
    loaded: bool
    """Whether it is a region. What is between regions keeps its positions as addresses."""


def span_of(regions: Sequence[Region], position: int) -> Span:
    """The span that a position of a file is in."""
    begin = 0
    for offset, size, address in regions:
        if position < offset:
            return Span(begin, offset, 0, False)
        if position < offset + size:
            return Span(offset, offset + size, address - offset, True)
        begin = offset + size
    return Span(begin, _FAR, 0, False)


def _possible_regions(regions: Sequence[Region]) -> bool:
    """Whether they are in the order of the file and within their limits, and none overlaps another."""
    end = 0
    for offset, size, address in regions:
        if not (
            end <= offset < MAX_ADDRESS and 0 < size < MAX_ADDRESS and 0 <= address <= MAX_ADDRESS - size
        ):
            return False
        end = offset + size
    return len(regions) <= MAX_REGIONS
