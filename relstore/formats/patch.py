"""The format of an add-block delta (``docs/formats/patch.md``): its parts, and the limit of each.

A patch is a head, followed by segments until all bytes of the content are made. Each has *columns*: arrays of
one kind of number, compressed one by one. All numbers are little-endian. Both sides use this module. Not for
making a patch (``client.transfer.delta``), nor for applying it (``host.upload.patch_decoder``,
``host.upload.patch_columns``); where a patched program is in memory is in ``formats.patch_layout``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from relstore.errors import FormatError
from relstore.formats.codecs import PATCH_ZSTD
from relstore.formats.patch_layout import MAX_LAYOUT_BYTES

VERSION = 2
"""Of the format. Kept patches are named by it: an older relstore must not find what it cannot send."""

MAGIC, MAGIC_WITH_LAYOUT = b"RSPATCH\x01", b"RSPATCH\x02"
SEGMENT_BYTES = 4 * 1024 * 1024
"""The most bytes of the content that one segment makes."""

MAX_COVERS = 2**19
MAX_BASE_BYTES, MAX_LARGE_BASE_BYTES = 2**27, 2**29
"""The second is for ``patch-zstd``, which came later: a host that offers it takes larger bases."""

FIELD_BYTES = 4
GRAIN_BITS = 4
"""The base is divided into grains of 2**GRAIN_BITS bytes; each has one move."""

PLAIN, MOVED, BACK, ANCHORED = 0, 1, 2, 3
"""The kinds of a field: PLAIN has a value to add; MOVED is an address relative to the end of the field. Only
a patch with a layout has the others: BACK is the distance from an address to the start of the field; ANCHORED
and above are addresses relative to the first anchor and those after it."""

_HEAD, _SEGMENT = struct.Struct("<8sIII3I"), struct.Struct("<III5I")
HEAD_BYTES, SEGMENT_HEAD_BYTES = _HEAD.size, _SEGMENT.size
_SLACK = 1024
_DICTIONARY_BYTES = 4 * 1024 * 1024


class Head(NamedTuple):
    """What a patch begins with. The covers' columns follow (skip, length: u32; turn: i32), then a layout."""

    start: int
    """The offset in the content at which the first segment begins."""
    covers: int
    sizes: tuple[int, ...]
    """The compressed sizes of the columns, and that of the layout, in bytes."""

    @classmethod
    def parse(cls, data: bytes) -> Head:
        """From HEAD_BYTES bytes. Raises FormatError."""
        magic, start, layout, covers, *sizes = _HEAD.unpack(data)
        if magic not in (MAGIC, MAGIC_WITH_LAYOUT) or covers > MAX_COVERS:
            raise FormatError("not a patch that this relstore can apply")
        if bool(layout) != (magic == MAGIC_WITH_LAYOUT) or layout > MAX_LAYOUT_BYTES:
            raise FormatError("the layout of a patch is larger than it may be, or missing")
        return cls(start, covers, (*_checked(sizes, (4 * covers,) * 3), layout))

    def pack(self) -> bytes:
        """The head's bytes."""
        *sizes, layout = self.sizes
        magic = MAGIC_WITH_LAYOUT if layout else MAGIC
        return _HEAD.pack(magic, self.start, layout, self.covers, *sizes)


class SegmentHead(NamedTuple):
    """What a segment begins with. Columns follow: extra bytes, gaps (low byte, high byte), kinds, values."""

    size: int
    """How many bytes of the content the segment makes."""
    fields: int
    values: int
    """How many of the fields are PLAIN."""
    sizes: tuple[int, ...]
    """The compressed sizes of the columns, in bytes."""

    @classmethod
    def parse(cls, data: bytes) -> SegmentHead:
        """From SEGMENT_HEAD_BYTES bytes. Raises FormatError."""
        size, fields, values, *sizes = _SEGMENT.unpack(data)
        if not 0 < size <= SEGMENT_BYTES or fields > size or values > fields:
            raise FormatError("a segment of a patch is larger than it may be")
        return cls(size, fields, values, _checked(sizes, (size, fields, fields, fields, 4 * values)))

    def pack(self) -> bytes:
        """The head's bytes."""
        return _SEGMENT.pack(self.size, self.fields, self.values, *self.sizes)


def _checked(sizes: Sequence[int], most: Sequence[int]) -> tuple[int, ...]:
    """The sizes, if none is larger than ``most`` bytes can be when compressed."""
    if any(size > limit + limit // 8 + _SLACK for size, limit in zip(sizes, most)):
        raise FormatError("a column of a patch is larger than it may be")
    return tuple(sizes)


def lzma_filter(lzma: Any, level: int) -> Any:
    """How columns of ``patch-lzma`` are compressed; ``level`` only sets how hard the compressor tries."""
    return {
        "id": lzma.FILTER_LZMA1,
        "preset": level,
        "dict_size": _DICTIONARY_BYTES,
        "lc": 3,
        "lp": 0,
        "pb": 2,
    }


def max_base_bytes(codec: str) -> int:
    """How large a base a host takes that offers ``codec``: it holds four bytes for each grain in memory."""
    return MAX_LARGE_BASE_BYTES if codec == PATCH_ZSTD else MAX_BASE_BYTES
