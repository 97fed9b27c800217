"""The layout of two programs in a patch: what is written is read, and nothing else is."""

from __future__ import annotations

import struct

import pytest

from relstore.errors import FormatError
from relstore.formats.patch_layout import (
    MAX_ADDRESS,
    MAX_ANCHORS,
    MAX_LAYOUT_BYTES,
    MAX_REGIONS,
    SPARE_BYTES,
    Anchor,
    MemoryLayout,
    Region,
    Span,
    span_of,
)

SIZE = 10_000
PLAIN = MemoryLayout(0, SIZE, (Region(0, SIZE, 0),), (Region(0, SIZE, 0),), (Anchor(0, 0),))
FULL = MemoryLayout(
    16,
    SIZE + SPARE_BYTES + 16,
    tuple(Region(number, 1, 2 * number) for number in range(MAX_REGIONS)),
    tuple(Region(number, 1, 3 * number) for number in range(MAX_REGIONS)),
    tuple(Anchor(number, MAX_ADDRESS - 1) for number in range(MAX_ANCHORS)),
)


@pytest.mark.parametrize("layout", [PLAIN, FULL, MemoryLayout(0, 0, (), (), ())])
def test_what_is_written_is_read(layout: MemoryLayout) -> None:
    assert len(layout.pack()) <= MAX_LAYOUT_BYTES
    assert MemoryLayout.parse(layout.pack(), SIZE) == layout
    for end in range(len(layout.pack())):
        with pytest.raises(FormatError):
            MemoryLayout.parse(layout.pack()[:end], SIZE)
    with pytest.raises(FormatError):
        MemoryLayout.parse(layout.pack() + b"\0", SIZE)


@pytest.mark.parametrize(
    "layout",
    [
        PLAIN._replace(low=8),
        PLAIN._replace(low=SIZE // 16 * 16 + 16),
        PLAIN._replace(high=SIZE + SPARE_BYTES + 1),
        PLAIN._replace(high=MAX_ADDRESS),
        PLAIN._replace(base=(Region(0, 0, 0),)),
        PLAIN._replace(base=(Region(0, 8, 0), Region(7, 8, 0))),
        PLAIN._replace(content=(Region(8, 8, 0), Region(0, 8, 0))),
        PLAIN._replace(base=(Region(0, 16, MAX_ADDRESS - 15),)),
        PLAIN._replace(base=(Region(MAX_ADDRESS, 1, 0),)),
        PLAIN._replace(content=(Region(0, MAX_ADDRESS, 0),)),
        PLAIN._replace(base=(*FULL.base, Region(99, 1, 99))),
        PLAIN._replace(anchors=(*FULL.anchors, Anchor(0, 0))),
        PLAIN._replace(anchors=(Anchor(MAX_ADDRESS, 0),)),
        PLAIN._replace(anchors=(Anchor(0, MAX_ADDRESS),)),
    ],
)
def test_what_may_not_be(layout: MemoryLayout) -> None:
    assert not layout.possible(SIZE)
    with pytest.raises(FormatError):
        MemoryLayout.parse(layout.pack(), SIZE)


def test_more_anchors_than_are_announced() -> None:
    with pytest.raises(FormatError, match="another length"):
        MemoryLayout.parse(PLAIN.pack() + struct.pack("<II", 0, 0), SIZE)


def test_where_positions_are() -> None:
    regions = (Region(10, 10, 110), Region(20, 5, 220), Region(30, 5, 30))
    assert span_of(regions, 9) == Span(0, 10, 0, False)
    assert span_of(regions, 10) == Span(10, 20, 100, True)
    assert span_of(regions, 20) == Span(20, 25, 200, True)
    assert span_of(regions, 29) == Span(25, 30, 0, False)
    assert span_of(regions, 34) == Span(30, 35, 0, True)
    assert not span_of(regions, 35).loaded
    assert span_of(regions, 35).begin == 35
