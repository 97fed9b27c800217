"""Anchors: positions of a file that its content chooses, each with a name for the bytes that are there. Pure.

The same bytes are anchors in both files wherever they are, so looking for them costs a small part of looking
everywhere. An anchor is one word, its name in the upper half and its position in the lower; sorted, the words
of one name stand together in the order of their positions. Not for what is made of them (``covers``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Words = NDArray[np.uint64]

MAX_BYTES = 2**31
"""Of a file: a position is half of a word."""

_BLOCK = 2**18
_HALF = np.uint64(32)
_LOW = np.uint64(2**32 - 1)
_MULTIPLIER, _MASK = np.uint32(0x9E3779B1), np.uint32(0x5BD1E995)
_MIX, _MIX_MORE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_NOWHERE = 2**40


class Kind(NamedTuple):
    """How anchors are chosen: ``width`` bytes are named; about one position of 2**``bits`` is one."""

    width: int
    bits: int


class Pairs(NamedTuple):
    """The same bytes in both files, in the order of the new one."""

    place: Ints
    """In the new file."""
    move: Ints
    """The position in the old file, less that in the new one."""

    def only(self, which: Flags | Ints) -> Pairs:
        """Some of them."""
        return Pairs(self.place[which], self.move[which])


def anchors(data: Bytes, kind: Kind, low: int = 0, high: int = MAX_BYTES, only: Flags | None = None) -> Words:
    """The anchors of ``data`` that start in a part of it, in its order; ``only`` where that says so."""
    count = min(len(data) - kind.width + 1, high)
    if count <= low:
        return np.empty(0, np.uint64)
    first = unaligned(data, "<u4", 0, count)
    limit = np.uint32((2**32 - 1) >> kind.bits)
    found = []
    for start in range(low, count, _BLOCK):
        block = slice(start, min(start + _BLOCK, count))
        # Zero is not hashed to zero: a file may be full of it.
        chosen = (first[block] * _MULTIPLIER ^ _MASK) <= limit
        if only is not None:
            chosen &= only[block]
        found.append(np.flatnonzero(chosen) + start)
    place = np.concatenate(found)
    word = unaligned(data, "<u8", 0, count)[place] * _MIX
    for offset in range(8, kind.width, 8):
        word ^= word >> _HALF
        word += unaligned(data, "<u8", min(offset, kind.width - 8), count)[place]
        word *= _MIX_MORE
    word ^= word >> np.uint64(29)
    word *= _MIX_MORE
    return np.asarray((word & ~_LOW) | place.astype(np.uint64))


def places(words: Words) -> Ints:
    """The positions of anchors."""
    return (words & _LOW).astype(np.int64)


def lone(there: Words, here: Words) -> Pairs:
    """The anchors that the old file has only once. ``there``: its anchors, sorted."""
    name = there >> _HALF
    new_name = np.append(True, name[1:] != name[:-1])[: len(name)]
    once = there[new_name & np.append(new_name[1:], True)[: len(name)]]
    if not len(once):
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    here = np.sort(here)
    index = np.searchsorted(once, here & ~_LOW)
    index[index == len(once)] = 0
    same = once[index] >> _HALF == here >> _HALF
    place = places(here[same])
    pairs = Pairs(place, places(once[index[same]]) - place)
    return pairs.only(np.argsort(place))


def nearest(there: Words, here: Words, expected: Ints, within: int = _NOWHERE) -> Pairs:
    """Of the same bytes in the old file those nearest to where each is ``expected``, at most ``within`` away.

    ``there``: its anchors, sorted.
    """
    if not len(there):
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    wanted = (here & ~_LOW) | expected.astype(np.uint64)
    order = np.argsort(wanted)
    wanted = wanted[order]
    after = np.searchsorted(there, wanted)
    best = np.full(len(wanted), within + 1)
    target = np.zeros(len(wanted), np.int64)
    for index in (after, after - 1):
        candidate = there[np.clip(index, 0, len(there) - 1)]
        distance = np.abs(places(candidate) - places(wanted))
        closer = (candidate >> _HALF == wanted >> _HALF) & (distance < best)
        target = np.where(closer, places(candidate), target)
        best = np.where(closer, distance, best)
    target[order], best[order] = target.copy(), best.copy()
    near = best <= within
    place = places(here)[near]
    return Pairs(place, target[near] - place)


def unaligned(data: Bytes, kind: Any, offset: int, count: int) -> NDArray[Any]:
    """``count`` numbers of ``data``, one from each position after ``offset``. They share its memory."""
    return np.ndarray((count,), kind, data.data, offset, (1,))
