"""Anchors: positions of a file that its content selects, each with a name for the bytes at it. Pure.

The same bytes are anchors in both files wherever they are, so searching for anchors costs a small part of
searching everywhere. An anchor is one word, its name in the upper half and its position in the lower; in
sorted words those of one name are adjacent, in the order of their positions. Not for what is made of them
(``covers``).
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
"""The largest file: a position takes half of a word."""

_BLOCK = 2**18
_HALF = np.uint64(32)
_LOW = np.uint64(2**32 - 1)
_MULTIPLIER, _MASK = np.uint32(0x9E3779B1), np.uint32(0x5BD1E995)
_MIX, _MIX_MORE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_NOWHERE = 2**40


class Kind(NamedTuple):
    """How anchors are selected: a name is for ``width`` bytes; about one position in 2**``bits`` is one."""

    width: int
    bits: int


class Pairs(NamedTuple):
    """Positions of the same bytes in both files, in the order of the new one."""

    position: Ints
    """In the new file."""
    move: Ints
    """The position in the old file minus the position in the new one."""

    def only(self, which: Flags | Ints) -> Pairs:
        """Some of them."""
        return Pairs(self.position[which], self.move[which])


def anchors(data: Bytes, kind: Kind, low: int = 0, high: int = MAX_BYTES, only: Flags | None = None) -> Words:
    """The anchors of ``data`` from ``low`` to ``high``, in order; with ``only``, those where it is set."""
    count = min(len(data) - kind.width + 1, high)
    if count <= low:
        return np.empty(0, np.uint64)
    first = unaligned(data, "<u4", 0, count)
    limit = np.uint32((2**32 - 1) >> kind.bits)
    blocks = []
    for start in range(low, count, _BLOCK):
        block = slice(start, min(start + _BLOCK, count))
        # Zero does not hash to zero: a file may be full of zeros.
        chosen = (first[block] * _MULTIPLIER ^ _MASK) <= limit
        if only is not None:
            chosen &= only[block]
        blocks.append(np.flatnonzero(chosen) + start)
    position = np.concatenate(blocks)
    word = unaligned(data, "<u8", 0, count)[position] * _MIX
    for offset in range(8, kind.width, 8):
        word ^= word >> _HALF
        word += unaligned(data, "<u8", min(offset, kind.width - 8), count)[position]
        word *= _MIX_MORE
    word ^= word >> np.uint64(29)
    word *= _MIX_MORE
    return np.asarray((word & ~_LOW) | position.astype(np.uint64))


def positions(words: Words) -> Ints:
    """The positions of anchors."""
    return (words & _LOW).astype(np.int64)


def lone(old: Words, new: Words) -> Pairs:
    """The anchors that are unique in the old file. ``old``: its anchors, sorted."""
    name = old >> _HALF
    begins = np.append(True, name[1:] != name[:-1])[: len(name)]
    once = old[begins & np.append(begins[1:], True)[: len(name)]]
    if not len(once):
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    new = np.sort(new)
    index = np.searchsorted(once, new & ~_LOW)
    index[index == len(once)] = 0
    same = once[index] >> _HALF == new >> _HALF
    position = positions(new[same])
    pairs = Pairs(position, positions(once[index[same]]) - position)
    return pairs.only(np.argsort(position))


def nearest(old: Words, new: Words, expected: Ints, within: int = _NOWHERE) -> Pairs:
    """For each anchor the same bytes of the old file nearest to ``expected``, at most ``within`` away.

    ``old``: the anchors of the old file, sorted; ``new``: those of the new file.
    """
    if not len(old):
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    wanted = (new & ~_LOW) | expected.astype(np.uint64)
    order = np.argsort(wanted)
    wanted = wanted[order]
    after = np.searchsorted(old, wanted)
    best = np.full(len(wanted), within + 1)
    target = np.zeros(len(wanted), np.int64)
    for index in (after, after - 1):
        candidate = old[np.clip(index, 0, len(old) - 1)]
        distance = np.abs(positions(candidate) - positions(wanted))
        closer = (candidate >> _HALF == wanted >> _HALF) & (distance < best)
        target = np.where(closer, positions(candidate), target)
        best = np.where(closer, distance, best)
    target[order], best[order] = target.copy(), best.copy()
    near = best <= within
    position = positions(new)[near]
    return Pairs(position, target[near] - position)


def unaligned(data: Bytes, kind: Any, offset: int, count: int) -> NDArray[Any]:
    """``count`` numbers of ``data``, one at each position from ``offset`` on. They share its memory."""
    return np.ndarray((count,), kind, data.data, offset, (1,))
