"""Writes an add-block delta: the covers, and segment by segment what they do not explain.

Where a cover's bytes differ from its base, a *field* of four bytes is corrected. Many fields are addresses,
relative to their own end, of something that a cover moved: their values follow from the covers, so only their
positions are written. Not for finding covers (``covers``), nor for undoing patches (``host.upload``).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from relstore.client.transfer.delta.anchors import Bytes, Ints
from relstore.client.transfer.delta.covers import Covers
from relstore.formats import patch
from relstore.formats.patch import FIELD_BYTES, GRAIN_BITS, MOVED, PLAIN, SEGMENT_BYTES, Head, SegmentHead

_THREADS = 2
_MAX_GAP = 2**16 - 1


class _Made(NamedTuple):
    """What a segment consists of, as arrays."""

    extra: Bytes
    gaps: Ints
    kinds: Bytes
    values: Ints


class Writer:
    """Writes the patch that makes ``new`` from ``old`` by ``covers``."""

    def __init__(self, old: Bytes, new: Bytes, covers: Covers) -> None:
        self._old, self._new, self._covers = old, new, covers
        self._moved = _moved(covers, len(old))

    def write(self, codec: str, level: int, start: int = 0) -> Iterator[bytes]:
        """The patch for everything from ``start`` on: its head, then each segment as soon as it is ready."""
        yield self._head(codec, level, start)
        begins = range(start, len(self._new), SEGMENT_BYTES)
        with ThreadPoolExecutor(_THREADS) as pool:
            yield from pool.map(lambda begin: self._segment(codec, level, begin), begins)

    def _head(self, codec: str, level: int, start: int) -> bytes:
        covers = self._covers
        columns = (
            (covers.start - np.append(0, covers.end)[:-1]).astype("<u4"),
            (covers.end - covers.start).astype("<u4"),
            np.diff(covers.move, prepend=0).astype("<i4"),
        )
        packed = [patch.compress(codec, column.tobytes(), level) for column in columns]
        head = Head(start, len(covers.start), tuple(map(len, packed)))
        return b"".join([head.pack(), *packed])

    def _segment(self, codec: str, level: int, begin: int) -> bytes:
        end = min(begin + SEGMENT_BYTES, len(self._new))
        made = self._make(begin, end)
        columns = (
            made.extra,
            (made.gaps & 0xFF).astype(np.uint8),
            (made.gaps >> 8).astype(np.uint8),
            made.kinds,
            made.values.astype("<u4"),
        )
        packed = [patch.compress(codec, column.tobytes(), level) for column in columns]
        segment = SegmentHead(end - begin, len(made.kinds), len(made.values), tuple(map(len, packed)))
        return b"".join([segment.pack(), *packed])

    def _make(self, begin: int, end: int) -> _Made:
        covers = self._covers
        which = slice(
            int(np.searchsorted(covers.end, begin, side="right")), int(np.searchsorted(covers.start, end))
        )
        low, high = np.maximum(covers.start[which], begin) - begin, np.minimum(covers.end[which], end) - begin
        size = high - low
        position = np.arange(size.sum()) + np.repeat(low - (np.cumsum(size) - size), size)
        target = self._new[begin:end]
        draft, extra = target.copy(), np.ones(end - begin, bool)
        draft[position] = self._old[position + np.repeat(covers.move[which] + begin, size)]
        extra[position] = False
        return self._fields(draft, target, low, covers.move[which], begin)._replace(extra=target[extra])

    def _fields(self, draft: Bytes, target: Bytes, low: Ints, moves: Ints, begin: int) -> _Made:
        """What has to be corrected in ``draft``. The covers begin at ``low``."""
        field, gaps = _split(_chosen(np.flatnonzero(draft != target)))
        before, after = _words(draft, field), _words(target, field)
        kinds = np.full(len(field), PLAIN, np.uint8)
        if len(low):
            move = moves[np.maximum(np.searchsorted(low, field, side="right") - 1, 0)]
            address = begin + field + move + FIELD_BYTES + before
            inside = (address >= 0) & (address < len(self._old))
            moved = before + self._moved[np.where(inside, address, 0) >> GRAIN_BITS] + move
            kinds[inside & ((moved - after) % 2**32 == 0) & (before != after)] = MOVED
        values = (after - before)[kinds == PLAIN] % 2**32
        return _Made(draft[:0], gaps, kinds, values)


def _chosen(differing: Ints) -> Ints:
    """The fields, one after another, each at the first differing byte that is in no field yet."""
    following = np.searchsorted(differing, differing + FIELD_BYTES).tolist()
    chosen, at = [], 0
    while at < len(following):
        chosen.append(at)
        at = following[at]
    return differing[np.array(chosen, np.int64)]


def _split(field: Ints) -> tuple[Ints, Ints]:
    """The fields and the gap before each; a gap that is too long gets fields that change nothing."""
    gaps = _gaps(field)
    more = []
    for index in np.flatnonzero(gaps > _MAX_GAP):
        left = int(gaps[index])
        at = int(field[index]) - left
        while left > _MAX_GAP:
            step = min(_MAX_GAP, left - FIELD_BYTES)
            more.append(at + step)
            at, left = at + step + FIELD_BYTES, left - step - FIELD_BYTES
    if more:
        field = np.sort(np.append(field, more))
    return field, _gaps(field)


def _gaps(field: Ints) -> Ints:
    return np.diff(field, prepend=-FIELD_BYTES) - FIELD_BYTES


def _words(data: Bytes, position: Ints) -> Ints:
    """The signed four-byte numbers at the positions; beyond the end there are zeros."""
    padded = np.append(data, np.zeros(FIELD_BYTES - 1, np.uint8))
    words = padded[position[:, None] + np.arange(FIELD_BYTES)].view("<i4")
    return np.asarray(words[:, 0].astype(np.int64))


def _moved(covers: Covers, size: int) -> Ints:
    """How far each grain of the old file moves: like the last cover that starts at it or before."""
    if not len(covers.start):
        return np.zeros((size >> GRAIN_BITS) + 1, np.int64)
    source = covers.start + covers.move
    order = np.argsort(source, kind="stable")
    grains = np.arange((size >> GRAIN_BITS) + 1) << GRAIN_BITS
    index = np.searchsorted(source[order], grains, side="right") - 1
    return np.where(index >= 0, -covers.move[order][np.maximum(index, 0)], 0)
