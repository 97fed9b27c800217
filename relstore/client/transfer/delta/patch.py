"""Writes an add-block delta: the covers, and segment by segment what they do not explain.

Where a cover's bytes differ from its base, a *field* of four bytes is corrected. Many fields are addresses,
relative to their own end, of something that a cover moved: their values follow from the covers, so only their
positions are written. Not for finding covers (``matcher``), nor for undoing patches (``host.upload``).
"""

from __future__ import annotations

import importlib
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from relstore.client.coding import Coding
from relstore.client.transfer.delta.matcher import Covers, Mapped, Matcher, part_of
from relstore.client.zstd_library import zstd_module
from relstore.formats.codecs import PATCH_ZLIB, PATCH_ZSTD
from relstore.formats.patch import FIELD_BYTES, SEGMENT_BYTES, Head, SegmentHead, lzma_filter
from relstore.formats.patch_layout import MemoryLayout

_THREADS = 2
_ZLIB_LEVEL = 9


def write(
    matcher: Matcher,
    new: Mapped,
    covers: Covers,
    coding: Coding,
    start: int = 0,
    step: int = SEGMENT_BYTES,
    threads: int = _THREADS,
    layout: MemoryLayout | None = None,
) -> Iterator[bytes]:
    """The patch for everything from ``start`` on: its head, then each segment as soon as it is ready."""
    yield _head(covers, coding, start, layout)
    moved = matcher.moved(covers, layout)

    def segment(begin: int) -> bytes:
        part = part_of(new, begin, begin + step)
        columns = matcher.columns(part, begin, covers, moved, layout)
        packed = [compress(coding, column) for column in columns]
        fields, values = len(columns.kinds), len(columns.values) // FIELD_BYTES
        return b"".join([SegmentHead(len(part), fields, values, _sizes(packed)).pack(), *packed])

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(segment, range(start, len(new), step))


def compress(coding: Coding, data: bytes) -> bytes:
    """The compressed bytes of a column; empty if the column is."""
    codec, level = coding
    if not data:
        return b""
    if codec == PATCH_ZLIB:
        return zlib.compress(data, _ZLIB_LEVEL)
    if codec == PATCH_ZSTD:
        return bytes(zstd_module().compress(data, level))
    lzma = importlib.import_module("lzma")
    return bytes(lzma.compress(data, lzma.FORMAT_RAW, filters=[lzma_filter(lzma, level)]))


def _head(covers: Covers, coding: Coding, start: int, layout: MemoryLayout | None) -> bytes:
    starts, ends, moves = covers.columns()
    skips = (begin - end for begin, end in zip(starts, [0, *ends], strict=False))
    lengths = (end - begin for begin, end in zip(starts, ends, strict=True))
    turns = (move - before for move, before in zip(moves, [0, *moves], strict=False))
    columns = (_packed("I", skips), _packed("I", lengths), _packed("i", turns))
    packed = [*(compress(coding, column) for column in columns), layout.pack() if layout else b""]
    return b"".join([Head(start, len(covers), _sizes(packed)).pack(), *packed])


def _sizes(packed: list[bytes]) -> tuple[int, ...]:
    return tuple(map(len, packed))


def _packed(code: str, numbers: Iterable[int]) -> bytes:
    column = array(code, numbers)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()
